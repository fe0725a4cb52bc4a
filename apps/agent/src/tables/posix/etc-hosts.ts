import { type Row, type Table } from '../engine/table.js';
import { linesOf } from './files.js';

/** A line of hosts(5); null for one without names. */
export function parseHost(line: string): Row | null {
  const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
  return names.length === 0 ? null : { address, hostnames: names.join(' ') };
}

/** Names of hosts that this machine knows by itself. */
export const etcHosts: Table = {
  name: 'etc_hosts',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const line of linesOf('/etc/hosts', scan)) {
      const row = parseHost(line);
      if (row) yield row;
    }
  },
};
