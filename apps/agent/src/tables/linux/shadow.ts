import { type Row, type Table } from '../engine/table.js';
import { linesOf } from '../posix/files.js';

/** A line of shadow(5); null for one that is none. No part of the password leaves this function. */
export function parseShadow(line: string): Row | null {
  const [username = '', password = '', ...numbers] = line.split(':');
  if (username === '' || username.startsWith('#') || numbers.length === 0) return null;
  // What is not given is -1, as in the C library.
  const [change, min, max, warning, inactive, expire, flag] = Array.from({ length: 7 }, (_, i) => {
    const text = numbers[i] ?? '';
    return /^-?\d+$/.test(text) ? Number(text) : -1;
  });
  return {
    username,
    password_status: statusOf(password),
    hash_alg: /^\$(\w+)\$/.exec(password)?.[1] ?? '',
    last_change: change,
    min,
    max,
    warning,
    inactive,
    expire,
    flag,
  };
}

function statusOf(password: string): string {
  if (password === '') return 'empty';
  if (password === '!!') return 'not_set';
  return /^[!*x]/.test(password) ? 'locked' : 'active';
}

/** Local passwords: whether there are any, and how old they are. */
export const shadow: Table = {
  name: 'shadow',
  platforms: ['linux'],
  *rows(scan) {
    const asked = scan.equals('username');
    for (const line of linesOf('/etc/shadow', scan)) {
      const row = parseShadow(line);
      if (row && (!asked || asked.includes(String(row['username'])))) yield row;
    }
  },
};
