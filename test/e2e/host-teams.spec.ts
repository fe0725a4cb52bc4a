import { randomUUID } from 'node:crypto';
import { type Api, api, startAgent, startServer, type ServerFixture } from '#libs/testing/index';
import { addTeamUser, expectProblem, run, sql } from './support.js';

let server: ServerFixture;
let admin: Api;
let red: number;
let blue: number;
/** By hostname. */
const ids: Record<string, number> = {};

const HOSTS = { 'red-1': 'red', 'red-2': 'red', 'blue-1': 'blue', loose: null } as const;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  [red, blue] = (await sql(server, `INSERT INTO teams (name) VALUES ('Red'), ('Blue') RETURNING id`)).map(
    ({ id }) => id as number,
  ) as [number, number];
  await sql(
    server,
    `INSERT INTO enroll_secrets (secret, team_id) VALUES ('red-secret', $1), ('blue-secret', $2)`,
    [red, blue],
  );
  for (const [hostname, team] of Object.entries(HOSTS))
    ids[hostname] = (await enroll(hostname, team === null ? server.enrollSecret : `${team}-secret`)).host_id;
});

async function enroll(hostname: string, secret: string, hardwareUuid: string = randomUUID()) {
  const { status, body } = await api(server).post('/api/v1/agents/enroll', {
    enroll_secret: secret,
    protocol: 1,
    agent_version: '0.0.0',
    hardware_uuid: hardwareUuid,
    instance: 'test',
    hostname,
    facts: { hostname, platform: 'debian', os_version: 'Debian', arch: 'x86_64', primary_ip: '10.1.2.3' },
  });
  if (status !== 200) throw new Error(`enroll answered ${status}: ${JSON.stringify(body)}`);
  return body as { host_id: number; node_key: string };
}

const names = async (client: Api, query = '') => {
  const { status, body } = await client.get(`/api/v1/fleet/hosts?${query}`);
  expect(status).toBe(200);
  const count = await client.get(`/api/v1/fleet/hosts/count?${query.replace(/&?order_key=\w+/, '')}`);
  expect([count.status, count.body]).toEqual([200, { count: body.hosts.length }]);
  return (body.hosts as { hostname: string }[]).map(({ hostname }) => hostname).sort();
};

describe('the team of a host', () => {
  it('is that of the enroll secret, again with another one', async () => {
    const machine = randomUUID();
    const { host_id } = await enroll('wanderer', 'red-secret', machine);
    const host = async () => (await admin.get(`/api/v1/fleet/hosts/${host_id}`)).body.host;
    expect(await host()).toMatchObject({ team_id: red, team_name: 'Red' });
    expect((await enroll('wanderer', 'blue-secret', machine)).host_id).toBe(host_id);
    expect(await host()).toMatchObject({ team_id: blue, team_name: 'Blue' });
    await enroll('wanderer', server.enrollSecret, machine);
    expect(await host()).toMatchObject({ team_id: null, team_name: null });
    expect((await admin.delete(`/api/v1/fleet/hosts/${host_id}`)).status).toBe(200);
  });

  it('filters the list; 0 is no team', async () => {
    expect(await names(admin)).toEqual(['blue-1', 'loose', 'red-1', 'red-2']);
    expect(await names(admin, `team_id=${red}`)).toEqual(['red-1', 'red-2']);
    expect(await names(admin, 'team_id=0')).toEqual(['loose']);
    expect(await names(admin, 'team_id=999999')).toEqual([]);
    expect(await names(admin, `team_id=${red}&query=RED-2`)).toEqual(['red-2']);
    expect(await names(admin, `team_id=${blue}&query=red`)).toEqual([]);
    expect(await names(admin, `team_id=${red}&status=online`)).toEqual([]);
    expect(await names(admin, `team_id=${red}&status=offline&order_key=seen_time`)).toEqual([
      'red-1',
      'red-2',
    ]);
    expect(await names(admin, 'query=10.1.2.3')).toHaveLength(4);
    for (const bad of ['x', '-1', '1.5', '99999999999'])
      expectProblem(await admin.get(`/api/v1/fleet/hosts?team_id=${bad}`), 400, 'team_id', /id of a team/);
    expectProblem(
      await admin.get('/api/v1/fleet/hosts/count?status=gone'),
      400,
      'status',
      /online or offline/,
    );
  });
});

