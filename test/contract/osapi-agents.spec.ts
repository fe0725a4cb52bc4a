import { hostname, totalmem } from 'node:os';
import { Api, startAgent, until, type Answer } from '#libs/testing/index';
import { addTeamUser, addUser, ended, run, sql, startWorld, type World } from '../e2e/support.js';
import { differences } from './shape.js';

/* What clients of osapi know of agents: who is there, in which state, taken out of service and put back. */

const AGENT = '/api/agent';
let world: World;
let away: { id: number; uuid: string };

beforeAll(async () => {
  world = await startWorld({ agent: { hostname: 'web-01', args: ['--label', 'group=web.dev.us-east'] } });
  const { server, client } = world;
  const first = startAgent({ server, hostname: 'twin' });
  away = await first.online();
  await first.stop();
  const status = async (): Promise<string> => (await client.get(`${AGENT}/${away.uuid}`)).body.status;
  await until(async () => (await status()) === 'NotReady', { what: 'the agent that was stopped' });
  await startAgent({ server, hostname: 'twin' }).online();
});

/** The envelope: all three fields, always. */
function expectError({ status, body }: Answer, expected: number, error: string | RegExp): void {
  expect(body).toEqual({
    error: typeof error === 'string' ? error : expect.stringMatching(error),
    details: expect.stringMatching(/\S/),
    code: expected,
  });
  expect(status).toBe(expected);
}

describe('GET /api/agent', () => {
  it('lists every agent with what its host has told', async () => {
    const { status, body } = await world.client.get(AGENT);
    expect(status).toBe(200);
    expect(body.total).toBe(3);
    expect(body.agents.map((agent: { hostname: string }) => agent.hostname)).toEqual([
      'web-01',
      'twin',
      'twin',
    ]);
    const [web] = body.agents;
    expect(
      differences(
        {
          machine_id: '550e8400-e29b-41d4-a716-446655440000',
          hostname: 'web-01',
          status: 'Ready',
          state: 'Ready',
          labels: { group: 'web' },
          registered_at: '2026-01-01T00:00:00Z',
          started_at: '2026-01-01T00:00:00Z',
          os_info: { distribution: 'Ubuntu', version: '20.04' },
          uptime: '6 days, 3 hours, 54 minutes',
          memory: { total: 8388608 },
          architecture: 'amd64',
          kernel_version: '5.15.0-91-generic',
          cpu_count: 4,
          interfaces: [{ name: 'eth0' }],
          facts: { hostname: 'web-01' },
        },
        web,
      ),
    ).toEqual([]);
    expect(web).toMatchObject({
      machine_id: world.host.uuid,
      status: 'Ready',
      state: 'Ready',
      labels: { group: 'web.dev.us-east' },
      uptime: expect.stringMatching(/^\d+ days?, \d+ hours?, \d+ minutes?$/),
      memory: { total: totalmem() },
      facts: { hostname: hostname() },
    });
  });

  it('says which of them are connected', async () => {
    const { agents } = (await world.client.get(AGENT)).body;
    expect(agents.map((agent: { status: string }) => agent.status)).toEqual(['Ready', 'NotReady', 'Ready']);
  });

  it('takes a limit and an offset', async () => {
    const { body } = await world.client.get(`${AGENT}?limit=1&offset=1`);
    expect([body.agents.length, body.agents[0].hostname, body.total]).toEqual([1, 'twin', 3]);
    for (const query of ['limit=0', 'limit=x', 'limit=1e3', 'offset=-1', 'limit=100001'])
      expectError(await world.client.get(`${AGENT}?${query}`), 400, /^(limit|offset) must be/);
  });
});

describe('GET /api/agent/{hostname}', () => {
  it('finds it by hostname and by machine id', async () => {
    const byName = await world.client.get(`${AGENT}/web-01`);
    const byId = await world.client.get(`${AGENT}/${world.host.uuid}`);
    expect([byName.status, byId.status]).toEqual([200, 200]);
    expect(byName.body).toMatchObject({ hostname: 'web-01', machine_id: world.host.uuid, timeline: [] });
    expect(byId.body.machine_id).toBe(world.host.uuid);
  });

  it('answers 404 for what is not there, 409 for a name that two bear, 400 for none at all', async () => {
    expectError(await world.client.get(`${AGENT}/nobody`), 404, 'agent not found: nobody');
    expectError(await world.client.get(`${AGENT}/twin`), 409, /ids \d+, \d+/);
    expectError(await world.client.get(`${AGENT}/${'x'.repeat(256)}`), 400, /at most 255/);
    expectError(await world.client.get(`${AGENT}/%00`), 400, /\S/);
    expectError(await world.client.get(`${AGENT}/%ff`), 400, /\S/);
    expectError(await world.client.get(`${AGENT}/web-01/nothing`), 404, /nothing at/);
    expectError(await world.client.delete(`${AGENT}/web-01`), 405, /answers GET/);
  });
});

