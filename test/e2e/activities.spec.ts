import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until, type Api } from '#libs/testing/index';
import {
  addUser,
  ended,
  expectProblem,
  firstOutput,
  lives,
  resultOf,
  run,
  sql,
  startWorld,
  type World,
} from './support.js';
import { addMember, addTeam, saveScript } from './teams.js';

let world: World;
let directory: string;

beforeAll(async () => {
  world = await startWorld();
  directory = temporaryDirectory('activities');
});

const at = (hostId: number, more = '') => `/api/v1/fleet/hosts/${hostId}/activities${more}`;
const past = async (hostId = world.host.id, query = '') => (await world.client.get(at(hostId, query))).body;
const upcoming = async (hostId = world.host.id, query = '') =>
  (await world.client.get(at(hostId, `/upcoming${query}`))).body;
const cancel = (id: string, client: Api = world.client, hostId = world.host.id) =>
  client.delete(at(hostId, `/upcoming/${id}`));

const admin = () => ({
  actor_id: expect.any(Number),
  actor_full_name: expect.stringMatching(/\S/),
  actor_email: world.server.admin.email,
  actor_gravatar: '',
  fleet_initiated: false,
});
const about = (id: string, more: object = {}) => ({
  host_id: world.host.id,
  host_display_name: world.agent.hostname,
  script_name: '',
  script_execution_id: id,
  async: true,
  policy_id: null,
  policy_name: null,
  ...more,
});

/** Runs until `release` is called. */
async function busy(): Promise<{ id: string; pid: number; release: () => void }> {
  const file = path.join(directory, `gate-${Math.random().toString(36).slice(2)}`);
  const id = await run(world.client, world.host.id, `echo $$; while [ ! -e '${file}' ]; do sleep 0.02; done`);
  const pid = Number(await firstOutput(world, id));
  return { id, pid, release: () => writeFileSync(file, '') };
}

it('shows what runs and what waits, in its order, then what came of it', async () => {
  const { id: first, release } = await busy();
  const script_id = await saveScript(world.server, 'second.sh', 'echo second');
  const { body } = await world.client.post('/api/v1/fleet/scripts/run', {
    host_id: world.host.id,
    script_id,
  });
  const second = body.execution_id as string;
  const third = await run(world.client, world.host.id, 'exit 3');
  const item = (uuid: string, more: object = {}) => ({
    created_at: expect.stringMatching(/Z$/),
    uuid,
    ...admin(),
    type: 'ran_script',
    details: about(uuid, more),
  });
  expect(await upcoming()).toEqual({
    activities: [item(first), item(second, { script_name: 'second.sh' }), item(third)],
    meta: { has_next_results: false, has_previous_results: false },
    count: 3,
  });
  expect(await upcoming(world.host.id, '?page=1&per_page=1')).toMatchObject({
    activities: [{ uuid: second }],
    meta: { has_next_results: true, has_previous_results: true },
    count: 3,
  });
  release();
  await ended(world.client, third);
  expect(await upcoming()).toMatchObject({ activities: [], count: 0 });
  const { activities, meta } = await past();
  expect(meta).toEqual({ has_next_results: false, has_previous_results: false });
  expect(activities[0]).toEqual({
    id: expect.any(Number),
    created_at: expect.stringMatching(/Z$/),
    ...admin(),
    type: 'ran_script',
    outcome: 'done',
    details: about(third, { state: 'finished', exit_code: 3 }),
  });
  expect(
    activities.map((a: { details: { script_execution_id: string } }) => a.details.script_execution_id),
  ).toEqual([third, second, first]);
  expect((await past(world.host.id, '?page=0&per_page=1')).meta.has_next_results).toBe(true);
  expect(await past(world.host.id, '?page=2&per_page=1')).toMatchObject({
    activities: [{ details: { script_execution_id: first } }],
    meta: { has_next_results: false, has_previous_results: true },
  });
});

it('says of a run that somebody waited for that it was not async', async () => {
  const { body } = await world.client.post('/api/v1/fleet/scripts/run/sync', {
    host_id: world.host.id,
    script_contents: 'true',
  });
  expect((await past()).activities[0].details).toMatchObject({
    script_execution_id: body.execution_id,
    async: false,
  });
});