describe('callers with team roles', () => {
  it.each(['admin', 'maintainer', 'observer', 'observer_plus'])(
    'see the hosts of their teams only: %s',
    async (role) => {
      const client = await addTeamUser(server, `${role}@red.example.com`, { [red]: role });
      expect(await names(client)).toEqual(['red-1', 'red-2']);
      expect(await names(client, `team_id=${blue}`)).toEqual([]);
      expect(await names(client, 'team_id=0')).toEqual([]);
      expect((await client.get(`/api/v1/fleet/hosts/${ids['red-1']}`)).body.host.team_name).toBe('Red');
      expect((await client.get('/api/v1/fleet/hosts/identifier/red-1')).status).toBe(200);
      for (const path of [ids['blue-1'], ids['loose'], 999_999, 'identifier/blue-1', 'identifier/nobody'])
        expectProblem(await client.get(`/api/v1/fleet/hosts/${path}`), 403, 'base', 'forbidden');
    },
  );

  it('may hold several', async () => {
    const client = await addTeamUser(server, 'both@example.com', { [red]: 'observer', [blue]: 'maintainer' });
    expect(await names(client)).toEqual(['blue-1', 'red-1', 'red-2']);
    expect(await names(client, `team_id=${blue}&order_key=hostname`)).toEqual(['blue-1']);
    expect((await client.delete(`/api/v1/fleet/hosts/${ids['red-1']}`)).status).toBe(403);
  });

  it('may find a host by name with gitops, and no more', async () => {
    const client = await addTeamUser(server, 'gitops@example.com', { [red]: 'gitops' });
    expect((await client.get('/api/v1/fleet/hosts/identifier/red-1')).status).toBe(200);
    for (const path of ['', '/count', `/${ids['red-1']}`])
      expect({ path, status: (await client.get(`/api/v1/fleet/hosts${path}`)).status }).toEqual({
        path,
        status: 403,
      });
  });

  it('learn of no namesake in another team', async () => {
    const { host_id } = await enroll('red-1', 'blue-secret');
    const client = await addTeamUser(server, 'namesake@example.com', { [red]: 'observer' });
    expect((await client.get('/api/v1/fleet/hosts/identifier/red-1')).body.host.id).toBe(ids['red-1']);
    expect((await admin.get('/api/v1/fleet/hosts/identifier/red-1')).status).toBe(409);
    await admin.delete(`/api/v1/fleet/hosts/${host_id}`);
  });
});

describe('the pages of a list', () => {
  it.each(['id', 'hostname', 'display_name', 'uuid', 'created_at', 'last_enrolled_at', 'seen_time'])(
    'are together all hosts, each once, in both directions: by %s',
    async (key) => {
      const idsOf = async (query: string) =>
        (
          (await admin.get(`/api/v1/fleet/hosts?order_key=${key}&${query}`)).body.hosts as { id: number }[]
        ).map(({ id }) => id);
      const all = await idsOf('');
      expect([...all].sort()).toEqual(Object.values(ids).sort());
      expect(await idsOf('order_direction=desc')).toEqual([...all].reverse());
      const paged = [];
      for (const page of [0, 1, 2]) paged.push(...(await idsOf(`page=${page}&per_page=2`)));
      expect(paged).toEqual(all);
    },
  );

  it.each(['asc', 'desc'])('go on after the last host of the one before: %s', async (direction) => {
    for (const key of ['id', 'hostname', 'uuid', 'created_at', 'last_enrolled_at', 'seen_time']) {
      const seen: number[] = [];
      for (let after = ''; ;) {
        const { body } = await admin.get(
          `/api/v1/fleet/hosts?order_key=${key}&order_direction=${direction}&per_page=1${after}`,
        );
        const [host] = body.hosts;
        if (!host) break;
        seen.push(host.id as number);
        after = `&after=${encodeURIComponent(String(host[key]))}`;
      }
      expect({ key, seen: [...seen].sort() }).toEqual({ key, seen: Object.values(ids).sort() });
    }
    expect((await admin.get('/api/v1/fleet/hosts?order_key=created_at&after=nonsense')).status).toBe(400);
  });
});

