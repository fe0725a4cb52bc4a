import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, closeSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { openTables, program } from '../testing.js';

let ask: Awaited<ReturnType<typeof openTables>>;
let directory: string;
let children: ChildProcess[] = [];

beforeAll(async () => {
  ask = await openTables();
});

beforeEach(() => {
  directory = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'tables-')));
});

afterEach(async () => {
  for (const child of children) {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
  children = [];
  rmSync(directory, { recursive: true });
});

async function sleeper(stdio: ('ignore' | 'pipe' | number)[]): Promise<ChildProcess> {
  const child = spawn('/bin/sleep', ['60'], { stdio });
  children.push(child);
  await once(child, 'spawn');
  return child;
}

it('knows the files that a process has open, also when they have been removed', async () => {
  const kept = path.join(directory, 'kept with blank');
  const removed = path.join(directory, 'removed');
  writeFileSync(kept, 'x');
  writeFileSync(removed, 'x');
  const files = [openSync(kept, 'r'), openSync(removed, 'r')];
  const child = await sleeper(['ignore', 'pipe', 'ignore', ...files]);
  files.forEach((file) => closeSync(file));
  rmSync(removed);
  expect(ask(`select fd, path from process_open_files where pid = ${child.pid} order by fd`)).toEqual([
    { fd: '0', path: '/dev/null' },
    { fd: '2', path: '/dev/null' },
    { fd: '3', path: kept },
    { fd: '4', path: `${removed} (deleted)` },
  ]);
});

it('finds the two ends of an anonymous pipe', async () => {
  const child = spawn('/bin/sh', ['-c', 'sleep 60 | sleep 61; true'], { stdio: 'ignore' });
  children.push(child);
  const of = (text: string): string => {
    const lines = program('ps', '-o', 'pid=,args=', '--ppid', String(child.pid)) ?? [];
    return (
      lines
        .find((line) => line.endsWith(text))
        ?.trim()
        .split(' ')[0] ?? ''
    );
  };
  let [writer, reader] = ['', ''];
  while (writer === '' || reader === '') {
    await new Promise((resolve) => setTimeout(resolve, 50));
    [writer, reader] = [of(' 60'), of(' 61')];
  }
  const sql = `select * from process_open_pipes where pid in (${writer}, ${reader}) and fd < 2 order by fd desc`;
  const inode = /\d+/.exec(readlinkSync(`/proc/${reader}/fd/0`))?.[0];
  expect(ask(sql)).toEqual([
    {
      pid: writer,
      fd: '1',
      mode: 'w',
      inode,
      type: 'anonymous',
      partner_pid: reader,
      partner_fd: '0',
      partner_mode: 'r',
    },
    {
      pid: reader,
      fd: '0',
      mode: 'r',
      inode,
      type: 'anonymous',
      partner_pid: writer,
      partner_fd: '1',
      partner_mode: 'w',
    },
  ]);
  for (const pid of [writer, reader]) process.kill(Number(pid), 'SIGKILL');
});

it('knows a named pipe that nobody else has open', async () => {
  const fifo = path.join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  // For reading and writing, so that opening does not wait for anybody.
  const file = openSync(fifo, 'r+');
  const child = await sleeper(['ignore', 'ignore', 'ignore', file]);
  closeSync(file);
  const sql = `select fd, mode, type, partner_pid from process_open_pipes where pid = ${child.pid} and fd < 4`;
  expect(ask(sql)).toEqual([{ fd: '3', mode: 'rw', type: 'named', partner_pid: null }]);
});

it('knows the namespaces of a process', async () => {
  const child = await sleeper(['ignore', 'ignore', 'ignore']);
  const [row] = ask(`select * from process_namespaces where pid = ${child.pid}`);
  for (const kind of ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'])
    expect(`${kind}:[${row?.[`${kind}_namespace`]}]`).toBe(readlinkSync(`/proc/${child.pid}/ns/${kind}`));
  expect(ask(`select pid from process_namespaces where pid = ${child.pid}`)).toEqual([
    { pid: String(child.pid) },
  ]);
  expect(ask('select pid from process_namespaces where pid = 999999999')).toEqual([]);
});

it('says once what it may not see, not for each process and file', () => {
  ask('select * from process_open_files');
  const warnings = ask.warnings();
  expect(warnings.filter((warning) => /\d/.test(warning))).toEqual([]);
  expect(warnings.length).toBeLessThanOrEqual(2);
});
