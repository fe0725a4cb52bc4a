import { existsSync, readdirSync, statSync } from 'node:fs';
import * as path from 'node:path';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { dotted, parseSettings } from '../posix/sysctl-conf.js';
import { listProc, readLines, readProc } from './proc.js';

const ROOT = '/proc/sys';
/** In the order in which sysctl reads them: of two files of one name the earlier directory counts, then the name decides. */
const DIRECTORIES = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
  '/lib/sysctl.d',
];

function configured(scan: ScanContext): Map<string, string> {
  const files = new Map<string, string>();
  for (const directory of DIRECTORIES) {
    // Most systems have but some of them.
    const names = existsSync(directory) ? listProc(directory, scan) : [];
    for (const name of names)
      if (name.endsWith('.conf') && !files.has(name)) files.set(name, path.join(directory, name));
  }
  const ordered = [...files].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
  const settings = new Map<string, string>();
  for (const file of [...ordered, '/etc/sysctl.conf'])
    for (const [name, value] of parseSettings(readLines(file, scan))) settings.set(name, value);
  return settings;
}

function* filesBelow(directory: string, scan: ScanContext): Iterable<string> {
  let entries;
  try {
    entries = readdirSync(directory, { withFileTypes: true });
  } catch {
    return;
  }
  for (const entry of entries) {
    const file = `${directory}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(file, scan);
    else yield file;
  }
}

function* filesOf(scan: ScanContext): Iterable<string> {
  const names = scan.equals('name');
  if (names !== null) {
    for (const name of names) {
      const file = `${ROOT}/${name.replaceAll('.', '/')}`;
      if (statSync(file, { throwIfNoEntry: false })?.isFile()) yield file;
      // A dot in the name of an interface, say: then there is nothing for it but to look.
      else
        for (const other of filesBelow(`${ROOT}/${name.split('.')[0]}`, scan))
          if (nameOf(other) === name) yield other;
    }
    return;
  }
  const subsystems = scan.equals('subsystem');
  for (const subsystem of listProc(ROOT, scan)) {
    if (subsystems === null || subsystems.includes(subsystem))
      yield* filesBelow(`${ROOT}/${subsystem}`, scan);
  }
}

function nameOf(file: string): string {
  return dotted(file.slice(ROOT.length + 1));
}

function valueOf(file: string, scan: ScanContext): string {
  // Some can only be written; to read one is refused, to root as well.
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  return mode & 0o444 ? (readProc(file, scan) ?? '').trim() : '';
}

/** What can be set in the running kernel, and what the files of sysctl set it to. */
export const systemControls: Table = {
  name: 'system_controls',
  platforms: ['linux'],
  *rows(scan) {
    const settings = scan.uses('config_value') ? configured(scan) : new Map<string, string>();
    for (const file of filesOf(scan)) {
      const name = nameOf(file);
      const row: Row = {
        name,
        oid: '',
        subsystem: name.split('.')[0],
        current_value: scan.uses('current_value') ? valueOf(file, scan) : '',
        config_value: settings.get(name) ?? '',
        type: 'string',
      };
      yield row;
    }
  },
};
