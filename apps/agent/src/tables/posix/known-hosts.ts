import { type Row, type Table } from '../engine/table.js';
import { type Account, tableOfAccounts } from './accounts.js';
import { joined, linesOf, type Warn } from './files.js';

/** Hosts whose keys an account has accepted. */
export function* knownHostsOf({ directory }: Account, scan: Warn): Generator<Row> {
  const path = joined(directory, '.ssh/known_hosts');
  for (const line of linesOf(path, scan, '.ssh/known_hosts of every account')) {
    const key = line.trim();
    if (key !== '' && !key.startsWith('#')) yield { key, key_file: path };
  }
}

export const knownHosts: Table = tableOfAccounts('known_hosts', knownHostsOf);
