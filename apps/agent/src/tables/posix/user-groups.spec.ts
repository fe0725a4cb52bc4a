import { type Ask, openTables, program } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('says of every account what id says', () => {
  const names = ask('select username, uid from users');
  expect(names.length).toBeGreaterThan(0);
  for (const { username, uid } of names) {
    const [known = ''] = program('id', '-G', username ?? '') ?? [];
    const seen = ask(`select gid from user_groups where uid = ${uid}`).map((row) => row['gid']);
    expect(seen.sort()).toEqual(known.split(' ').sort());
  }
});

it('joins with groups', () => {
  const sql = 'select groupname from user_groups join groups using (gid) where uid = 0';
  expect(ask(sql)).toContainEqual({ groupname: 'root' });
});
