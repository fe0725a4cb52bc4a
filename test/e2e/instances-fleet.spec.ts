import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type AgentFixture, startAgent, temporaryDirectory, until, type HostRef } from '#libs/testing/index';
import { type Loose, putInstance, rpc } from '../contract/ripex2.support.js';
import { add } from './saved-scripts.support.js';
import { startWorld, type World } from './support.js';
import { addTeam } from './teams.js';

/* Script instances over several hosts: whom they reach as labels and teams change, and from the command line. */

interface Host extends HostRef {
  readonly agent: AgentFixture;
}

let world: World;
let first: Host;
let second: Host;
let release: string;

const SPEC = '/api/v1/fleet/spec';
const SCRIPTS = '/api/v1/fleet/scripts';

beforeAll(async () => {
  world = await startWorld();
  first = { ...world.host, agent: world.agent };
  const agent = startAgent({ server: world.server });
  second = { ...(await agent.online()), agent };
  release = join(temporaryDirectory('release'), 'now');
});

const post = async (path: string, body: object): Promise<Loose> => {
  const answer = await world.client.post(path, body);
  expect([path, answer.status, answer.body]).toEqual([path, 200, expect.anything()]);
  return answer.body;
};
/** What the agent has, by name. */
function held({ agent }: Host): Record<string, Loose> {
  const path = join(agent.stateDir, 'instances/set.json');
  const set: Loose = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : { instances: [] };
  const { instances } = set.set ?? set;
  return Object.fromEntries((instances as Loose[]).map((one) => [one.name, one]));
}
const has = (host: Host, name: string, wanted = true): Promise<unknown> =>
  until(() => name in held(host) === wanted, { what: `${name} on ${host.agent.hostname}: ${wanted}` });
const history = async (params: object): Promise<Loose[]> =>
  (await rpc(world.client, 'script_execution_get', params)).body.executions as Loose[];

