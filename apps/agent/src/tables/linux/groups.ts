import { type Table } from '../engine/table.js';
import { groupsOf, signed } from './accounts.js';

/** Local groups. */
export const groups: Table = {
  name: 'groups',
  platforms: ['linux'],
  *rows(scan) {
    const asked = scan.equals('gid');
    for (const { groupname, gid } of groupsOf(scan))
      if (!asked || asked.includes(String(gid))) yield { groupname, gid, gid_signed: signed(gid) };
  },
};
