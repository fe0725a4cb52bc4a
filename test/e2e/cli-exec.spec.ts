import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until, type AgentFixture } from '#libs/testing/index';
import { ended, startWorld, type World } from './support.js';

const files = temporaryDirectory('cli-exec');
const file = (name: string): string => path.join(files, name);

let world: World;
/** web-1, web-2 and db-1, in the order of their ids; each knows its name as WHO. */
let agents: AgentFixture[];
const started: ChildProcess[] = [];

beforeAll(async () => {
  const agent = (hostname: string, ...labels: string[]): object => ({
    hostname,
    env: { WHO: hostname },
    args: labels.flatMap((label) => ['--label', label]),
  });
  world = await startWorld({ agent: agent('web-1', 'group=web.dev') });
  agents = [world.agent];
  for (const [hostname, label] of [
    ['web-2', 'group=web.prod'],
    ['db-1', 'group=db'],
  ] as const) {
    const next = startAgent({ server: world.server, ...agent(hostname, label) });
    await next.online();
    agents.push(next);
  }
}, 60_000);

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

interface Running {
  readonly child: ChildProcess;
  readonly output: { stdout: string; stderr: string };
  /** Resolves as soon as standard output holds the text. */
  written(text: string): Promise<void>;
  readonly exit: Promise<number | null>;
}

/** `muster …` with pipes. */
function start(args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, ['bin/muster', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: world.server.url,
      MUSTER_TOKEN: world.client.bearer,
    },
    stdio: 'pipe',
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  child.stdin.end(input);
  return {
    child,
    output,
    written: async (text) => {
      while (!output.stdout.includes(text)) await once(child.stdout, 'data');
    },
    exit: once(child, 'close').then(([code]) => code as number | null),
  };
}

async function muster(
  args: readonly string[],
  input?: string,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { exit, output } = start(args, input);
  const code = await exit;
  return { code, ...output };
}

const exec = (target: string, options: readonly string[], words: readonly string[], input?: string) =>
  muster(['exec', '--target', target, ...options, '--', ...words], input);

const lines = (text: string): string[] => text.trimEnd().split('\n');
/** A table's rows, its columns apart. */
const cells = (text: string): string[][] => lines(text).map((line) => line.split(/ {2,}/));

it('brings the lines of all hosts behind their names, and how each fared', async () => {
  const { code, stdout, stderr } = await exec('_all', ['--shell'], ['echo "I am $WHO"; printf "no end"']);
  expect(code).toBe(0);
  expect(lines(stdout).sort()).toEqual(
    ['db-1', 'web-1', 'web-2'].flatMap((name) => [`[${name}] I am ${name}`, `[${name}] no end`]),
  );
  const [head, ...rows] = cells(stderr);
  expect(head).toEqual(['HOST', 'STATUS', 'EXIT', 'TIME', 'ERROR']);
  expect(rows.slice(0, 3).map((row) => row.slice(0, 3))).toEqual([
    ['db-1', 'finished', '0'],
    ['web-1', 'finished', '0'],
    ['web-2', 'finished', '0'],
  ]);
  expect(rows[3]).toEqual(['3 of 3 hosts ended with 0']);
});

it('ends with the code of the worst host of a label', async () => {
  const { code, stdout, stderr } = await exec(
    'group:web',
    ['--shell'],
    ['[ "$WHO" = web-2 ] && exit 7; exit 2'],
  );
  expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
  expect(
    cells(stderr)
      .slice(1, 3)
      .map((row) => row.slice(0, 3)),
  ).toEqual([
    ['web-1', 'finished', '2'],
    ['web-2', 'finished', '7'],
  ]);
});

it('is the command itself on one host', async () => {
  expect(await exec('db-1', ['--stdin'], ['cat'], 'né\n')).toEqual({ code: 0, stdout: 'né\n', stderr: '' });
  const meta = ['$HOME', '; rm *', '"', "'", '\\', '`id`'];
  const echoed = await exec('db-1', ['--cwd', '/tmp', '--env', 'X=1'], ['printf', '%s\\n', ...meta]);
  expect(echoed).toEqual({ code: 0, stdout: `${meta.join('\n')}\n`, stderr: '' });
  const shell = await exec(
    'db-1',
    ['--shell', '--cwd', '/tmp', '--env', 'X=a b'],
    ['pwd; echo "$X" >&2; exit 3'],
  );
  expect(shell).toEqual({ code: 3, stdout: '/tmp\n', stderr: 'a b\n' });
});

it('says what cannot run', async () => {
  const missing = await exec('db-1', [], ['no-such-program']);
  expect(missing).toMatchObject({ code: 127, stdout: '' });
  expect(missing.stderr).toContain('did not start on db-1');
  const late = await exec('db-1', ['--timeout', '1'], ['sleep', '30']);
  expect(late.code).toBe(124);
  const nobody = await exec('nobody', [], ['id']);
  expect(nobody).toMatchObject({ code: 1, stdout: '' });
  expect(nobody.stderr).toMatch(/^muster: .*"nobody" not found/);
});

it('runs once on any', async () => {
  const { code, stdout } = await exec('_any', ['--shell'], [`echo "$WHO" >> '${file('any')}'; echo "$WHO"`]);
  expect(code).toBe(0);
  expect(readFileSync(file('any'), 'utf8')).toBe(stdout);
  expect(lines(stdout)).toHaveLength(1);
});

