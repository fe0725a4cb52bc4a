import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type Ask, openTables } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('shows the environment of a process as it was started', async () => {
  const env = { PLAIN: 'one two', WITH_EQUALS: 'a=b=c', EMPTY: '', LINES: 'first\nsecond', UMLAUT: 'zürich' };
  const child = spawn('/bin/sleep', ['60'], { env, stdio: 'ignore' });
  await once(child, 'spawn');
  const rows = ask(`select key, value from process_envs where pid = ${child.pid}`);
  expect(Object.fromEntries(rows.map((row) => [row['key'], row['value']]))).toEqual(env);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(ask(`select * from process_envs where pid = ${child.pid}`)).toEqual([]);
});

it('has every process that may be looked at', () => {
  const names = readFileSync('/proc/self/environ', 'utf8')
    .split('\0')
    .filter((entry) => entry !== '');
  const [row] = ask('select count(*) as n from process_envs where pid in (select pid from processes)');
  const [own] = ask(`select count(*) as n from process_envs where pid = ${process.pid}`);
  expect(own).toEqual({ n: String(names.length) });
  expect(Number(row?.['n'])).toBeGreaterThanOrEqual(names.length);
});
