import { openTables, program } from '../testing.js';

it('knows the logins that last knows', async () => {
  const ask = await openTables();
  const known = program('last', '--time-format', 'notime') ?? [];
  const logins = known.filter((line) => !/^(wtmp|reboot|runlevel|shutdown)\b/.test(line));
  // Records are read from a file made for it in utmp.spec.ts; this machine may have none.
  expect(ask('select * from last where type = 7')).toHaveLength(logins.length);
});
