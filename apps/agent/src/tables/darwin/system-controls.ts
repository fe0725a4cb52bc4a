import { type Row, type Table } from '../engine/table.js';
import { linesOf } from '../posix/files.js';
import { parseSettings } from '../posix/sysctl-conf.js';
import { sysctl } from './sysctl.js';

/** A row of a name and its value; sysctl tells no types, so that they are taken from what the value looks like. */
export function toControl(name: string, value: string, configured: string): Row {
  return {
    name,
    oid: '',
    subsystem: name.split('.')[0],
    current_value: value,
    config_value: configured,
    type: /^-?\d+$/.test(value) ? 'int' : value.startsWith('{') ? 'struct' : 'string',
    field_name: '',
  };
}

/** What can be set in the running kernel, and what /etc/sysctl.conf sets it to. */
export const darwinSystemControls: Table = {
  name: 'system_controls',
  platforms: ['darwin'],
  *rows(scan) {
    const settings = new Map(parseSettings(linesOf('/etc/sysctl.conf', scan)));
    const names = scan.equals('name');
    const subsystems = scan.equals('subsystem');
    for (const [name, value] of sysctl(names ?? subsystems, scan)) {
      // A name that stands for a branch shows all that is below it.
      if (names === null || names.includes(name)) yield toControl(name, value, settings.get(name) ?? '');
    }
  },
};
