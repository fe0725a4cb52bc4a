import { type Table } from '../engine/table.js';
import { accountsOf } from '../posix/accounts.js';
import { outputOf } from '../posix/programs.js';

/** The numbers that `id -G` says, the own group first. */
export function parseGroups(text: string): number[] {
  return text
    .trim()
    .split(/\s+/)
    .filter((word) => /^-?\d+$/.test(word))
    .map((word) => Number(word) >>> 0);
}

/** Who is in which group, groups within groups included. */
export const darwinUserGroups: Table = {
  name: 'user_groups',
  platforms: ['darwin'],
  *rows(scan) {
    for (const { uid, username } of accountsOf(scan)) {
      const text = username.startsWith('-') ? null : outputOf('id', ['-G', username], scan);
      for (const gid of parseGroups(text ?? '')) yield { uid, gid };
    }
  },
};