describe('DELETE', () => {
  it('of what waits: it never runs, its result is not found, and the record says who did it', async () => {
    const { release } = await busy();
    const file = path.join(directory, 'cancelled');
    const id = await run(world.client, world.host.id, `touch '${file}'`);
    const next = await run(world.client, world.host.id, 'true');
    const maintainer = await addUser(world.server, 'max@example.com', 'maintainer');
    const answer = await cancel(id, maintainer);
    expect([answer.status, answer.body]).toEqual([204, '']);
    expectProblem(await cancel(id), 404, 'base', `UpcomingActivity ${id} was not found in the datastore`);
    expect((await world.client.get(`/api/v1/fleet/scripts/results/${id}`)).status).toBe(404);
    expect((await upcoming()).count).toBe(2);
    expect((await past()).activities[0]).toMatchObject({
      type: 'canceled_run_script',
      actor_email: 'max@example.com',
      outcome: 'done',
      details: { host_id: world.host.id, host_display_name: world.agent.hostname, script_name: '' },
    });
    release();
    expect((await resultOf(world.client, next)).exit_code).toBe(0);
    expect(existsSync(file)).toBe(false);
    const rows = await sql(world.server, 'SELECT act FROM audit WHERE execution_uuid = $1 ORDER BY id', [id]);
    expect(rows.map(({ act }) => act).sort()).toEqual(['cancel', 'canceled_run_script', 'requested_script']);
  });

  it('of what runs: its whole process group is ended, and its result stays', async () => {
    const id = await run(world.client, world.host.id, 'sleep 300 & echo $$ $!; wait');
    const pids = (await firstOutput(world, id)).trim().split(' ').map(Number);
    expect((await cancel(id)).status).toBe(204);
    expectProblem(await cancel(id), 404, 'base', /^UpcomingActivity/);
    expect((await upcoming()).count).toBe(0);
    expect(await resultOf(world.client, id)).toMatchObject({
      exit_code: -1,
      message: `The script was stopped by ${world.server.admin.email}.`,
    });
    await until(() => !pids.some(lives));
    expect((await past()).activities.slice(0, 2)).toMatchObject([
      { type: 'ran_script', outcome: 'failed', details: { script_execution_id: id, state: 'killed' } },
      { type: 'canceled_run_script', details: { script_execution_id: id } },
    ]);
  });

  it('of what is not to come is a 404', async () => {
    const id = await run(world.client, world.host.id, 'true');
    await ended(world.client, id);
    for (const unknown of [id, 'x', '11111111-2222-4333-8444-555555555555'])
      expectProblem(
        await cancel(unknown),
        404,
        'base',
        `UpcomingActivity ${unknown} was not found in the datastore`,
      );
    const { id: elsewhere, release } = await busy();
    const other = startAgent({ server: world.server });
    expect((await cancel(elsewhere, world.client, (await other.online()).id)).status).toBe(404);
    release();
    await other.stop();
  });
});

it('records what expired before its host came', async () => {
  const agent = startAgent({ server: world.server });
  const { id: hostId } = await agent.online();
  await agent.stop();
  const id = await run(world.client, hostId, 'true', { expires_in: 1 });
  await ended(world.client, id);
  expect((await past(hostId)).activities).toMatchObject([
    {
      type: 'ran_script',
      outcome: 'failed',
      actor_email: world.server.admin.email,
      details: { script_execution_id: id, state: 'expired', exit_code: null },
    },
  ]);
});

