import { openTables, program } from '../testing.js';

it('knows who is logged in', async () => {
  const ask = await openTables();
  const known = (program('who') ?? []).map((line) => line.split(/\s+/).slice(0, 2));
  // Records are read from a file made for it in utmp.spec.ts; on this machine nobody may be logged in.
  const rows = ask("select user, tty from logged_in_users where type = 'user'");
  expect(rows.map((row) => [row['user'], row['tty']])).toEqual(known);
});