function muster(...args: string[]) {
  return spawn(process.execPath, ['bin/muster', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: world.server.url,
      MUSTER_TOKEN: world.client.bearer,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

it('start and stop on all hosts that they reach, saying what became of each', async () => {
  const script = await add(world.client, 'pair.sh', 'while [ ! -e "$1" ]; do sleep 0.05; done\n');
  const hosts = [first, second].map(({ agent }) => agent.hostname);
  await putInstance(world.client, script, 'both', { hosts, arguments: [release] });
  const names = { script_name: 'pair', instance_name: 'both' };
  const alone = await rpc(world.client, 'script_start', { ...names, host: hosts[0] });
  expect([alone.status, alone.body.hosts]).toEqual([200, undefined]);
  const start = await rpc(world.client, 'script_start', names);
  expect(start.status).toBe(200);
  expect(start.body.hosts).toEqual([
    { host: hosts[0], error: { code: 'already_running', message: expect.any(String) } },
    { host: hosts[1], last_execution: expect.objectContaining({ state: 'running', host: hosts[1] }) },
  ]);
  const running = await history({ filter: { states: ['running'] }, pagination: { limit: -10 } });
  expect(running.map(({ host }) => host).sort()).toEqual([...hosts].sort());
  const again = await rpc(world.client, 'script_start', names);
  expect([again.status, again.body.error.code]).toEqual([409, 'already_running']);
  const stop = await rpc(world.client, 'script_stop', names);
  expect([stop.status, stop.body.hosts.map(({ error }: Loose) => error)]).toEqual([
    200,
    [undefined, undefined],
  ]);
  await until(async () => {
    const killed = await history({ filter: { states: ['killed'] }, pagination: { limit: -10 } });
    return killed.length === 2;
  });
});

it('come and go with the label that a host is in', async () => {
  const script = await add(world.client, 'labelled.sh', 'echo labelled\n');
  const label = (...hosts: string[]) =>
    post(`${SPEC}/labels`, { specs: [{ name: 'racks', label_membership_type: 'manual', hosts }] });
  await label(first.agent.hostname);
  await putInstance(world.client, script, 'racked', { labels: ['racks'] });
  await has(first, 'racked');
  expect(held(second)).not.toHaveProperty('racked');
  await label(second.agent.hostname);
  await has(second, 'racked');
  await has(first, 'racked', false);
});

it('come and go with the team that a host is in, whose timeout they have when they have none', async () => {
  const team = await addTeam(world.server, 'Red');
  const script = await add(world.client, 'teamwork.sh', 'echo work\n', { team_id: String(team) });
  await putInstance(world.client, script, 'team', { labels: ['All Hosts'] });
  const transfer = (team_id: number | null) =>
    post('/api/v1/fleet/hosts/transfer', { team_id, hosts: [second.id] });
  await transfer(team);
  await has(second, 'team');
  expect(held(first)).not.toHaveProperty('team');
  // What is of no team is for hosts of none.
  await has(second, 'racked', false);
  await post(`/api/v1/fleet/teams/${team}/agent_options`, { script_execution_timeout: 77 });
  await until(() => held(second)['team']?.timeout_seconds === 77, { what: 'the team’s timeout' });
  await transfer(null);
  await has(second, 'team', false);
  await has(second, 'racked');
});

it('are made, changed and run as specs, the script named without its ending; and deleted', async () => {
  const script = await add(world.client, 'specified.sh', 'echo "specified $*"\n');
  const file = join(temporaryDirectory('specs'), 'instance.yml');
  const apply = async (args: string): Promise<string> => {
    writeFileSync(
      file,
      `apiVersion: v1\nkind: script_instance\nspec:\n  name: daily\n  script: specified\n  hosts: [${first.agent.hostname}]\n  arguments: [${args}]\n` +
        '  start_trigger: { type: schedule, setting: "0 4 * * *" }\n',
    );
    const child = muster('apply', '-f', file);
    let output = '';
    child.stdout.on('data', (data: Buffer) => (output += data.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, output]).toEqual([0, expect.any(String)]);
    return output;
  };
  expect(await apply('one')).toMatch(/daily/);
  await until(() => held(first)['daily']?.arguments[0] === 'one', { what: 'the instance on the agent' });
  const ran = async (): Promise<Loose> => {
    const start = await rpc(world.client, 'script_start', {
      script_name: 'specified',
      instance_name: 'daily',
    });
    expect([start.status, start.body.error]).toEqual([200, undefined]);
    const filter = { instances: [{ script_name: 'specified' }], states: ['finished'] };
    const id = start.body.hosts[0].last_execution.id as number;
    return until(async () => {
      const runs = await history({ filter, pagination: { limit: -1 } });
      return runs.find((one) => one.id === id);
    });
  };
  expect(await ran()).toMatchObject({ arguments: 'one', exit_code: 0 });
  await apply('two');
  await until(() => held(first)['daily']?.arguments[0] === 'two', { what: 'the change on the agent' });
  expect(await ran()).toMatchObject({ arguments: 'two', exit_code: 0 });
  const read = await world.client.get(`${SPEC}/script_instances/specified/daily`);
  expect(read.body.specs).toMatchObject({ script: 'specified.sh', name: 'daily', arguments: ['two'] });
  expect((await world.client.delete(`${SCRIPTS}/${script}/instances/daily`)).status).toBe(204);
  await has(first, 'daily', false);
});

it('are followed from the command line: each run when it starts, and when it has ended', async () => {
  const script = await add(world.client, 'followed.sh', 'while [ ! -e "$1" ]; do sleep 0.05; done; exit 4\n');
  const go = join(temporaryDirectory('go'), 'now');
  await putInstance(world.client, script, 'live', { hosts: [first.agent.hostname], arguments: [go] });
  const child = muster('history', '--follow', '--json', '--script', 'followed');
  const told: Loose[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => told.push(JSON.parse(line)));
  const start = await rpc(world.client, 'script_start', { script_name: 'followed', instance_name: 'live' });
  expect(start.status).toBe(200);
  try {
    await until(() => told.length === 1, { timeout: 30_000, what: 'the start' });
    writeFileSync(go, '');
    await until(() => told.length === 2, { timeout: 30_000, what: 'the end' });
    const { id } = start.body.scripts[0].instances[0].last_execution as { id: number };
    const run = { id, script_name: 'followed', host: first.agent.hostname };
    expect(told).toMatchObject([
      { ...run, state: 'running' },
      { ...run, state: 'finished', exit_code: 4 },
    ]);
  } finally {
    child.kill('SIGINT');
  }
  expect(await once(child, 'close')).toEqual([0, null]);
});