describe('who may', () => {
  let member: Api;
  beforeAll(async () => {
    member = await addMember(world.server, await addTeam(world.server, 'other'), 'maintainer');
  });

  it.each([
    ['observer', 200, 403],
    ['observer_plus', 200, 403],
    ['maintainer', 200, 204],
    ['gitops', 403, 403],
  ])('%s: read %i, cancel %i', async (role, reads, cancels) => {
    const client = await addUser(world.server, `${role}@who.example.com`, role);
    const { release } = await busy();
    const id = await run(world.client, world.host.id, 'true');
    for (const path of ['', '/upcoming'])
      expect((await client.get(at(world.host.id, path))).status).toBe(reads);
    expect((await client.get('/api/v1/fleet/activities')).status).toBe(reads);
    expect((await cancel(id, client)).status).toBe(cancels);
    release();
  });

  it('a role on another team is not enough; that there is no such host is told', async () => {
    const { id, release } = await busy();
    for (const path of ['', '/upcoming']) {
      expect((await member.get(at(world.host.id, path))).status).toBe(403);
      expectProblem(await member.get(at(999_999, path)), 404, 'base', /^Host 999999/);
      expect((await world.client.get(at(world.host.id, `${path}?page=-1`))).status).toBe(400);
    }
    expect((await cancel(id, member)).status).toBe(403);
    expect((await member.get('/api/v1/fleet/activities')).status).toBe(403);
    release();
    await ended(world.client, id);
  });
});

describe('all activities', () => {
  const all = async (query = '') => (await world.client.get(`/api/v1/fleet/activities${query}`)).body;

  it('are the whole record, newest first or oldest first, page by page', async () => {
    const { activities } = await all();
    const ids = activities.map(({ id }: { id: number }) => id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
    const types = new Set(activities.map(({ type }: { type: string }) => type));
    for (const type of ['user_logged_in', 'requested_script', 'ran_script', 'canceled_run_script'])
      expect(types).toContain(type);
    expect((await all('?order_key=created_at&order_direction=asc&per_page=2&page=0')).activities).toEqual(
      activities.slice(-2).reverse(),
    );
    const page = await all('?order_key=id&order_direction=desc&page=1&per_page=3');
    expect(page.activities).toEqual(activities.slice(3, 6));
    expect(page.meta).toEqual({ has_next_results: true, has_previous_results: true });
    expect((await world.client.get('/api/v1/fleet/activities?order_key=details')).status).toBe(400);
  });

  it('tell of requests that were refused, and of nobody where nobody is known', async () => {
    const observer = await addUser(world.server, 'olga@example.com', 'observer');
    const hostId = world.host.id;
    const body = { host_id: hostId, script_contents: 'true' };
    expect((await observer.post('/api/v1/fleet/scripts/run', body)).status).toBe(403);
    await until(async () => {
      const [denied] = (await all('?per_page=1')).activities;
      return denied.outcome === 'denied' && denied.actor_email === 'olga@example.com';
    });
    expect((await past()).activities.some(({ outcome }: { outcome: string }) => outcome === 'denied')).toBe(
      false,
    );
  });
});

it('reads only its page of a record with twenty thousand rows', async () => {
  await sql(
    world.server,
    `INSERT INTO audit (act, outcome, host_id, details) SELECT 'noise', 'done', CASE WHEN n % 2 = 0 THEN 424242 END, '{}' FROM generate_series(1, 20000) n`,
  );
  // Each row is read once more, to be sealed; that is another matter, and of connections that have ended.
  await until(
    async () => {
      const unsealed = `(SELECT count(*) FROM audit) - (SELECT sum(cardinality(ids)) FROM audit_seals) AS n`;
      return Number((await sql(world.server, `SELECT ${unsealed}`))[0].n) === 0;
    },
    { what: 'the seals of all rows', timeout: 90_000 },
  );
  await world.server.stop();
  await world.server.restart();
  const reads = async () =>
    Number(
      (
        await sql(
          world.server,
          `SELECT coalesce(sum(idx_tup_read + idx_scan), 0) AS n FROM pg_stat_user_indexes WHERE relname = 'audit'`,
        )
      )[0].n,
    );
  const before = await reads();
  const { activities } = await past(world.host.id, '?page=0&per_page=5');
  expect(activities).toHaveLength(5);
  expect((await world.client.get('/api/v1/fleet/activities?page=0&per_page=5')).body.activities).toHaveLength(
    5,
  );
  // Connections hand in their counters when they end.
  await world.server.stop();
  expect((await reads()) - before).toBeLessThan(2_000);
});
