import { createHash, randomUUID } from 'node:crypto';
import { startAgent } from '#libs/testing/index';
import { ended, expectProblem, firstOutput, run, sql, startWorld, type World } from './support.js';

let world: World;
/** Ids of ended executions on the host, oldest first. */
const ids: string[] = [];
/** Waits for a host that is away. */
let waiting: string;
let awayId: number;
let away: string;

beforeAll(async () => {
  world = await startWorld();
  const other = startAgent({ server: world.server });
  awayId = (await other.online()).id;
  away = other.hostname;
  await other.stop();
  for (let i = 0; i < 5; i += 1) ids.push(await run(world.client, world.host.id, `exit ${i}`));
  waiting = await run(world.client, awayId, 'true');
  await ended(world.client, ids.at(-1)!);
});

async function list(query: string) {
  const { status, body } = await world.client.get(`/api/v1/executions?${query}`);
  expect(status).toBe(200);
  const found = body.executions as { id: string; created_at: string; targets: { state: string }[] }[];
  return { ids: found.map(({ id }) => id), found, next: body.next as string | null };
}

describe('an execution', () => {
  it('is shown with its target as documented', async () => {
    const { execution, target } = await ended(world.client, ids[3]!);
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(execution).toEqual({
      id: ids[3],
      kind: 'script',
      requested_by: world.server.admin.email,
      created_at: time,
      expires_at: null,
      content_sha256: createHash('sha256').update('exit 3').digest('hex'),
      rollout: null,
      review: null,
      counts: { finished: 1 },
      targets: [target],
    });
    expect(target).toEqual({
      id: expect.any(Number),
      uuid: ids[3],
      host: { id: world.host.id, uuid: world.host.uuid, hostname: world.agent.hostname },
      state: 'finished',
      reason: null,
      message: '',
      exit_code: 3,
      signal: null,
      started_at: time,
      finished_at: time,
      duration_ms: expect.any(Number),
      stdout_bytes: 0,
      stderr_bytes: 0,
      truncated: false,
      masked: null,
    });
    expect(Date.parse(target.finished_at)).toBeGreaterThanOrEqual(Date.parse(target.started_at));
  });

  it('is found by the uuid of its target, and by either in capitals', async () => {
    const uuid = randomUUID();
    await sql(world.server, 'UPDATE targets SET uuid = $1 WHERE uuid = $2', [uuid, ids[0]]);
    for (const name of [uuid, uuid.toUpperCase(), ids[0]!, ids[0]!.toUpperCase()]) {
      const { status, body } = await world.client.get(`/api/v1/executions/${name}`);
      expect([status, body.id, body.targets[0].uuid]).toEqual([200, ids[0], uuid]);
      expect((await world.client.get(`/api/v1/executions/${name}/output`)).body.done).toBe(true);
    }
    expect((await world.client.get(`/api/v1/fleet/scripts/results/${uuid}`)).body.execution_id).toBe(uuid);
    await sql(world.server, 'UPDATE targets SET uuid = $1 WHERE uuid = $2', [ids[0], uuid]);
  });

  it.each(['x', '1', '%00', '%20', "'", '11111111-2222-4333-8444-555555555555', 'x'.repeat(2_000)])(
    'that is called %s is a 404, for every verb',
    async (name) => {
      const path = `/api/v1/executions/${name}`;
      for (const answer of [
        await world.client.get(path),
        await world.client.get(`${path}?wait=1`),
        await world.client.get(`${path}/output`),
        await world.client.post(`${path}/cancel`),
      ])
        expectProblem(answer, 404, 'base', /^Execution .* was not found in the datastore$/s);
    },
  );
});

describe('waiting', () => {
  it('answers as soon as it has ended, or after the time given', async () => {
    const id = await run(world.client, world.host.id, 'sleep 0.3');
    const begun = Date.now();
    const { body } = await world.client.get(`/api/v1/executions/${id}?wait=30`);
    expect(body.counts).toEqual({ finished: 1 });
    expect(Date.now() - begun).toBeLessThan(10_000);
    const before = Date.now();
    const open = await world.client.get(`/api/v1/executions/${waiting}?wait=1`);
    expect(open.body.counts).toEqual({ queued: 1 });
    expect(Date.now() - before).toBeGreaterThanOrEqual(950);
    expect(Date.now() - before).toBeLessThan(5_000);
  });

  it('may be done by many at once, and given up', async () => {
    const id = await run(world.client, world.host.id, 'echo up; sleep 0.5');
    await firstOutput(world, id);
    const givenUp = fetch(`${world.server.url}/api/v1/executions/${id}?wait=60`, {
      headers: { authorization: `Bearer ${world.client.bearer}` },
      signal: AbortSignal.timeout(50),
    });
    await expect(givenUp).rejects.toThrow();
    const answers = await Promise.all(Array.from({ length: 50 }, () => ended(world.client, id)));
    expect(answers.map(({ target }) => target.state)).toEqual(answers.map(() => 'finished'));
  });

  it.each(['x', '-1', '301', '1.5', '99999999999999999'])('for %s is a 400', async (wait) => {
    expectProblem(await world.client.get(`/api/v1/executions/${ids[0]}?wait=${wait}`), 400, 'wait', /\S/);
  });
});

