import { type Ask, openTables, program } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('knows the groups that getent knows', () => {
  const known = (program('getent', 'group') ?? program('cat', '/etc/group') ?? []).map((line) => {
    const [groupname, , gid] = line.split(':');
    return { groupname, gid };
  });
  expect(known.length).toBeGreaterThan(0);
  expect(known).toEqual(expect.arrayContaining(ask('select groupname, gid from groups')));
  expect(ask('select groupname, gid_signed from groups where gid = 0')).toEqual([
    { groupname: 'root', gid_signed: '0' },
  ]);
});
