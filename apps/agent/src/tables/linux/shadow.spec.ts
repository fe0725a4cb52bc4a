import { openTables, program } from '../testing.js';
import { parseShadow } from './shadow.js';

it('reads status, algorithm and dates, and keeps the hash to itself', () => {
  const row = parseShadow('lee:$y$j9T$saltsalt$secretsecret:19000:0:99999:7:::');
  expect(row).toEqual({
    username: 'lee',
    password_status: 'active',
    hash_alg: 'y',
    last_change: 19000,
    min: 0,
    max: 99999,
    warning: 7,
    inactive: -1,
    expire: -1,
    flag: -1,
  });
  expect(JSON.stringify(row)).not.toContain('secret');
});

it.each([
  ['', 'empty', ''],
  ['!!', 'not_set', ''],
  ['!$6$salt$hash', 'locked', ''],
  ['*', 'locked', ''],
  ['$6$salt$hash', 'active', '6'],
])('takes the password %j for %s', (password, status, algorithm) => {
  const row = parseShadow(`lee:${password}:1::::::`);
  expect(row).toMatchObject({ password_status: status, hash_alg: algorithm, min: -1 });
});

it('passes over what is no line of shadow', () => {
  expect(['', 'lee', '#lee:x:1', 'lee:x'].map(parseShadow)).toEqual([null, null, null, null]);
});

it('knows the accounts of this machine', async () => {
  const ask = await openTables();
  const rows = ask('select username from shadow');
  const known = process.getuid?.() === 0 ? (program('cut', '-d:', '-f1', '/etc/shadow') ?? []) : [];
  expect(rows.map((row) => row['username'])).toEqual(known);
  if (known.length === 0) expect(ask.warnings()).toEqual(['not permitted to read /etc/shadow']);
  expect(ask("select username from shadow where username = 'root'").length).toBe(
    known.includes('root') ? 1 : 0,
  );
});
