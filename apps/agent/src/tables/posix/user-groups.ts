import { type Table } from '../engine/table.js';
import { accountsOf, groupsOf } from './accounts.js';

/** Who is in which group: the own group first, then the others. */
export const userGroups: Table = {
  name: 'user_groups',
  platforms: ['linux'],
  *rows(scan) {
    const memberships = new Map<string, number[]>();
    for (const { gid, members } of groupsOf(scan))
      for (const name of members) memberships.set(name, [...(memberships.get(name) ?? []), gid]);
    for (const { uid, gid, username } of accountsOf(scan))
      for (const id of new Set([gid, ...(memberships.get(username) ?? [])])) yield { uid, gid: id };
  },
};
