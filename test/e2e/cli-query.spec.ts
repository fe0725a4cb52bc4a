import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { startAgent, until, type AgentFixture, type HostRef } from '#libs/testing/index';
import { startWorld, type World } from './support.js';

const ENDLESS = 'with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n';

let world: World;
let second: AgentFixture;
let secondHost: HostRef;
const started: ChildProcess[] = [];

beforeAll(async () => {
  world = await startWorld();
  second = startAgent({ server: world.server, hostname: 'quoted-2' });
  secondHost = await second.online();
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

/** `muster query …`, as somebody at a terminal asks it. */
function start(...args: string[]): Running {
  const child = spawn(process.execPath, ['bin/muster', 'query', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: world.server.url,
      MUSTER_TOKEN: world.client.bearer,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  return {
    child,
    output,
    written: async (text) => {
      while (!output.stdout.includes(text)) await once(child.stdout, 'data');
    },
    exit: once(child, 'close').then(([code]) => code as number | null),
  };
}

async function query(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const { exit, output } = start(...args);
  const code = await exit;
  return { code, ...output };
}

const sorted = (text: string): string[] => text.trimEnd().split(/\r?\n/).sort();

async function offline(): Promise<void> {
  await until(async () => {
    const { body } = await world.client.get(`/api/v1/fleet/hosts/${secondHost.id}`);
    return body.host.status === 'offline';
  });
}

async function newest(): Promise<{ id: number; status: string; end_reason: string | null }> {
  const { body } = await world.client.get('/api/v1/campaigns?limit=1');
  return body.campaigns[0];
}

it('shows the rows of every host', async () => {
  const { code, stdout, stderr } = await query("select 'x' as one, 2 as two", '--all');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '2 of 2 hosts answered\n' });
  expect(stdout.split('\n')[0]).toMatch(/^host +one {2}two$/);
  expect(
    sorted(stdout)
      .slice(1)
      .map((line) => line.split(/ +/)),
  ).toEqual([world.agent.hostname, second.hostname].sort().map((name) => [name, 'x', '2']));
});

it('writes an object per host, of hosts that are named', async () => {
  const { code, stdout } = await query('select 1 as one', '--hosts', `quoted-2,${world.host.id}`, '--json');
  expect(code).toBe(0);
  const hosts = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { host: string; rows: object[] });
  expect(hosts.map(({ host }) => host).sort()).toEqual([world.agent.hostname, 'quoted-2'].sort());
  for (const { host, rows } of hosts)
    expect(rows).toEqual([{ one: '1', host_hostname: host, host_display_name: host }]);
});

it('writes CSV that can be read again', async () => {
  const { stdout } = await query(
    `select 'a,"b"' as x, 'c' || char(10) || 'd' as y`,
    '--hosts',
    'quoted-2',
    '--csv',
  );
  expect(stdout).toBe('host,x,y\r\nquoted-2,"a,""b""","c\nd"\r\n');
});

it('sums up the answers of all', async () => {
  const { code, stdout } = await query(
    'select 5 as n',
    '--all',
    '--aggregate',
    'select count(*) as hosts, sum(n) as total from results',
    '--csv',
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'hosts,total\r\n2,10\r\n' });
});

it('sums up nothing as exactly', async () => {
  const { code, stdout } = await query(
    'select 5 as n where false',
    '--all',
    '--aggregate',
    'select count(*) as rows from results',
  );
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'rows\n0\n' });
});

it('runs a saved query by its name', async () => {
  await world.client.post('/api/v1/fleet/queries', { name: 'Lucky', query: 'select 7 as lucky' });
  const { stdout } = await query('--query-name', 'Lucky', '--hosts', 'quoted-2');
  expect(stdout).toBe('host      lucky\nquoted-2  7\n');
});

it('brings large answers, whole and in order', async () => {
  const many = `with recursive n(i) as (select 1 union all select i + 1 from n limit 30000)
    select i, printf('%0100d', i) as padded from n`;
  const { stdout } = await query(many, '--hosts', 'quoted-2', '--csv');
  const numbers = stdout
    .trimEnd()
    .split('\r\n')
    .slice(1)
    .map((line) => Number(line.split(',')[1]));
  expect(numbers).toEqual(Array.from({ length: 30_000 }, (_, i) => i + 1));
});

it('tells what a host says of bad SQL, and what a limit stopped', async () => {
  const bad = await query('select x from nowhere', '--hosts', 'quoted-2');
  expect(bad).toEqual({
    code: 1,
    stdout: '',
    stderr: 'quoted-2: no such table: nowhere\n0 of 1 hosts answered, 1 failed\n',
  });
  const slow = await query(ENDLESS, '--hosts', 'quoted-2', '--host-seconds', '1');
  expect(slow.code).toBe(1);
  expect(slow.stderr).toContain('quoted-2: killed: time\n');
  expect(slow.stderr).toContain('timed out: quoted-2\n');
});

it('ends on the hosts too with Ctrl-C', async () => {
  const { child, exit, output } = start(ENDLESS, '--hosts', 'quoted-2');
  await until(async () => (await newest()).status === 'running');
  child.kill('SIGINT');
  expect(await exit).toBe(130);
  expect(output.stderr).toContain('cancelling…');
  expect(output.stderr).toContain('stopped: quoted-2\n');
  expect(await newest()).toMatchObject({ status: 'complete', end_reason: 'cancelled' });
});

it('goes on where it was when the server starts anew in the middle', async () => {
  second.kill('SIGSTOP').catch(() => undefined);
  const running = start('select 1 as one', '--all', '--csv');
  await running.written(world.agent.hostname);
  await world.server.kill();
  await world.server.restart();
  await second.kill('SIGCONT');
  expect(await running.exit).toBe(0);
  expect(sorted(running.output.stdout)).toEqual(
    ['host,one', `${world.agent.hostname},1`, 'quoted-2,1'].sort(),
  );
  expect(running.output.stderr).toContain('lost contact');
  expect(running.output.stderr).toContain('2 of 2 hosts answered\n');
}, 60_000);

it('names who is offline, or waits for them', async () => {
  await world.agent.online();
  await second.kill();
  await offline();
  const { code, stdout, stderr } = await query('select 1 as one', '--all', '--csv');
  expect({ code, stdout }).toEqual({ code: 0, stdout: `host,one\r\n${world.agent.hostname},1\r\n` });
  expect(stderr).toBe('1 of 2 hosts answered, 1 offline\noffline: quoted-2\n');
  expect(await newest()).toMatchObject({ status: 'complete', end_reason: 'cancelled' });
  const nobody = await query('select 1 as one', '--hosts', 'quoted-2');
  expect(nobody.code).toBe(1);
  expect(nobody.stderr).toContain('no host was online\n');

  const waiting = start('select 1 as one', '--all', '--csv', '--wait-offline');
  await waiting.written(world.agent.hostname);
  await second.restart();
  expect(await waiting.exit).toBe(0);
  expect(waiting.output.stdout).toContain('quoted-2,1\r\n');
  await until(async () => (await newest()).end_reason === 'answered');
}, 60_000);

it('says who is not known, and that one is not signed in', async () => {
  const unknown = await query('select 1', '--hosts', 'nobody');
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('no hosts targeted') });
  const label = await query('select 1', '--labels', 'nope');
  expect(label.stderr).toContain('Invalid label name(s): nope.');
  expect((await query('select 1')).code).toBe(2);
});
