import { type Row, type Table } from '../engine/table.js';
import { type Account, tableOfAccounts } from './accounts.js';
import { joined, linesOf, type Warn } from './files.js';

const FILES = ['.ssh/authorized_keys', '.ssh/authorized_keys2'];
/** Options hold blanks inside quotes only. */
const OPTIONS = /^((?:[^\s"]|"(?:[^"\\]|\\.)*")+)\s+/;
const KEY = /^((?:ssh|ecdsa|sk-ssh|sk-ecdsa|rsa|dsa)[\w.@-]*)\s+([A-Za-z0-9+/]+=*)(?:\s+(.*))?$/;

/** A line of authorized_keys, see sshd(8); null for a comment. Of what is no key the whole line is the key. */
export function parseAuthorizedKey(text: string): Row | null {
  const line = text.trim();
  if (line === '' || line.startsWith('#')) return null;
  const plain = KEY.exec(line);
  const options = plain ? '' : (OPTIONS.exec(line)?.[1] ?? '');
  const [, algorithm = '', key = line, comment = ''] =
    plain ?? KEY.exec(line.slice(options.length).trim()) ?? [];
  return { algorithm, key, options: algorithm === '' ? '' : options, comment: comment.trim() };
}

/** Keys that may log in as an account. */
export function* authorizedKeysOf({ directory }: Account, scan: Warn): Generator<Row> {
  for (const name of FILES) {
    const path = joined(directory, name);
    for (const line of linesOf(path, scan, `${name} of every account`)) {
      const row = parseAuthorizedKey(line);
      if (row) yield { key_file: path, ...row };
    }
  }
}

export const authorizedKeys: Table = tableOfAccounts('authorized_keys', authorizedKeysOf);
