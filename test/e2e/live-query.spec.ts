import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Limits } from '#libs/protocol/index';
import { startAgent, startServer, type AgentFixture, type HostRef, until } from '#libs/testing/index';
import { ask, finished, listen, results } from './live.support.js';
import { addUser, expectProblem, startWorld, sql, type World } from './support.js';

let world: World;
let second: AgentFixture;
let secondHost: HostRef;

beforeAll(async () => {
  world = await startWorld();
  second = startAgent({ server: world.server });
  secondHost = await second.online();
}, 60_000);

const everybody = (): object => ({ hosts: [world.host.id, secondHost.id] });

describe('a live query', () => {
  it('is asked, answered by every host, and told in order: totals, status, results, finished', async () => {
    const campaign = await ask(world.client, 'select 1 as one, null as empty', everybody());
    expect(campaign).toMatchObject({
      status: 0,
      Metrics: { TotalHosts: 2, OnlineHosts: 2, OfflineHosts: 0, MissingInActionHosts: 0, NewHosts: 2 },
      created_at: '0001-01-01T00:00:00Z',
    });
    const stream = listen(world.server, world.client, campaign.id as number);
    await stream.find(finished);
    expect(stream.messages[0]).toMatchObject({
      type: 'totals',
      data: { count: 2, online: 2, offline: 0, missing_in_action: 0 },
    });
    expect(stream.messages[1]?.type).toBe('status');
    const rows = results(stream.messages);
    expect(rows.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(rows.map(({ data }) => data.host.id as number).sort()).toEqual(
      [world.host.id, secondHost.id].sort(),
    );
    expect(rows.find(({ data }) => data.host.id === world.host.id)?.data).toEqual({
      distributed_query_execution_id: campaign.id,
      host: { id: world.host.id, hostname: world.agent.hostname, display_name: world.agent.hostname },
      rows: [
        {
          one: '1',
          empty: '',
          host_hostname: world.agent.hostname,
          host_display_name: world.agent.hostname,
        },
      ],
      stats: expect.objectContaining({ wall_time_ms: expect.any(Number), memory: expect.any(Number) }),
      outcome: 'answered',
    });
    expect(stream.messages.at(-1)?.data).toEqual({
      expected_results: 2,
      actual_results: 2,
      count_of_hosts_with_results: 2,
      count_of_hosts_with_no_results: 0,
      status: 'finished',
    });
  });

  it('brings back what SQLite says of bad SQL, from each host', async () => {
    const { id } = await ask(world.client, 'select one from nowhere', { hosts: [world.host.id] });
    const stream = listen(world.server, world.client, id as number);
    const { data } = await stream.find(({ type }) => type === 'result');
    expect(data).toMatchObject({ rows: [], error: 'no such table: nowhere', outcome: 'error' });
  });

  it('can be read again, byte for byte, by those who come late or come back', async () => {
    const { id } = await ask(world.client, 'select 1 as one', everybody());
    const first = listen(world.server, world.client, id as number);
    await first.find(finished);
    const late = listen(world.server, world.client, id as number);
    await late.find(({ type, seq }) => type === 'result' && seq === 2);
    expect(results(late.messages).map(({ text }) => text)).toEqual(
      results(first.messages).map(({ text }) => text),
    );
    const back = listen(world.server, world.client, id as number, 1);
    await back.find(({ type }) => type === 'result');
    expect(results(back.messages).map(({ text }) => text)).toEqual([results(first.messages)[1]?.text]);
    const { body } = await world.client.get(`/api/v1/campaigns/${id}/results`);
    expect(body).toMatchObject({ next: 2, done: true });
    expect(body.results[0]).toEqual({ seq: 1, data: results(first.messages)[0]?.data });
  });

  it('goes to a host that comes back while it is open, and says why another has not answered', async () => {
    await second.kill();
    await until(async () => {
      const { body } = await world.client.get(`/api/v1/fleet/hosts/${secondHost.id}`);
      return body.host.status === 'offline';
    });
    const { id } = await ask(world.client, 'select 1 as one', everybody());
    const stream = listen(world.server, world.client, id as number);
    await stream.find(finished);
    expect(results(stream.messages)).toHaveLength(1);
    expect(stream.messages[0]?.data).toMatchObject({ count: 2, online: 1, offline: 1 });
    const { body } = await world.client.get(`/api/v1/campaigns/${id}`);
    expect(body).toMatchObject({ status: 'running', counts: { targeted: 2, answered: 1, offline: 1 } });

    const other = await ask(world.client, 'select 2 as two', everybody());
    const cancelled = await world.client.post(`/api/v1/campaigns/${other.id}/cancel`, {});
    expect(cancelled.status).toBe(202);
    expect(cancelled.body).toMatchObject({ status: 'complete', end_reason: 'cancelled' });
    await second.restart();
    await stream.find(({ type, seq }) => type === 'result' && seq === 2);
    await until(async () => {
      const answer = await world.client.get(`/api/v1/campaigns/${id}`);
      return answer.body.end_reason === 'answered';
    });
    expect((await world.client.get(`/api/v1/campaigns/${other.id}/hosts`)).body.hosts).toContainEqual(
      expect.objectContaining({ id: secondHost.id, state: 'offline' }),
    );
  });

  it('stops on the hosts when it is cancelled', async () => {
    const endless = `with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n`;
    const { id } = await ask(world.client, endless, { hosts: [world.host.id] });
    const stream = listen(world.server, world.client, id as number);
    await stream.find(({ type }) => type === 'status');
    const { body } = await world.client.post(`/api/v1/campaigns/${id}/cancel`, {});
    expect(body).toMatchObject({ counts: { targeted: 1, killed: 1 }, ended_by: world.server.admin.email });
    await stream.find(finished);
    expect(results(stream.messages)).toHaveLength(0);
  });

  it('ends at the limits that it was given, and says which', async () => {
    const limits = { host_seconds: 1, host_rows: 10 };
    const endless = `with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n`;
    const slow = await ask(world.client, endless, { hosts: [world.host.id] }, { limits });
    const many = `with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) select i from n`;
    const large = await ask(world.client, many, { hosts: [world.host.id] }, { limits });
    const timedOut = await listen(world.server, world.client, slow.id as number).find(
      ({ type }) => type === 'result',
    );
    expect(timedOut.data).toMatchObject({ outcome: 'timed_out', error: 'killed: time' });
    const tooMany = await listen(world.server, world.client, large.id as number).find(
      ({ type, data }) => type === 'result' && data.outcome !== undefined,
    );
    expect(tooMany.data).toMatchObject({ outcome: 'killed', error: 'more than 10 rows' });
    const refused = await world.client.post('/api/v1/fleet/queries/run', {
      query: 'select 1',
      selected: everybody(),
      limits: { hosts: 1 },
    });
    expectProblem(refused, 422, 'limits.hosts', '2 hosts are targeted, more than the limit of 1');
  });

  it('brings large answers in parts, all of them in order', async () => {
    const many = `with recursive n(i) as (select 1 union all select i + 1 from n limit 60000)
      select i, printf('%0100d', i) as padded from n`;
    const { id } = await ask(world.client, many, { hosts: [world.host.id] });
    const stream = listen(world.server, world.client, id as number);
    await stream.find(finished);
    const parts = results(stream.messages);
    expect(parts.length).toBeGreaterThan(5);
    expect(parts.slice(0, -1).every(({ data }) => data.partial === true)).toBe(true);
    expect(parts.flatMap(({ data }) => (data.rows as { i: string }[]).map(({ i }) => Number(i)))).toEqual(
      Array.from({ length: 60_000 }, (_, i) => i + 1),
    );
    expect(stream.messages.at(-1)?.data).toMatchObject({ actual_results: 1, count_of_hosts_with_results: 1 });
  });

  it('survives a restart of the server in the middle', async () => {
    const flag = path.join(world.agent.stateDir, 'flag');
    await second.kill();
    const { id } = await ask(
      world.client,
      `select count(*) as there from file where path = '${flag}'`,
      everybody(),
    );
    const before = listen(world.server, world.client, id as number);
    await before.find(({ type, seq }) => type === 'result' && seq === 1);
    await world.server.kill();
    await world.server.restart();
    writeFileSync(flag, '');
    const after = listen(world.server, world.client, id as number, 1);
    await second.restart();
    const { data } = await after.find(({ type }) => type === 'result');
    expect(data.host.id).toBe(secondHost.id);
    expect(data.rows).toMatchObject([{ there: '1' }]);
    expect(results(after.messages).map(({ seq }) => seq)).toEqual([2]);
    await Promise.all([world.agent.online(), second.online()]);
  });
});

it('asks a host that comes back all that it owes, also what does not fit one message', async () => {
  const away = startAgent({ server: world.server });
  const { id: hostId } = await away.online();
  await away.kill();
  await until(async () => {
    const { body } = await world.client.get(`/api/v1/fleet/hosts/${hostId}`);
    return body.host.status === 'offline';
  });
  const numbers = Array.from({ length: Limits.queriesPerMessage + 6 }, (_, i) => i);
  const campaigns = await Promise.all(
    numbers.map((n) => ask(world.client, `select ${n} as n`, { hosts: [hostId] })),
  );
  await away.restart();
  const answers = campaigns.map(({ id }) =>
    listen(world.server, world.client, id as number).find(({ type }) => type === 'result'),
  );
  expect((await Promise.all(answers)).map(({ data }) => Number(data.rows[0].n))).toEqual(numbers);
  await away.stop();
});

it('ends by itself when nobody has listened for the time that is set, and says why each host has not answered', async () => {
  const server = await startServer({ env: { MUSTER_LIVE_QUERY_IDLE_SECONDS: '1' } });
  const own = await startWorld({ server });
  await own.agent.kill();
  await until(async () => {
    const { body } = await own.client.get(`/api/v1/fleet/hosts/${own.host.id}`);
    return body.host.status === 'offline';
  });
  const { id } = await ask(own.client, 'select 1 as one', { hosts: [own.host.id] });
  const stream = listen(server, own.client, id as number);
  await stream.find(finished);
  const view = async (): Promise<unknown> => (await own.client.get(`/api/v1/campaigns/${id}`)).body;
  expect(await view()).toMatchObject({ status: 'running', end_reason: null });
  stream.close();
  await until(async () => ((await view()) as { end_reason: string }).end_reason === 'abandoned');
  expect(await view()).toMatchObject({ status: 'complete', counts: { targeted: 1, offline: 1 } });
});

describe('bad input', () => {
  it.each([
    [{}, 422, 'query', 'one of query or query_id must be specified'],
    [{ query: '   ' }, 422, 'query', 'one of query or query_id must be specified'],
    [{ query: 'select 1' }, 400, 'base', 'no hosts targeted'],
    [{ query: 'select 1', selected: { hosts: [999_999] } }, 400, 'base', 'no hosts targeted'],
    [{ query_id: 999_999, selected: { hosts: [1] } }, 404, 'base', /Query 999999 was not found/],
    [{ query: 7, selected: { hosts: [1] } }, 400, 'query', 'query must be a string'],
    [{ query: 'x', selected: { hosts: 'all' } }, 400, 'selected.hosts', /array of integers/],
    [
      { query: 'x', selected: { hosts: [1] }, limits: { host_rows: 0 } },
      400,
      'limits.host_rows',
      /at least 1/,
    ],
  ])('%j is answered %i', async (body, status, name, reason) => {
    expectProblem(await world.client.post('/api/v1/fleet/queries/run', body), status, name, reason);
  });

  it('names unknown labels', async () => {
    const answer = await world.client.post('/api/v1/fleet/queries/run_by_names', {
      query: 'select 1',
      selected: { hosts: [''], labels: ['no such', 'nor this', ''] },
    });
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toContain('Invalid label name(s): no such, nor this.');
  });

  it('keeps campaigns to whoever asked and to admins', async () => {
    const maintainer = await addUser(world.server, 'maintainer@example.com', 'maintainer');
    const { id } = await ask(world.client, 'select 1 as one', { hosts: [world.host.id] });
    expect((await maintainer.get(`/api/v1/campaigns/${id}`)).status).toBe(403);
    const stream = listen(world.server, maintainer, id as number);
    expect((await stream.find(({ type }) => type === 'error')).data).toBe('forbidden');
    await stream.closed;
    const own = await ask(maintainer, 'select 1 as one', { hosts: [world.host.id] });
    expect((await world.client.get(`/api/v1/campaigns/${own.id}`)).status).toBe(200);
  });

  it('is refused while live queries are switched off, and says so', async () => {
    const change = (live_query_disabled: boolean): Promise<unknown> =>
      world.client.patch('/api/v1/fleet/config', { server_settings: { live_query_disabled } });
    await change(true);
    try {
      const status = await world.client.get('/api/v1/fleet/status/live_query');
      expect(status.status).toBe(403);
      expect(status.body).toEqual({ message: 'Permission Denied', uuid: expect.any(String) });
      const run = await world.client.post('/api/v1/fleet/queries/run', {
        query: 'select 1',
        selected: everybody(),
      });
      expect(run.status).toBe(403);
    } finally {
      await change(false);
    }
    expect((await world.client.get('/api/v1/fleet/status/live_query')).body).toEqual({});
    expect((await world.client.get('/api/v1/fleet/status/result_store')).body).toEqual({});
  });
});

describe('asked and waited for', () => {
  it('answers for one host as soon as it has', async () => {
    const { id } = world.host;
    const answer = await world.client.post(`/api/v1/fleet/hosts/${id}/query`, { query: 'select 1 as one' });
    expect(answer).toMatchObject({
      status: 200,
      body: { host_id: id, rows: [{ one: '1' }], query: 'select 1 as one', status: 'online' },
    });
    const named = await world.client.post(`/api/v1/fleet/hosts/identifier/${world.host.uuid}/query`, {
      query: 'select bad',
    });
    expect(named.body).toMatchObject({ host_id: id, rows: [], error: 'no such column: bad' });
  });

  it('says at once that a host is offline, lists it, and keeps what it answers late', async () => {
    await second.kill();
    await until(async () => {
      const { body } = await world.client.get(`/api/v1/fleet/hosts/${secondHost.id}`);
      return body.host.status === 'offline';
    });
    const one = await world.client.post(`/api/v1/fleet/hosts/${secondHost.id}/query`, { query: 'select 1' });
    expect(one.body).toMatchObject({ rows: null, status: 'offline' });
    const created = await world.client.post('/api/v1/fleet/queries', {
      name: 'sync',
      query: 'select 1 as one',
    });
    const many = await world.client.post(`/api/v1/fleet/queries/${created.body.query.id}/run`, {
      host_ids: [world.host.id, secondHost.id, secondHost.id, 999_999],
    });
    expect(many.body).toMatchObject({
      targeted_host_count: 3,
      responded_host_count: 1,
      results: [{ host_id: world.host.id, rows: [{ one: '1' }], error: null }],
      unanswered: [
        { host_id: secondHost.id, state: 'offline' },
        { host_id: 999_999, state: 'not_found' },
      ],
    });
    await second.restart();
    await until(async () => {
      const { body } = await world.client.get(`/api/v1/campaigns/${many.body.campaign_id}/results`);
      return body.results.length === 2;
    });
  });

  it('needs SQL and a host', async () => {
    for (const query of [' ', null])
      for (const host of [`${world.host.id}`, `identifier/${world.host.uuid}`])
        expectProblem(
          await world.client.post(`/api/v1/fleet/hosts/${host}/query`, { query }),
          400,
          'base',
          'query is required',
        );
    const unknown = await world.client.post('/api/v1/fleet/hosts/999999/query', { query: 'select 1' });
    expectProblem(unknown, 400, 'base', /^host not found: 999999: /);
  });
});

it('writes down who asked what of how many', async () => {
  const [row] = await sql(
    world.server,
    `SELECT email, details FROM audit WHERE act = 'live_query' ORDER BY id LIMIT 1`,
  );
  expect(row).toMatchObject({
    email: world.server.admin.email,
    details: { targets_count: 2, query_sql: 'select 1 as one, null as empty' },
  });
});