describe('who may', () => {
  it('is asked before anything is looked at', async () => {
    const nobody = world.client.as('muster_nothing');
    expectError(await nobody.get(`${AGENT}/nobody`), 401, /^Invalid token: /);
    expectError(await new Api({ url: world.server.url }).get(AGENT), 401, 'Bearer token required');
    const observer = await addUser(world.server, 'olga@example.com', 'observer');
    expectError(
      await observer.post(`${AGENT}/web-01/drain`),
      403,
      'Insufficient permissions. Required: [agent:drain]',
    );
    expect((await observer.get(`${AGENT}/web-01`)).status).toBe(200);
  });

  it('sees the hosts of their teams, and no others', async () => {
    const { body } = await world.client.post('/api/v1/fleet/teams', { name: 'web' });
    const team = body.team.id as number;
    const admin = await addTeamUser(world.server, 'tina@example.com', { [team]: 'admin' });
    expect((await admin.get(AGENT)).body).toEqual({ agents: [], total: 0 });
    for (const path of ['', '/drain', '/undrain'])
      expectError(
        path === '' ? await admin.get(`${AGENT}/web-01`) : await admin.post(`${AGENT}/web-01${path}`),
        404,
        'agent not found: web-01',
      );
    await sql(world.server, 'UPDATE hosts SET team_id = $1 WHERE id = $2', [team, away.id]);
    // Of the two of that name only one is there for them.
    expect((await admin.get(`${AGENT}/twin`)).body.machine_id).toBe(away.uuid);
    expect((await admin.get(AGENT)).body).toMatchObject({ total: 1, agents: [{ machine_id: away.uuid }] });
  });
});

describe('drain and undrain', () => {
  it('are words and states: Ready, Cordoned, Ready', async () => {
    const state = async (): Promise<string> => (await world.client.get(`${AGENT}/web-01`)).body.state;
    const drained = await world.client.post(`${AGENT}/web-01/drain`);
    expect([drained.status, drained.body]).toEqual([200, { message: 'drain initiated for agent web-01' }]);
    expect(await state()).toBe('Cordoned');
    expectError(await world.client.post(`${AGENT}/web-01/drain`), 409, /already/);
    const undrained = await world.client.post(`${AGENT}/${world.host.uuid}/undrain`);
    expect([undrained.status, undrained.body]).toEqual([
      200,
      { message: 'undrain initiated for agent web-01' },
    ]);
    expect(await state()).toBe('Ready');
    expectError(await world.client.post(`${AGENT}/web-01/undrain`), 409, /not in draining or cordoned state/);
    expectError(await world.client.post(`${AGENT}/nobody/drain`), 404, 'agent not found: nobody');
    const { timeline } = (await world.client.get(`${AGENT}/web-01`)).body;
    expect(timeline).toEqual(
      ['undrain', 'drain'].map((event) => ({
        timestamp: expect.stringMatching(/Z$/),
        event,
        hostname: 'web-01',
        message: `by ${world.server.admin.email}`,
      })),
    );
  });

  it('leave a run behind that was there before', async () => {
    const id = await run(world.client, world.host.id, 'echo before');
    expect((await ended(world.client, id)).target.state).toBe('finished');
  });
});

it('GET /api/agent/pending: nobody waits to be accepted', async () => {
  const { status, body } = await world.client.get(`${AGENT}/pending`);
  expect([status, body]).toEqual([200, { agents: [], total: 0 }]);
});

it('GET /api/facts/keys: the keys of every agent’s facts', async () => {
  const { status, body } = await world.client.get('/api/facts/keys');
  expect(status).toBe(200);
  const keys = body.keys.map(({ key }: { key: string }) => key);
  expect(keys).toContain('platform');
  expect(body.keys[0]).toEqual({ key: keys[0], description: expect.stringMatching(/\S/), builtin: true });
  const { facts } = (await world.client.get(`${AGENT}/web-01`)).body;
  expect(keys).toEqual(expect.arrayContaining(Object.keys(facts)));
});

it('answers what nobody foresaw in the envelope, too, and without a word about how it is made', async () => {
  await sql(world.server, 'ALTER TABLE audit RENAME TO hidden');
  const answer = await world.client.get(`${AGENT}/web-01`);
  await sql(world.server, 'ALTER TABLE hidden RENAME TO audit');
  expectError(answer, 500, 'internal error');
});