it('shows lines while they come, and Ctrl-C ends it on the hosts', async () => {
  const run = start(['exec', '--target', '_all', '--shell', '--', 'echo "$$ of $WHO"; sleep 100']);
  for (const name of ['web-1', 'web-2', 'db-1']) await run.written(`of ${name}\n`);
  run.child.kill('SIGINT');
  expect(await run.exit).toBe(130);
  expect(run.output.stderr).toContain('cancelling…');
  expect(cells(run.output.stderr).filter((row) => row[1] === 'killed')).toHaveLength(3);
  const pids = lines(run.output.stdout).map((line) => / (\d+) of /.exec(line)![1]!);
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
});

it('goes in waves, halts, and goes on when it is told to', async () => {
  const script = `echo "$WHO" >> '${file('waves')}'; [ -e '${file('repaired')}' ] || [ "$WHO" != web-2 ]`;
  const halted = await exec('_all', ['--shell', '--batch', '1', '--max-failures', '0'], [script]);
  expect(halted.code).toBe(1);
  expect(readFileSync(file('waves'), 'utf8')).toBe('web-1\nweb-2\n');
  expect(cells(halted.stderr).map((row) => row.slice(0, 2))).toEqual(
    expect.arrayContaining([
      ['web-1', 'finished'],
      ['web-2', 'finished'],
      ['db-1', 'not sent'],
    ]),
  );
  expect(halted.stderr).toContain('halted in wave 2 of 3: 1 host has failed');
  const id = /muster resume ([0-9a-f-]{36})/.exec(halted.stderr)![1]!;

  expect(await muster(['resume', id])).toMatchObject({ code: 0, stderr: '' });
  await ended(world.client, id);
  expect(readFileSync(file('waves'), 'utf8')).toBe('web-1\nweb-2\ndb-1\n');
  expect(await muster(['resume', id])).toMatchObject({ code: 1 });
});

it('keeps jobs, and runs one again', async () => {
  const { stdout: printed } = await exec(
    'group:web',
    ['--shell', '--async'],
    [`echo "$WHO" >> '${file('again')}'; [ "$WHO" = web-1 ]`],
  );
  const id = printed.trimEnd();
  await ended(world.client, id);
  const list = await muster(['jobs', 'list', '--limit', '1']);
  expect(cells(list.stdout)[1]!.slice(0, 2)).toEqual([id, 'completed']);
  const got = await muster(['jobs', 'get', id]);
  expect(cells(got.stdout).slice(-2)).toEqual([
    ['web-1', 'completed', '0'],
    ['web-2', 'completed', '1'],
  ]);
  const again = await muster(['jobs', 'retry', id, '--failed-only']);
  await ended(world.client, again.stdout.trimEnd());
  expect(lines(readFileSync(file('again'), 'utf8')).sort()).toEqual(['web-1', 'web-2', 'web-2']);
  expect(await muster(['jobs', 'delete', id])).toMatchObject({ code: 0 });
  expect(await muster(['jobs', 'get', id])).toMatchObject({ code: 1, stdout: '' });
});

it('shows beforehand who would run it, and keeps to that', async () => {
  const preview = await exec('group:web', ['--preview'], ['touch', file('previewed')]);
  expect(cells(preview.stdout).map((row) => row.slice(1, 3))).toEqual([
    ['HOST', 'WOULD'],
    ['web-1', 'run'],
    ['web-2', 'run'],
  ]);
  const digest = /--digest ([0-9a-f]{64})/.exec(preview.stderr)![1]!;
  expect(existsSync(file('previewed'))).toBe(false);
  const other = await exec('_all', ['--digest', digest], ['touch', file('previewed')]);
  expect(other.code).toBe(1);
  expect(existsSync(file('previewed'))).toBe(false);
  expect(await exec('group:web', ['--digest', digest], ['touch', file('previewed')])).toMatchObject({
    code: 0,
  });
  expect(existsSync(file('previewed'))).toBe(true);
});

it('sends nothing to a drained host', async () => {
  expect(await muster(['hosts', 'drain', 'web-2'])).toMatchObject({ code: 0 });
  const drained = await exec('group:web', [], ['true']);
  expect(drained.code).toBe(125);
  expect(cells(drained.stderr)).toEqual(
    expect.arrayContaining([expect.arrayContaining(['web-2', 'failed to start'])]),
  );
  expect(await muster(['hosts', 'undrain', 'web-2'])).toMatchObject({ code: 0 });
  expect(await exec('group:web', [], ['true'])).toMatchObject({ code: 0 });
});

it('tells who is away', async () => {
  await agents[2]!.stop();
  await until(async () => {
    const { body } = await world.client.get('/api/v1/fleet/hosts?status=offline');
    return body.hosts.length === 1;
  });
  const { code, stdout, stderr } = await exec('_all', [], ['echo', 'here']);
  expect(code).toBe(125);
  expect(lines(stdout).sort()).toEqual(['[web-1] here', '[web-2] here']);
  expect(cells(stderr)[1]).toEqual(['db-1', 'failed to start', 'host offline']);
});