describe('the list', () => {
  it('is newest first, and pages meet without a gap or a double', async () => {
    const all = await list('limit=1000');
    const known = [...ids, waiting];
    expect(all.ids.filter((id) => known.includes(id))).toEqual([...known].reverse());
    expect(all.next).toBeNull();
    for (const limit of [1, 2, all.ids.length]) {
      const seen: string[] = [];
      let page = await list(`limit=${limit}`);
      for (seen.push(...page.ids); page.next !== null; seen.push(...page.ids)) {
        expect(page.ids).toHaveLength(limit);
        page = await list(`limit=${limit}&after=${page.next}`);
      }
      expect(seen).toEqual(all.ids);
    }
  });

  it('filters by kind, state, host and time, each and together', async () => {
    const everything = (await list('limit=1000')).ids;
    expect((await list('kind=script&limit=1000')).ids).toEqual(everything);
    expect((await list('kind=command')).ids).toEqual([]);
    expect((await list('state=queued')).ids).toEqual([waiting]);
    expect((await list('state=finished&limit=1000')).ids).toEqual(everything.filter((id) => id !== waiting));
    for (const host of [away, String(awayId)]) expect((await list(`host=${host}`)).ids).toEqual([waiting]);
    expect((await list(`host=${world.host.uuid}&limit=1000`)).ids).not.toContain(waiting);
    const { found } = await list('limit=1000');
    const at = (id: string) => found.find((execution) => execution.id === id)!.created_at;
    const since = (await list(`since=${at(ids[2]!)}&until=${at(ids[4]!)}`)).ids;
    expect(since).toEqual(expect.arrayContaining([ids[3]]));
    expect(since).not.toContain(ids[4]);
    expect(since).not.toContain(ids[0]);
    expect((await list(`state=queued&host=${world.agent.hostname}`)).ids).toEqual([]);
    expect((await list(`since=2099-01-01`)).ids).toEqual([]);
    expect((await list(`until=2001-01-01T00:00:00%2B02:00`)).ids).toEqual([]);
  });

  it.each([
    'kind=x',
    'kind=',
    'state=x',
    'since=x',
    'since=2024-13-01',
    'since=2024-02-30T25:00:00Z',
    'until=yesterday',
    'since=999999-01-01T00:00:00Z',
    'until=2024-W01',
    'since=0000-01-01',
    'limit=0',
    'limit=1001',
    'limit=x',
    'limit=-5',
    'after=x',
    'after=-1',
    'after=99999999999999999999',
    'kind=script&kind=shell',
    'since[a]=2024-01-01',
  ])('answers 400 to ?%s, naming the field', async (query) => {
    const { status, body } = await world.client.get(`/api/v1/executions?${query}`);
    const name = query.split('=')[0]!;
    // A bracket is no syntax here: the name as a whole is unknown, and ignored.
    if (name.includes('[')) return expect(status).toBe(200);
    expect({ status, names: body.errors?.map((problem: { name: string }) => problem.name) }).toEqual({
      status: 400,
      names: [name],
    });
  });

  it('answers 404 to a host that does not exist, 400 to none at all', async () => {
    for (const host of ['nobody', '999999', '99999999999999'])
      expectProblem(await world.client.get(`/api/v1/executions?host=${host}`), 404, 'base', /^Host/);
    for (const host of ['a&host=b', '%00', 'a%00'])
      expect((await world.client.get(`/api/v1/executions?host=${host}`)).status).toBe(400);
  });
});

describe('cancel', () => {
  it('changes nothing about what has ended, however often it is asked for', async () => {
    const before = (await ended(world.client, ids[1]!)).execution;
    for (let i = 0; i < 3; i += 1) {
      const { status, body } = await world.client.post(`/api/v1/executions/${ids[1]}/cancel`);
      expect([status, body]).toEqual([202, before]);
    }
  });

  it('of what waits is the same the second time', async () => {
    const id = await run(world.client, awayId, 'true');
    const first = await world.client.post(`/api/v1/executions/${id}/cancel`);
    const second = await world.client.post(`/api/v1/executions/${id}/cancel`);
    expect(first.body.counts).toEqual({ cancelled: 1 });
    expect([second.status, second.body]).toEqual([202, first.body]);
  });

  it('by ten at once stops a run once', async () => {
    const id = await run(
      world.client,
      world.host.id,
      'trap "echo stop" TERM; echo up; sleep 60 & wait; wait',
    );
    await firstOutput(world, id);
    const asked = await Promise.all(
      Array.from({ length: 10 }, () => world.client.post(`/api/v1/executions/${id}/cancel`)),
    );
    expect(asked.map(({ status }) => status)).toEqual(asked.map(() => 202));
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'killed', reason: 'cancel_requested' });
    const result = await world.client.get(`/api/v1/fleet/scripts/results/${id}`);
    expect(result.body.output).toBe('up\nstop\n');
  });

  it('may name its target, by id or uuid, and refuses another', async () => {
    const id = await run(world.client, awayId, 'true');
    const path = `/api/v1/executions/${id}/cancel`;
    const { target: foreign } = await ended(world.client, ids[0]!);
    for (const name of [foreign.id, foreign.uuid, 'x', '99999999999999999999'])
      expectProblem(await world.client.post(`${path}?target=${name}`), 404, 'target', /no target/);
    expectProblem(await world.client.post(`${path}?target=%00`), 400, 'target', /NUL/);
    const { body } = await world.client.get(`/api/v1/executions/${id}`);
    expect(body.counts).toEqual({ queued: 1 });
    const done = await world.client.post(`${path}?target=${body.targets[0].id}`);
    expect(done.body.counts).toEqual({ cancelled: 1 });
  });
});
