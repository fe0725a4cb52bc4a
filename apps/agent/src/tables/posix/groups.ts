import { type Table } from '../engine/table.js';
import { groupsOf, signed } from './accounts.js';

/** Local groups. */
export const groups: Table = {
  name: 'groups',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    const asked = scan.equals('gid');
    for (const { members: _, ...group } of groupsOf(scan))
      if (!asked || asked.includes(String(group.gid))) yield { ...group, gid_signed: signed(group.gid) };
  },
};
