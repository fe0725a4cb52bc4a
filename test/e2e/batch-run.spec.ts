import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until, type AgentFixture, type Api } from '#libs/testing/index';
import {
  addUser,
  ended,
  expectProblem,
  firstOutput,
  resultOf,
  run,
  sql,
  startWorld,
  type World,
} from './support.js';
import { addMember, addTeam, moveHost, saveScript } from './teams.js';

const BATCH = '/api/v1/fleet/scripts/run/batch';

let world: World;
let script: number;
let team: number;
let teamScript: number;
/** Of the team, offline; the other one of no team. */
let away: AgentFixture;
let awayId: number;

beforeAll(async () => {
  world = await startWorld();
  script = await saveScript(world.server, 'batch.sh', 'echo batch');
  team = await addTeam(world.server, 'batch', { script_execution_timeout: 9 });
  teamScript = await saveScript(world.server, 'team.sh', 'echo team', team);
  away = startAgent({ server: world.server });
  ({ id: awayId } = await away.online());
  await away.stop();
});

const ask = (body: object, client: Api = world.client) => client.post(BATCH, body);
const summary = (id: string, client: Api = world.client) =>
  client.get(`/api/v1/fleet/scripts/batch/summary/${id}`);

async function started(body: object): Promise<string> {
  const answer = await ask(body);
  expect([answer.status, answer.body]).toEqual([
    200,
    { batch_execution_id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  ]);
  return answer.body.batch_execution_id as string;
}

/** A host that has never been there, as far as the database is concerned; its id. */
async function inventHost(changes: string): Promise<number> {
  const [row] = await sql(
    world.server,
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'invented', facts, decode(md5(random()::text), 'hex') FROM hosts WHERE id = $1 RETURNING id`,
    [world.host.id],
  );
  await sql(world.server, `UPDATE hosts SET ${changes} WHERE id = $1`, [row.id]);
  return row.id as number;
}

it('runs a saved script on many hosts and counts how it went', async () => {
  const windows = await inventHost(`facts = facts || '{"platform":"windows"}'`);
  const disabled = await inventHost('scripts_enabled = false');
  const hosts = [world.host.id, awayId, windows, disabled];
  const id = await started({ script_id: script, host_ids: [...hosts, world.host.id] });
  await until(async () => (await summary(id)).body.ran === 1);
  const { body } = await summary(id);
  expect(body).toEqual({
    script_id: script,
    script_name: 'batch.sh',
    team_id: 0,
    created_at: expect.stringMatching(/Z$/),
    targeted: 4,
    pending: 1,
    ran: 1,
    errored: 2,
    canceled: 0,
  });
  const { body: execution } = await world.client.get(`/api/v1/executions/${id}`);
  expect(execution.targets.map((t: { state: string; reason: string }) => [t.state, t.reason])).toEqual([
    ['finished', null],
    ['queued', null],
    ['failed_to_start', 'incompatible_platform'],
    ['failed_to_start', 'scripts_disabled'],
  ]);
  const [ran, waits, incompatible, off] = execution.targets;
  const result = async ({ uuid }: { uuid: string }) =>
    (await world.client.get(`/api/v1/fleet/scripts/results/${uuid}`)).body;
  expect(await result(ran)).toMatchObject({ output: 'batch\n', exit_code: 0, script_id: script });
  expect(await result(waits)).toMatchObject({ exit_code: null, host_id: awayId });
  expect(await result(incompatible)).toMatchObject({
    exit_code: -1,
    message: expect.stringMatching(/windows/),
  });
  expect(await result(off)).toMatchObject({ exit_code: -2 });
  await world.client.delete(`/api/v1/fleet/hosts/${awayId}/activities/upcoming/${waits.uuid}`);
  expect((await summary(id)).body).toMatchObject({ pending: 0, canceled: 1 });
  const acts = (await world.client.get('/api/v1/fleet/activities')).body.activities;
  expect(acts.find(({ type }: { type: string }) => type === 'ran_script_batch')).toMatchObject({
    actor_email: world.server.admin.email,
    details: { batch_execution_id: id, script_name: 'batch.sh', host_count: 4, team_id: null },
  });
});

it('queues on a host where the script waits already', async () => {
  for (let i = 0; i < 2; i += 1) await started({ script_id: script, host_ids: [awayId] });
  const { body } = await world.client.get(`/api/v1/fleet/hosts/${awayId}/activities/upcoming`);
  expect(body.count).toBe(2);
  for (const { uuid } of body.activities)
    await world.client.delete(`/api/v1/fleet/hosts/${awayId}/activities/upcoming/${uuid}`);
});

it('of one host that cannot run it has ended at once', async () => {
  const windows = await inventHost(`facts = facts || '{"platform":"windows"}'`);
  const id = await started({ script_id: script, host_ids: [windows] });
  const { target } = await ended(world.client, id);
  expect(target).toMatchObject({ uuid: id, state: 'failed_to_start' });
  const { body } = await world.client.get(`/api/v1/fleet/hosts/${windows}/activities`);
  expect(body.activities).toMatchObject([
    { type: 'ran_script', outcome: 'failed', details: { script_execution_id: id, state: 'failed_to_start' } },
  ]);
});

it('counts as canceled what was stopped while it ran, and as errored what failed', async () => {
  const file = path.join(temporaryDirectory('batch'), 'gate');
  const slow = await saveScript(
    world.server,
    'slow.sh',
    `echo up; while [ ! -e '${file}' ]; do sleep 0.02; done`,
  );
  const stopped = await started({ script_id: slow, host_ids: [world.host.id] });
  await firstOutput(world, stopped);
  await world.client.delete(`/api/v1/fleet/hosts/${world.host.id}/activities/upcoming/${stopped}`);
  await ended(world.client, stopped);
  expect((await summary(stopped)).body).toMatchObject({ canceled: 1, errored: 0, pending: 0 });
  writeFileSync(file, '');
  const bad = await saveScript(world.server, 'bad.sh', 'exit 1');
  const failed = await started({ script_id: bad, host_ids: [world.host.id] });
  await resultOf(world.client, failed);
  expect((await summary(failed)).body).toMatchObject({ canceled: 0, errored: 1, targeted: 1 });
  await sql(world.server, 'DELETE FROM scripts WHERE id = $1', [bad]);
  expect((await summary(failed)).body).toMatchObject({ script_id: null, script_name: 'bad.sh' });
});

it('takes filters instead of ids', async () => {
  const agent = startAgent({ server: world.server, hostname: 'filter-100%' });
  const { id: host } = await agent.online();
  await moveHost(world.server, host, team);
  const other = await inventHost(`team_id = ${team}, hostname = 'filter-1000'`);
  const targets = async (filters: object) => {
    const id = await started({ script_id: teamScript, filters: { team_id: team, ...filters } });
    const { body } = await world.client.get(`/api/v1/executions/${id}`);
    return body.targets.map((t: { host: { id: number } }) => t.host.id);
  };
  expect(await targets({})).toEqual([host, other]);
  expect(await targets({ status: 'online' })).toEqual([host]);
  expect(await targets({ status: 'offline' })).toEqual([other]);
  expect(await targets({ query: ' 100% ' })).toEqual([host]);
  const label = await world.client.post('/api/v1/fleet/labels', { name: 'Batch', host_ids: [other, 1] });
  expect(await targets({ label_id: label.body.label.id })).toEqual([other]);
  expect((await ask({ script_id: teamScript, filters: { team_id: team, query: 'nobody' } })).status).toBe(
    400,
  );
  const [{ timeout_seconds }] = await sql(
    world.server,
    `SELECT timeout_seconds FROM executions WHERE options->>'team_id' = $1 LIMIT 1`,
    [String(team)],
  );
  expect(timeout_seconds).toBe(9);
  await agent.stop();
});

describe('a request that makes no sense', () => {
  const many = Array.from({ length: 5_001 }, (_, i) => i + 1);
  it.each<[string, () => object, number, string, string | RegExp]>([
    ['no script', () => ({ host_ids: [1] }), 404, 'base', 'Script 0 was not found in the datastore'],
    ['an unknown script', () => ({ script_id: 999, host_ids: [1] }), 404, 'base', /^Script 999/],
    ['no hosts', () => ({ script_id: script }), 400, 'base', /no hosts/],
    ['an empty list', () => ({ script_id: script, host_ids: [] }), 400, 'base', /no hosts/],
    ['both', () => ({ script_id: script, host_ids: [1], filters: { team_id: 0 } }), 400, 'base', /Only one/],
    ['too many', () => ({ script_id: script, host_ids: many }), 422, 'filters', 'too_many_hosts'],
    ['an unknown host', () => ({ script_id: script, host_ids: [1, 999_999] }), 422, 'host_ids', /same team/],
    [
      'a host of another team',
      () => ({ script_id: teamScript, host_ids: [1] }),
      422,
      'host_ids',
      /same team/,
    ],
    ['filters without a team', () => ({ script_id: script, filters: {} }), 400, 'filters', /team_id/],
    ['another team', () => ({ script_id: script, filters: { team_id: team } }), 422, 'filters', /team_id/],
    [
      'a label that nobody is in',
      () => ({ script_id: script, filters: { team_id: 0, label_id: 8 } }),
      400,
      'base',
      /no hosts/,
    ],
    [
      'an unknown status',
      () => ({ script_id: script, filters: { team_id: 0, status: 'x' } }),
      400,
      'filters.status',
      /online/,
    ],
    ['ids that are text', () => ({ script_id: script, host_ids: ['1'] }), 400, 'host_ids', /integers/],
    ['filters that are none', () => ({ script_id: script, filters: 'x' }), 400, 'filters', /\S/],
  ])('%s', async (_, body, status, name, reason) => {
    const count = async () => (await sql(world.server, 'SELECT count(*)::int AS n FROM executions'))[0].n;
    const before = await count();
    expectProblem(await ask(body()), status, name, reason);
    expect(await count()).toBe(before);
  });
});

it('is for who may write scripts; its summary for who may read them', async () => {
  const maintainer = await addMember(world.server, team, 'maintainer');
  const observer = await addMember(world.server, team, 'observer');
  const gitops = await addUser(world.server, 'git@example.com', 'gitops');
  expect((await ask({ script_id: script, host_ids: [awayId] }, maintainer)).status).toBe(403);
  expect((await ask({ script_id: 999, host_ids: [awayId] }, maintainer)).status).toBe(403);
  expect((await ask({ script_id: teamScript, filters: { team_id: team } }, observer)).status).toBe(403);
  const { status, body } = await ask({ script_id: teamScript, filters: { team_id: team } }, maintainer);
  expect(status).toBe(200);
  expect((await ask({ script_id: script, host_ids: [awayId] }, gitops)).status).toBe(200);
  const id = body.batch_execution_id as string;
  for (const client of [maintainer, observer]) {
    expect((await summary(id, client)).body).toMatchObject({ team_id: team, script_name: 'team.sh' });
    expect((await summary('11111111-2222-4333-8444-555555555555', client)).status).toBe(403);
  }
  expect((await summary(id, gitops)).status).toBe(403);
  expect((await summary('x')).status).toBe(404);
  const single = await run(world.client, world.host.id, 'true');
  expect((await summary(single)).status).toBe(404);
});