describe('the pages of a team', () => {
  it('go on deep down, with every filter', async () => {
    const [team] = await sql(server, `INSERT INTO teams (name) VALUES ('Large') RETURNING id`);
    await sql(
      server,
      `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id, online)
       SELECT gen_random_uuid(), gen_random_uuid(), '', 'large-' || n % 7, '{"platform": "debian", "os_version": "", "arch": ""}',
         sha256(n::text::bytea), $1, n % 10 > 0 FROM generate_series(1, 500) n`,
      [team.id],
    );
    for (const query of ['', '&status=online', '&query=LARGE-', '&order_direction=desc']) {
      const path = `/api/v1/fleet/hosts?team_id=${team.id}&order_key=hostname${query}`;
      const page = async (more: string) => (await admin.get(`${path}${more}`)).body.hosts as { id: number }[];
      const all = (await page('')).map(({ id }) => id);
      expect(new Set(all).size).toBe(query === '&status=online' ? 450 : 500);
      const paged = [];
      for (let n = 0; n < 8; n++) paged.push(...(await page(`&per_page=70&page=${n}`)));
      expect(paged.map(({ id }) => id)).toEqual(all);
    }
    await sql(server, 'DELETE FROM hosts WHERE team_id = $1', [team.id]);
  });
});

describe('removing a host', () => {
  it('is for admins and maintainers, of its team too', async () => {
    const { host_id } = await enroll('goner', 'red-secret');
    const path = `/api/v1/fleet/hosts/${host_id}`;
    for (const roles of [{ [red]: 'observer' }, { [red]: 'gitops' }, { [blue]: 'admin' }]) {
      const client = await addTeamUser(server, `${randomUUID()}@example.com`, roles);
      expectProblem(await client.delete(path), 403, 'base', 'forbidden');
      expectProblem(await client.delete('/api/v1/fleet/hosts/999999'), 403, 'base', 'forbidden');
    }
    const client = await addTeamUser(server, 'remover@example.com', { [red]: 'maintainer' });
    expect(await client.delete(path).then(({ status, body }) => [status, body])).toEqual([200, {}]);
    expectProblem(await admin.delete(path), 404, 'base', `Host ${host_id} was not found in the datastore`);
    const [row] = await sql(server, `SELECT * FROM audit WHERE act = 'deleted_host' AND host_id = $1`, [
      host_id,
    ]);
    expect(row).toMatchObject({ email: 'remover@example.com', outcome: 'done' });
    expect(row.details).toMatchObject({ host_id, host_display_name: 'goner', team_id: red });
  });

  it('ends what waited for it and what ran there, and its connection; its agent comes back as a new host', async () => {
    const agent = startAgent({ server });
    const { id } = await agent.online();
    const running = await run(admin, id, 'sleep 600');
    const waiting = await run(admin, id, 'true');
    await sql(server, `UPDATE targets SET state = 'running' WHERE uuid = $1 AND state = 'dispatched'`, [
      running,
    ]);
    expect((await admin.delete(`/api/v1/fleet/hosts/${id}`)).status).toBe(200);
    const target = async (execution: string) =>
      (await admin.get(`/api/v1/executions/${execution}?wait=20`)).body.targets[0];
    expect(await target(running)).toMatchObject({ state: 'lost', reason: 'host_removed' });
    expect(await target(waiting)).toMatchObject({ state: 'cancelled', reason: 'host_removed' });
    expect((await admin.get(`/api/v1/fleet/hosts/${id}`)).status).toBe(404);
    expect((await agent.online()).id).not.toBe(id);
    await agent.stop();
  });
});
