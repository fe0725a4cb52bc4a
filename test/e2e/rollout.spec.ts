import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type ExecutionDto } from '#libs/executions/executions.dto';
import { isFinal } from '#libs/executions/states';
import { type AgentFixture, startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { expectLawfulTransitions, recordTransitions } from '../faults/support/transitions.js';
import { addTeamUser, addUser, ended, expectProblem, run, sql, startWorld, type World } from './support.js';
import { addMember, addTeam, moveHost, saveScript } from './teams.js';

const HOSTS = 4;
const files = temporaryDirectory('rollouts');

let world: World;
/** In the order of their ids; each passes its place, from 1 on, to its scripts as WHO. */
let agents: AgentFixture[];
let hosts: number[];

beforeAll(async () => {
  world = await startWorld({ agent: { env: { WHO: '1' } } });
  await recordTransitions(world.server.databaseUrl!);
  agents = [world.agent];
  hosts = [world.host.id];
  // One after the other: waves go by ids.
  for (let who = 2; who <= HOSTS; who += 1) {
    const agent = startAgent({ server: world.server, env: { WHO: String(who) } });
    agents.push(agent);
    hosts.push((await agent.online()).id);
  }
});

const file = (name: string): string => path.join(files, name);
const waitFor = (name: string): string => `until [ -e '${file(name)}' ]; do sleep 0.02; done`;
const open = (name: string): void => writeFileSync(file(name), '');

let batches = 0;
const ask = async (script: string, more: object) =>
  world.client.post('/api/v1/fleet/scripts/run/batch', {
    script_id: await saveScript(world.server, `rollout-${(batches += 1)}.sh`, script),
    host_ids: hosts,
    ...more,
  });

/** Runs a script on all four hosts; the execution's id. */
async function begin(script: string, more: object): Promise<string> {
  const { status, body } = await ask(script, more);
  if (status !== 200) throw new Error(`the batch answered ${status}: ${JSON.stringify(body)}`);
  return body.batch_execution_id as string;
}

async function look(id: string, query = ''): Promise<ExecutionDto> {
  const { status, body } = await world.client.get(`/api/v1/executions/${id}${query}`);
  if (status !== 200) throw new Error(`${id} answered ${status}: ${JSON.stringify(body)}`);
  return body as ExecutionDto;
}

/** The execution, once its rollout is in that state. */
const reaches = (id: string, state: string): Promise<ExecutionDto> =>
  until(
    async () => {
      const execution = await look(id);
      return execution.rollout?.state === state ? execution : undefined;
    },
    { timeout: 20_000, what: `${id} is ${state}` },
  );

const statesOf = ({ targets }: ExecutionDto): string[] => targets.map(({ state }) => state);
const resume = (id: string, body?: object) =>
  world.client.post(`/api/v1/executions/${id}/resume`, body ?? {});
const acts = (
  id: string,
): Promise<{ act: string; email: string | null; outcome: string; details: object }[]> =>
  sql(
    world.server,
    `SELECT act, email, outcome, details FROM audit WHERE execution_uuid = $1 AND act LIKE 'rollout%' ORDER BY id`,
    [id],
  );

/** The changes of an execution's targets, in the order of their commits, as [place of the host, state]. */
async function changes(id: string): Promise<[number, string][]> {
  const rows = await sql(
    world.server,
    `SELECT t.host_id, s.now FROM seen_transitions s JOIN targets t ON t.uuid = s.uuid JOIN executions e ON e.id = t.execution_id
     WHERE e.uuid = $1 ORDER BY s.n`,
    [id],
  );
  return rows.map(({ host_id, now }) => [hosts.indexOf(host_id as number) + 1, now]);
}

/** Nothing of a wave left the server before all of the one before had ended. */
async function expectWaves(id: string, waves: number[][]): Promise<void> {
  const seen = await changes(id);
  for (const [i, wave] of waves.slice(1).entries()) {
    const before = waves[i]!;
    const lastEnd = seen.findLastIndex(([who, now]) => before.includes(who) && isFinal(now as never));
    const firstSent = seen.findIndex(([who, now]) => wave.includes(who) && now === 'dispatched');
    const released = seen.findIndex(([who, now]) => wave.includes(who) && now === 'queued');
    expect(lastEnd).toBeGreaterThan(-1);
    expect(released).toBeGreaterThan(lastEnd);
    expect(firstSent).toBeGreaterThan(released);
  }
}

it('goes from wave to wave, each after all of the one before has ended', async () => {
  const id = await begin(
    `until [ -e '${file('first-')}'$WHO ]; do sleep 0.02; done; echo $WHO >> '${file('order')}'`,
    { ramp: [1, 3] },
  );
  open('first-1');
  await until(() => existsSync(file('order')));
  // Two of the next wave: the third host waits for both.
  open('first-2');
  await until(() => readFileSync(file('order'), 'utf8') === '1\n2\n');
  const between = await until(async () => {
    const execution = await look(id);
    return execution.targets[1]?.state === 'finished' ? execution : undefined;
  });
  expect(statesOf(between)).toEqual([
    'finished',
    'finished',
    expect.stringMatching(/dispatched|running/),
    'ready',
  ]);
  expect(between.rollout).toEqual({
    state: 'running',
    reason: null,
    wave: 2,
    waves: 3,
    released: 3,
    failures: 0,
    forgiven: 0,
    max_failures: null,
    next_at: null,
  });
  const summary = await world.client.get(`/api/v1/fleet/scripts/batch/summary/${id}`);
  expect(summary.body).toMatchObject({ targeted: 4, pending: 2, ran: 2, errored: 0, canceled: 0 });
  open('first-4');
  open('first-3');
  await ended(world.client, id);
  expect((await reaches(id, 'done')).rollout).toMatchObject({ wave: 3, released: 4, reason: null });
  expect(readFileSync(file('order'), 'utf8')).toBe('1\n2\n3\n4\n');
  await expectWaves(id, [[1], [2, 3], [4]]);
  expect(await acts(id)).toEqual([]);
});

it('halts when more have failed than may, sends nothing more, and goes on when it is resumed', async () => {
  const id = await begin('[ $WHO = 2 ]', { batch: 1, max_failures: 0, pause_between: 0 });
  // Who waits for the end hears that there will be none.
  const halted = await look(id, '?wait=50');
  expect(statesOf(halted)).toEqual(['finished', 'ready', 'ready', 'ready']);
  const reason = '1 host has failed, and max_failures is 0: nothing more is sent until this is resumed';
  expect(halted.rollout).toMatchObject({ state: 'halted', reason, wave: 1, released: 1, failures: 1 });
  const listed = (await world.client.get('/api/v1/executions?state=ready&limit=1')).body.executions;
  expect(listed).toMatchObject([{ id, rollout: { state: 'halted', reason } }]);

  expectProblem(await resume(id, { max_failures: -1 }), 400, 'max_failures', /whole number/);
  expect((await resume(id, { max_failures: '26%' })).body).toMatchObject({
    id,
    rollout: { reason: null, failures: 0, forgiven: 1, max_failures: 1 },
  });
  await ended(world.client, id);
  const done = await reaches(id, 'done');
  expect(done.targets.map((t) => t.exit_code)).toEqual([1, 0, 1, 1]);
  expect(done.rollout).toMatchObject({ wave: 4, released: 4, failures: 2, forgiven: 1 });
  await expectWaves(id, [[1], [2], [3], [4]]);
  expect(await acts(id)).toEqual([
    { act: 'rollout_halted', email: null, outcome: 'failed', details: { reason, failures: 1 } },
    {
      act: 'rollout_resumed',
      email: world.server.admin.email,
      outcome: 'done',
      details: { wave: 1, failures: 1, max_failures: 1 },
    },
  ]);
  expectProblem(await resume(id), 409, 'base', /only what is halted/);
});

it('halts again when after a resume too many fail', async () => {
  const id = await begin('exit 1', { batch: '25%', max_failures: '25%' });
  expect((await reaches(id, 'halted')).rollout).toMatchObject({ wave: 2, failures: 2, max_failures: 1 });
  expect((await resume(id)).status).toBe(202);
  await ended(world.client, id);
  expect((await reaches(id, 'done')).rollout).toMatchObject({ failures: 2, forgiven: 2, wave: 4 });
});

it('takes out of the queues, in mid-wave, what had not been sent', async () => {
  const [last] = agents.slice(-1);
  await last!.stop();
  const id = await begin(`[ $WHO != 1 ] && { ${waitFor('mid')}; exit 0; }; exit 7`, { max_failures: 0 });
  const halted = await reaches(id, 'halted');
  // What runs is let alone.
  expect(statesOf(halted)).toEqual([
    'finished',
    expect.stringMatching(/dispatched|running/),
    expect.stringMatching(/dispatched|running/),
    'ready',
  ]);
  await last!.restart();
  await last!.online();
  // Its host is back, and runs what else it is asked for, in the same lane.
  await ended(world.client, await run(world.client, hosts.at(-1)!, 'true'));
  expect(statesOf(await look(id)).at(-1)).toBe('ready');
  open('mid');
  expect((await look(id, '?wait=50')).rollout).toMatchObject({ state: 'halted', failures: 1 });
  await resume(id);
  await ended(world.client, id);
  expect((await reaches(id, 'done')).rollout).toMatchObject({ wave: 1, waves: 1, released: 4, forgiven: 1 });
});

it('ends when what it holds back is cancelled', async () => {
  const id = await begin('exit 1', { batch: 1, max_failures: 0 });
  await reaches(id, 'halted');
  const { status, body } = await world.client.post(`/api/v1/executions/${id}/cancel`);
  expect(status).toBe(202);
  expect(body).toMatchObject({ counts: { finished: 1, cancelled: 3 }, rollout: { state: 'done', wave: 1 } });
  expect((await resume(id)).status).toBe(409);
});

it('goes on past hosts that are cancelled before their turn; cancelled runs are no failures', async () => {
  const id = await begin(waitFor('past'), { batch: 1, max_failures: 0 });
  const cancel = (target: number) =>
    world.client
      .post(`/api/v1/executions/${id}/cancel?target=${target}`)
      .then(({ body }) => body as ExecutionDto);
  const [first, second] = (await look(id)).targets;
  await cancel(second!.id);
  // The one that runs: killed, as asked for.
  await until(async () => (await look(id)).targets[0]?.state === 'running');
  await cancel(first!.id);
  open('past');
  await ended(world.client, id);
  const done = await reaches(id, 'done');
  expect(statesOf(done)).toEqual(['killed', 'cancelled', 'finished', 'finished']);
  expect(done.rollout).toMatchObject({ failures: 0, released: 3, wave: 3, waves: 4 });
});

it('pauses between waves, and no longer than asked for', async () => {
  const id = await begin('true', { batch: 2, pause_between: 2 });
  const { rollout, targets } = await reaches(id, 'pausing');
  expect(targets.map(({ state }) => state)).toEqual(['finished', 'finished', 'ready', 'ready']);
  const nextAt = Date.parse(rollout!.next_at!);
  await ended(world.client, id);
  expect((await reaches(id, 'done')).rollout!.next_at).toBeNull();
  const sent: { dispatched_at: Date }[] = await sql(
    world.server,
    'SELECT dispatched_at FROM targets WHERE uuid = ANY($1) ORDER BY id',
    [targets.map(({ uuid }) => uuid)],
  );
  for (const { dispatched_at } of sent.slice(2))
    expect(dispatched_at.getTime()).toBeGreaterThanOrEqual(nextAt);
});

it('ends in its pause when the rest is cancelled', async () => {
  const id = await begin('true', { batch: 2, pause_between: 600 });
  await reaches(id, 'pausing');
  const { body } = await world.client.post(`/api/v1/executions/${id}/cancel`);
  expect(body).toMatchObject({
    counts: { finished: 2, cancelled: 2 },
    rollout: { state: 'done', next_at: null },
  });
});

it('counts hosts that cannot run it from the start, and makes no wave of them', async () => {
  await sql(world.server, 'UPDATE hosts SET scripts_enabled = false WHERE id = $1', [hosts[0]]);
  const id = await begin('true', { batch: 1, max_failures: 0 });
  const halted = await look(id);
  expect(statesOf(halted)).toEqual(['failed_to_start', 'ready', 'ready', 'ready']);
  expect(halted.rollout).toMatchObject({ state: 'halted', wave: 0, waves: 3, released: 0, failures: 1 });
  expect(await acts(id)).toMatchObject([{ act: 'rollout_halted' }]);
  await resume(id);
  await ended(world.client, id);
  await ended(world.client, id);
  expect((await reaches(id, 'done')).rollout).toMatchObject({
    wave: 3,
    released: 3,
    failures: 0,
    forgiven: 1,
  });
  await sql(world.server, 'UPDATE hosts SET scripts_enabled = true WHERE id = $1', [hosts[0]]);
});

it('counts a host on which the caller may not run it once, whichever wave its place is in', async () => {
  const [own, other] = [await addTeam(world.server, 'own'), await addTeam(world.server, 'other')];
  const member = await addTeamUser(world.server, 'both@example.com', {
    [own]: 'maintainer',
    [other]: 'observer',
  });
  for (const [i, host] of hosts.entries()) await moveHost(world.server, host, i === 0 ? other : own);
  const { status, body } = await member.post('/api/node/_all/command/exec', {
    command: 'true',
    batch: 1,
    max_failures: 1,
  });
  expect(status).toBe(202);
  const done = await reaches(body.job_id as string, 'done');
  expect(statesOf(done)).toEqual(['denied', 'finished', 'finished', 'finished']);
  expect(done.rollout).toMatchObject({ failures: 1, released: 3, wave: 3 });
  for (const host of hosts) await moveHost(world.server, host, null);
});

it('goes on when a host of the wave is removed, and when targets expire', async () => {
  const [{ id: gone }] = await sql(
    world.server,
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'invented', facts, decode(md5(random()::text), 'hex') FROM hosts WHERE id = $1 RETURNING id`,
    [world.host.id],
  );
  const id = await begin('true', { host_ids: [world.host.id, gone], ramp: [1, 2], max_failures: 0 });
  await until(async () => (await look(id)).targets[1]?.state === 'queued');
  expect((await world.client.delete(`/api/v1/fleet/hosts/${gone}`)).status).toBe(200);
  expect(statesOf(await reaches(id, 'done'))).toEqual(['finished', 'cancelled']);

  const late = await begin('exit 1', { batch: 1, max_failures: 0 });
  await reaches(late, 'halted');
  // Behind the server's back: Fleet's batch has no expiry of its own.
  await sql(world.server, `UPDATE targets SET expires_at = now() WHERE state = 'ready'`);
  const done = await reaches(late, 'done');
  expect(statesOf(done)).toEqual(['finished', 'expired', 'expired', 'expired']);
  expect(done.targets.at(-1)?.message).toBe('expired before its turn came');
});

it('is nothing of its own where it makes no difference', async () => {
  for (const [host_ids, more] of [
    [[world.host.id], { batch: 1, max_failures: 0 }],
    [hosts, { batch: 4 }],
    [hosts, { pause_between: 5 }],
  ] as const) {
    const id = await begin('true', { host_ids, ...more });
    await ended(world.client, id);
    expect((await look(id)).rollout).toBeNull();
    expectProblem(await resume(id), 409, 'base', /only what is halted/);
  }
});

it.each<[string, object, RegExp]>([
  ['batch', { batch: 0 }, /from 1 on/],
  ['batch', { batch: 'half' }, /percentage/],
  ['batch', { batch: [1] }, /percentage/],
  ['ramp', { ramp: 5 }, /array/],
  ['ramp', { ramp: [] }, /a step/],
  ['ramp', { ramp: [1, null] }, /percentages/],
  ['ramp', { ramp: [5, 1] }, /more than the one before/],
  ['ramp', { batch: 1, ramp: [1] }, /only one of/],
  ['max_failures', { max_failures: '200%' }, /percentage/],
  ['pause_between', { pause_between: 'x' }, /whole number/],
  ['pause_between', { pause_between: 1e9 }, /at most/],
])('refuses a %s that makes no sense: %j', async (name, more, reason) => {
  const count = async () => (await sql(world.server, 'SELECT count(*)::int AS n FROM executions'))[0].n;
  const before = await count();
  expectProblem(await ask('true', more), 400, name, reason);
  expect(await count()).toBe(before);
});

it('is resumed by who may do so on every host that is still to be reached', async () => {
  const team = await addTeam(world.server, 'rollouts');
  const member = await addMember(world.server, team, 'maintainer');
  const observer = await addUser(world.server, 'watcher@example.com', 'observer');
  const halted = async () => {
    const id = await begin('exit 1', { batch: 1, max_failures: 0 });
    await reaches(id, 'halted');
    return id;
  };
  const [mixed, own] = [await halted(), await halted()];
  await moveHost(world.server, hosts[1]!, team);
  const by = async (client: typeof member, id: string) =>
    (await client.post(`/api/v1/executions/${id}/resume`, {})).status;
  expect(await by(observer, mixed)).toBe(403);
  expect(await by(member, mixed)).toBe(403);
  for (const host of hosts.slice(2)) await moveHost(world.server, host, team);
  // The one that is not of the team has ended.
  expect(await by(member, own)).toBe(202);
  for (const host of hosts) await moveHost(world.server, host, null);
  expect(await by(member, mixed)).toBe(404);
  expectProblem(await resume('11111111-2222-4333-8444-555555555555'), 404, 'base', /not found/);
  await Promise.all([mixed, own].map((id) => world.client.post(`/api/v1/executions/${id}/cancel`)));
});

it('never changed a target but as the states allow', async () => {
  await expectLawfulTransitions(world.server.databaseUrl!);
});
