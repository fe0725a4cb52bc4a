import { type Ask, openTables, program } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

/** What getent says, or the file itself where there is none. */
const lines = (): string[] => program('getent', 'passwd') ?? program('cat', '/etc/passwd') ?? [];

it('knows the accounts that getent knows', () => {
  const rows = ask(
    'select username, uid, gid, description, directory, shell from users where include_remote = 1',
  );
  const local = ask('select username, uid, gid, description, directory, shell from users');
  const known = lines().map((line) => {
    const [username, , uid, gid, description, directory, shell] = line.split(':');
    return { username, uid, gid, description, directory, shell };
  });
  expect(known.length).toBeGreaterThan(0);
  expect(rows).toEqual(known);
  expect(known).toEqual(expect.arrayContaining(local));
});

it('finds by uid and by name', () => {
  expect(ask('select username, uid_signed from users where uid in (0, 123456)')).toEqual([
    { username: 'root', uid_signed: '0' },
  ]);
  expect(ask("select uid from users where username = 'root'")).toEqual([{ uid: '0' }]);
  expect(ask("select uid from users where username = 'no such account'")).toEqual([]);
});
