import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type Ask, openTables, program } from '../testing.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

it('knows the processes that ps knows', () => {
  const lines = program('ps', '-eo', 'pid=,ppid=,uid=,nice=,comm=') ?? [];
  const seen = new Map(
    ask('select pid, parent, uid, nice, name from processes').map((row) => [row['pid'], row]),
  );
  const known = lines
    .map((line) => line.trim().split(/\s+/))
    // ps itself has gone, and what begins or ends between the two looks is in one of them only.
    .filter(([pid, , , , name]) => name !== 'ps' && seen.has(pid ?? ''));
  expect(known.length).toBeGreaterThan(lines.length / 2);
  for (const [pid, parent, uid, nice] of known) {
    if (nice === '-') continue;
    expect(seen.get(pid ?? '')).toMatchObject({ parent, uid, nice });
  }
});

it('describes one process, and finds it without looking at the others', async () => {
  const child = spawn('/bin/sleep', ['60'], { cwd: '/tmp', stdio: 'ignore' });
  await once(child, 'spawn');
  const [row, ...others] = ask(`select * from processes where pid = ${child.pid}`);
  expect(others).toEqual([]);
  expect(row).toMatchObject({
    pid: String(child.pid),
    name: 'sleep',
    cmdline: '/bin/sleep 60',
    cwd: '/tmp',
    root: '/',
    parent: String(process.pid),
    uid: String(process.getuid?.()),
    on_disk: '1',
    threads: '1',
  });
  expect(row?.['path']).toMatch(/\/(sleep|busybox|coreutils)$/);
  expect(Math.abs(Number(row?.['start_time']) - Date.now() / 1000)).toBeLessThan(30);
  child.kill('SIGKILL');
  await once(child, 'exit');
  expect(ask(`select pid from processes where pid = ${child.pid}`)).toEqual([]);
});

it('joins by pid', () => {
  const sql = `select p.name, q.pid from processes p join processes q on q.pid = p.parent where p.pid = ${process.pid}`;
  expect(ask(sql)).toEqual([{ name: expect.any(String), pid: String(process.ppid) }]);
});
