import { type Row, type Table } from '../engine/table.js';
import { accountsOf } from './accounts.js';
import { joined, linesOf, type Warn } from './files.js';

/** Options of an ssh_config(5), each with the host or match line it stands under; in small letters, as osquery. */
export function* parseSshConfig(lines: Iterable<string>): Generator<Row> {
  let block = '';
  for (const text of lines) {
    const line = text.trim().toLowerCase();
    if (line === '' || line.startsWith('#')) continue;
    if (/^(host|match)[\s=]/.test(line)) block = line;
    else yield { block, option: line };
  }
}

/** What one file tells ssh. */
export function* sshConfigRows(path: string, scan: Warn): Generator<Row> {
  for (const row of parseSshConfig(linesOf(path, scan, 'the ssh configuration of every account')))
    yield { ssh_config_file: path, ...row };
}

/** What ssh is told by accounts, and by the whole machine (as of root). */
export const sshConfigs: Table = {
  name: 'ssh_configs',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const { uid, directory } of accountsOf(scan))
      for (const row of sshConfigRows(joined(directory, '.ssh/config'), scan)) yield { uid, ...row };
    for (const row of sshConfigRows('/etc/ssh/ssh_config', scan)) yield { uid: 0, ...row };
  },
};
