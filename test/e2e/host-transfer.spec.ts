import { type Api, api, startServer, type ServerFixture } from '#libs/testing/index';
import { addTeamUser, addUser, expectProblem, sql } from './support.js';

let server: ServerFixture;
let admin: Api;
let red: number;
let blue: number;
let hosts: number[];

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  [red, blue] = (await sql(server, `INSERT INTO teams (name) VALUES ('Red'), ('Blue') RETURNING id`)).map(
    ({ id }) => id as number,
  ) as [number, number];
});

/** 1 to 150 of Red, 151 and 152 of Blue, 153 of no team. */
beforeEach(async () => {
  await sql(server, 'DELETE FROM hosts');
  const rows = await sql(
    server,
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
     SELECT gen_random_uuid(), gen_random_uuid(), '', 'host-' || n, '{"platform": "debian", "os_version": "", "arch": ""}',
       sha256(convert_to(n::text || clock_timestamp(), 'UTF8')), CASE WHEN n <= 150 THEN $1::int WHEN n <= 152 THEN $2::int END
     FROM generate_series(1, 153) n ORDER BY n RETURNING id`,
    [red, blue],
  );
  hosts = rows.map(({ id }) => id as number).sort((a, b) => a - b);
});

const host = (n: number) => hosts[n - 1]!;
const transfer = (client: Api, team_id: unknown, ids: unknown) =>
  client.post('/api/v1/fleet/hosts/transfer', { team_id, hosts: ids });
const transferMatching = (client: Api, team_id: unknown, filters: unknown) =>
  client.post('/api/v1/fleet/hosts/transfer/filter', { team_id, filters });
const size = async (team: number) =>
  (await admin.get(`/api/v1/fleet/hosts/count?team_id=${team}`)).body.count as number;
const sizes = async () => [await size(red), await size(blue), await size(0)];
const translate = (client: Api, type: string, identifier: string) =>
  client.post('/api/latest/fleet/translate', { list: [{ type, payload: { identifier } }] });

describe('hosts/transfer', () => {
  it('moves hosts to a team, and to none', async () => {
    const answer = await transfer(admin, blue, [host(1), host(153), host(151)]);
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect(await sizes()).toEqual([149, 4, 0]);
    const { body } = await admin.get(`/api/v1/fleet/hosts/${host(1)}`);
    expect(body.host).toMatchObject({ team_id: blue, team_name: 'Blue' });
    expect((await transfer(admin, null, [host(1)])).status).toBe(200);
    expect((await transfer(admin, null, [])).status).toBe(200);
    expect(await sizes()).toEqual([149, 3, 1]);
  });

  it('writes down who moved what, and the first hundred names', async () => {
    await transfer(admin, blue, hosts);
    const [row] = await sql(
      server,
      `SELECT * FROM audit WHERE act = 'transferred_hosts' ORDER BY id DESC LIMIT 1`,
    );
    expect(row).toMatchObject({ email: server.admin.email, outcome: 'done' });
    expect(row.details).toEqual({
      team_id: blue,
      team_name: 'Blue',
      hosts: 153,
      host_ids: hosts.slice(0, 100),
      host_display_names: hosts.slice(0, 100).map((_, i) => `host-${i + 1}`),
    });
  });

  it('moves all or none', async () => {
    expectProblem(await transfer(admin, blue, [host(1), 999_999]), 404, 'base', /^Host 999999 was not found/);
    expectProblem(await transfer(admin, 999_999, [host(1)]), 404, 'team_id', 'there is no team 999999');
    const client = await addTeamUser(server, 'half@example.com', { [red]: 'admin', [blue]: 'observer' });
    expectProblem(await transfer(client, red, [host(1), host(151)]), 403, 'base', 'forbidden');
    expect(await sizes()).toEqual([150, 2, 1]);
  });

  it('needs the right where a host comes from and where it goes', async () => {
    const client = await addTeamUser(server, 'one@example.com', { [red]: 'maintainer' });
    for (const [team, id] of [
      [blue, host(1)],
      [null, host(1)],
      [red, host(151)],
      [red, host(153)],
      [red, 999_999],
      [999_999, host(1)],
    ])
      expectProblem(await transfer(client, team, [id]), 403, 'base', 'forbidden');
    expect((await transfer(client, red, [host(1)])).status).toBe(200);
    const both = await addTeamUser(server, 'two@example.com', { [red]: 'maintainer', [blue]: 'admin' });
    expect((await transfer(both, blue, [host(1), host(151)])).status).toBe(200);
    expect(await sizes()).toEqual([149, 3, 1]);
    for (const role of ['observer', 'observer_plus', 'gitops'])
      expect((await transfer(await addUser(server, `${role}@example.com`, role), red, [])).status).toBe(403);
  });

  it.each([
    [{ hosts: [1] }, 'team_id'],
    [{ team_id: 'Red', hosts: [1] }, 'team_id'],
    [{ team_id: -1, hosts: [1] }, 'team_id'],
    [{ team_id: null }, 'hosts'],
    [{ team_id: null, hosts: 1 }, 'hosts'],
    [{ team_id: null, hosts: ['1'] }, 'hosts'],
    [{ team_id: null, hosts: [0] }, 'hosts'],
    [{ team_id: null, hosts: [2_147_483_648] }, 'hosts'],
  ])('answers 400 to %j', async (body, name) => {
    expectProblem(await admin.post('/api/v1/fleet/hosts/transfer', body), 400, name, /\S/);
  });
});

describe('hosts/transfer/filter', () => {
  it('moves what the list finds', async () => {
    expect((await transferMatching(admin, blue, { team_id: red, query: ' HOST-15' })).body).toEqual({});
    expect(await sizes()).toEqual([148, 4, 1]);
    expect((await transferMatching(admin, red, { status: 'online' })).status).toBe(200);
    expect((await transferMatching(admin, red, { team_id: 0 })).status).toBe(200);
    expect(await sizes()).toEqual([149, 4, 0]);
    expect((await transferMatching(admin, null, { query: '', status: '', label_id: null })).status).toBe(200);
    expect(await sizes()).toEqual([0, 0, 153]);
  });

  it('moves only what the caller may move', async () => {
    const client = await addTeamUser(server, 'mixed@example.com', {
      [red]: 'maintainer',
      [blue]: 'observer',
    });
    expectProblem(await transferMatching(client, red, {}), 403, 'base', 'forbidden');
    expect((await transferMatching(client, red, { team_id: red })).status).toBe(200);
    expect((await transferMatching(client, red, { team_id: 0 })).status).toBe(200);
    expect(await sizes()).toEqual([150, 2, 1]);
  });

  it.each([
    [undefined, 'filters'],
    ['all', 'filters'],
    [{ label_id: 'macOS' }, 'filters.label_id'],
    [{ status: 'gone' }, 'filters.status'],
    [{ team_id: 'Red' }, 'filters.team_id'],
    [{ query: 1 }, 'filters.query'],
  ])('answers 400 to %j', async (filters, name) => {
    expectProblem(await transferMatching(admin, red, filters), 400, name, /\S/);
  });
});

describe('translate', () => {
  it('knows hosts, teams and users by name', async () => {
    const list = [
      { type: 'team', payload: { identifier: 'red' } },
      { type: 'host', payload: { identifier: 'host-2' } },
      { type: 'user', payload: { identifier: server.admin.email } },
    ];
    const { status, body } = await admin.post('/api/latest/fleet/translate', { list });
    expect(status).toBe(200);
    expect(body.list.map((item: { type: string; payload: object }) => [item.type, item.payload])).toEqual([
      ['team', { identifier: 'red', id: red }],
      ['host', { identifier: 'host-2', id: host(2) }],
      ['user', { identifier: server.admin.email, id: 1 }],
    ]);
    expect((await admin.post('/api/latest/fleet/translate', { list: [] })).body).toEqual({ list: [] });
  });

  it('says what it does not know', async () => {
    for (const [type, kind] of [
      ['team', 'Team'],
      ['host', 'Host'],
      ['user', 'User'],
      ['label', 'Label'],
    ] as const) {
      const reason = `${kind} nobody was not found in the datastore`;
      expectProblem(await translate(admin, type, 'nobody'), 404, 'base', reason);
    }
    const { status, body } = await translate(admin, 'planet', 'mars');
    expect([status, body.code, body.message]).toEqual([422, 3, 'Type planet is unknown.']);
    expectProblem(await admin.post('/api/latest/fleet/translate', {}), 400, 'list', /array/);
    const nameless = { list: [{ type: 'host', payload: {} }] };
    expect((await admin.post('/api/latest/fleet/translate', nameless)).status).toBe(400);
  });

  it('tells callers with team roles of their teams only', async () => {
    const client = await addTeamUser(server, 'translator@example.com', { [red]: 'maintainer' });
    expect((await translate(client, 'team', 'Red')).status).toBe(200);
    expect((await translate(client, 'host', 'host-1')).status).toBe(200);
    expect((await translate(client, 'user', 'translator@example.com')).status).toBe(200);
    for (const [type, name] of [
      ['team', 'Blue'],
      ['team', 'nobody'],
      ['host', 'host-151'],
      ['user', server.admin.email],
    ] as const)
      expect({ name, status: (await translate(client, type, name)).status }).toEqual({ name, status: 403 });
  });
});
