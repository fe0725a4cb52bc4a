import { randomUUID } from 'node:crypto';
import { type Api, api, startAgent, startServer, type ServerFixture, until } from '#libs/testing/index';
import { addTeamUser, addUser, expectProblem, sql } from './support.js';
import { addTeam } from './teams.js';

let server: ServerFixture;
let admin: Api;
let red: number;
/** By hostname. */
const ids: Record<string, number> = {};

const LABELS = '/api/v1/fleet/labels';
const ALL_HOSTS = 1;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  red = await addTeam(server, 'Red');
  await sql(server, `INSERT INTO enroll_secrets (secret, team_id) VALUES ('red-secret', $1)`, [red]);
  await enroll('debian-1', 'debian', 'Debian GNU/Linux 12 (bookworm)');
  await enroll('ubuntu-1', 'ubuntu', 'Ubuntu 24.04.1 LTS', { secret: 'red-secret' });
  await enroll('mac-1', 'darwin', 'macOS 14.2');
});

async function enroll(
  hostname: string,
  platform: string,
  os_version: string,
  { secret = server.enrollSecret, machine = randomUUID() }: { secret?: string; machine?: string } = {},
): Promise<string> {
  const { status, body } = await api(server).post('/api/v1/agents/enroll', {
    enroll_secret: secret,
    protocol: 1,
    agent_version: '0.0.0',
    hardware_uuid: machine,
    instance: 'test',
    hostname,
    facts: { hostname, platform, os_version, arch: 'x86_64', hardware_serial: `serial-of-${hostname}` },
  });
  if (status !== 200) throw new Error(`enroll answered ${status}: ${JSON.stringify(body)}`);
  ids[hostname] = body.host_id as number;
  return machine;
}

const labelsOf = async (hostname: string): Promise<string[]> => {
  const { status, body } = await admin.get(`/api/v1/fleet/hosts/${ids[hostname]}`);
  expect(status).toBe(200);
  return (body.host.labels as { name: string }[]).map(({ name }) => name);
};
const membersOf = async (id: number, client = admin, query = ''): Promise<string[]> => {
  const { status, body } = await client.get(`${LABELS}/${id}/hosts?order_key=hostname&${query}`);
  expect(status).toBe(200);
  return (body.hosts as { hostname: string }[]).map(({ hostname }) => hostname);
};
const create = async (body: object): Promise<number> => {
  const answer = await admin.post(LABELS, body);
  expect([answer.status, answer.body.errors]).toEqual([200, undefined]);
  return answer.body.label.id as number;
};
const actsOn = (id: number) =>
  sql(server, `SELECT act, email FROM audit WHERE (details->>'label_id')::int = $1 ORDER BY id`, [id]);

describe('built-in labels', () => {
  it('follow what an agent says of its host, from enrolment on', async () => {
    expect(await labelsOf('debian-1')).toEqual(['All Hosts', 'All Linux']);
    expect(await labelsOf('ubuntu-1')).toEqual(['All Hosts', 'Ubuntu Linux', 'All Linux']);
    expect(await labelsOf('mac-1')).toEqual(['All Hosts', 'macOS', 'macOS 14+ (Sonoma+)']);
    const machine = await enroll('changing', 'ubuntu', 'Ubuntu 24.04');
    await enroll('changing', 'fedora', 'Fedora Linux 40', { machine });
    expect(await labelsOf('changing')).toEqual(['All Hosts', 'All Linux', 'Fedora Linux']);
    await admin.delete(`/api/v1/fleet/hosts/${ids['changing']}`);
    expect(await membersOf(ALL_HOSTS)).toEqual(['debian-1', 'mac-1', 'ubuntu-1']);
  });

  it('follow what an agent says when it connects', async () => {
    const agent = startAgent({ server });
    const { id } = await agent.online();
    await agent.stop();
    const path = `/api/v1/fleet/hosts/${id}`;
    const offline = async () => (await admin.get(path)).body.host.status === 'offline';
    await until(offline, { what: 'its departure' });
    await sql(server, 'DELETE FROM label_membership WHERE host_id = $1', [id]);
    await sql(server, 'INSERT INTO label_membership (label_id, host_id) VALUES (2, $1)', [id]);
    await agent.restart();
    await agent.online();
    const { body } = await admin.get(path);
    const names = (body.host.labels as { name: string }[]).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['All Hosts', 'All Linux']));
    expect(names).not.toContain('macOS');
    await agent.stop();
    await admin.delete(path);
  });

  it('cannot be changed or deleted, nor can another label take their name', async () => {
    for (const [answer, what] of [
      [await admin.patch(`${LABELS}/${ALL_HOSTS}`, { description: 'mine' }), 'modify'],
      [await admin.delete(`${LABELS}/id/${ALL_HOSTS}`), 'delete'],
      [await admin.delete(`${LABELS}/All%20Hosts`), 'delete'],
    ] as const)
      expectProblem(answer, 422, 'name', `cannot ${what} built-in label 'All Hosts'`);
    expectProblem(
      await admin.post(LABELS, { name: 'all linux' }),
      422,
      'name',
      `cannot add label 'all linux' because it conflicts with the name of a built-in label`,
    );
    const id = await create({ name: 'to be renamed' });
    expectProblem(await admin.patch(`${LABELS}/${id}`, { name: 'MACOS' }), 422, 'name', /built-in label/);
    await admin.delete(`${LABELS}/id/${id}`);
  });
});

describe('the list of labels', () => {
  it('shows each with the number of its hosts', async () => {
    const { status, body } = await admin.get(LABELS);
    expect(status).toBe(200);
    expect(body.labels).toHaveLength(13);
    expect(body.labels[0]).toEqual({
      created_at: expect.any(String),
      updated_at: expect.any(String),
      id: ALL_HOSTS,
      name: 'All Hosts',
      description: expect.any(String),
      query: 'select 1;',
      platform: '',
      label_type: 'builtin',
      label_membership_type: 'dynamic',
      display_text: 'All Hosts',
      count: 3,
      host_count: 3,
      hosts_count: 3,
    });
    const { body: one } = await admin.get(`${LABELS}/${ALL_HOSTS}`);
    expect(one).toEqual({ label: body.labels[0] });
  });

  it('is sorted, cut and searched', async () => {
    const names = async (query: string) =>
      ((await admin.get(`${LABELS}?${query}`)).body.labels as { name: string }[]).map(({ name }) => name);
    expect(await names('order_key=host_count&order_direction=desc&per_page=2')).toEqual([
      'All Hosts',
      'All Linux',
    ]);
    expect(await names('query=macos')).toEqual(['macOS', 'macOS 14+ (Sonoma+)']);
    expect(await names('page=1&per_page=12')).toEqual(['Android']);
    expect((await admin.get(`${LABELS}?order_key=color`)).status).toBe(400);
  });

  it('has a short form', async () => {
    const { body } = await admin.get(`${LABELS}/summary`);
    expect(body.labels).toHaveLength(13);
    expect(body.labels[0]).toEqual({
      id: ALL_HOSTS,
      name: 'All Hosts',
      description: expect.any(String),
      label_type: 'builtin',
    });
  });

  it('counts and shows callers with team roles the hosts of their teams only', async () => {
    const observer = await addTeamUser(server, 'observer@red.example.com', { [red]: 'observer' });
    const counts = async (client: Api) =>
      ((await client.get(LABELS)).body.labels as { name: string; count: number }[])
        .filter(({ count }) => count > 0)
        .map(({ name, count }) => [name, count]);
    expect(await counts(observer)).toEqual([
      ['All Hosts', 1],
      ['Ubuntu Linux', 1],
      ['All Linux', 1],
    ]);
    expect((await observer.get(`${LABELS}/${ALL_HOSTS}`)).body.label.count).toBe(1);
    expect(await membersOf(ALL_HOSTS, observer)).toEqual(['ubuntu-1']);
    const gitops = await addUser(server, 'gitops@example.com', 'gitops');
    expect(await counts(gitops)).toEqual([]);
    expect((await gitops.get(`${LABELS}/${ALL_HOSTS}/hosts`)).status).toBe(403);
  });
});

describe('a manual label', () => {
  it('has the hosts that are named, and no others', async () => {
    const id = await create({
      name: ' Chosen ',
      description: 'by hand',
      hosts: ['debian-1', 'serial-of-mac-1', 'nobody', ''],
      host_ids: [ids['ubuntu-1'], 999_999],
    });
    expect(id).toBeGreaterThanOrEqual(1000);
    expect((await admin.get(`${LABELS}/${id}`)).body.label).toMatchObject({
      name: 'Chosen',
      description: 'by hand',
      query: '',
      label_type: 'regular',
      label_membership_type: 'manual',
      count: 3,
    });
    expect(await membersOf(id)).toEqual(['debian-1', 'mac-1', 'ubuntu-1']);
    expect(await membersOf(id, admin, 'order_direction=desc&per_page=1&page=1')).toEqual(['mac-1']);
    expect(await membersOf(id, admin, 'query=UBUNTU')).toEqual(['ubuntu-1']);
    expect(await labelsOf('mac-1')).toContain('Chosen');

    const renamed = await admin.patch(`${LABELS}/${id}`, { name: 'chosen' });
    expect(renamed.body.label).toMatchObject({ name: 'chosen', description: 'by hand', count: 3 });
    await admin.patch(`${LABELS}/${id}`, { hosts: ['mac-1'], description: 'one' });
    expect(await membersOf(id)).toEqual(['mac-1']);
    await admin.patch(`${LABELS}/${id}`, { host_ids: [] });
    expect(await membersOf(id)).toEqual([]);

    const gone = await admin.delete(`${LABELS}/CHOSEN`);
    expect([gone.status, gone.body]).toEqual([200, {}]);
    expectProblem(
      await admin.get(`${LABELS}/${id}`),
      404,
      'base',
      `Label ${id} was not found in the datastore`,
    );
    const email = server.admin.email;
    expect(await actsOn(id)).toEqual([
      { act: 'created_label', email },
      ...Array.from({ length: 3 }, () => ({ act: 'edited_label', email })),
      { act: 'deleted_label', email },
    ]);
  });

  it('filters transfers and batches, and is known to translate', async () => {
    const id = await create({ name: 'Movers', hosts: ['mac-1'] });
    const translated = await admin.post('/api/v1/fleet/translate', {
      list: [{ type: 'label', payload: { identifier: 'movers' } }],
    });
    expect(translated.body.list[0].payload).toEqual({ identifier: 'movers', id });
    const move = (team_id: number | null) =>
      admin.post('/api/v1/fleet/hosts/transfer/filter', { team_id, filters: { label_id: id } });
    expect((await move(red)).status).toBe(200);
    expect((await admin.get(`/api/v1/fleet/hosts?team_id=${red}`)).body.hosts).toHaveLength(2);
    expect((await move(null)).status).toBe(200);
    await admin.delete(`${LABELS}/id/${id}`);
  });
});

describe('a dynamic label', () => {
  it('keeps its query for ever', async () => {
    const id = await create({ name: 'Asked', query: 'SELECT 1;', platform: 'linux' });
    const path = `${LABELS}/${id}`;
    expect((await admin.get(path)).body.label).toMatchObject({
      query: 'SELECT 1;',
      platform: 'linux',
      label_membership_type: 'dynamic',
      count: 0,
    });
    expect((await admin.patch(path, { query: 'SELECT 1;', platform: 'linux' })).status).toBe(200);
    expectProblem(await admin.patch(path, { query: 'SELECT 2' }), 422, 'query', /cannot be changed/);
    expectProblem(await admin.patch(path, { platform: '' }), 422, 'platform', /cannot be changed/);
    expectProblem(await admin.patch(path, { hosts: [] }), 422, 'hosts', /dynamic label/);
    await admin.delete(`${LABELS}/id/${id}`);
  });
});

describe('labels', () => {
  it('refuse what makes no sense, and name the field', async () => {
    const id = await create({ name: 'Taken' });
    const other = await create({ name: 'Other' });
    expectProblem(await admin.post(LABELS, {}), 422, 'name', 'missing required argument');
    expectProblem(await admin.post(LABELS, { name: ' ' }), 422, 'name', 'missing required argument');
    expectProblem(await admin.patch(`${LABELS}/${id}`, { name: ' ' }), 422, 'name', 'may not be empty');
    expectProblem(
      await admin.post(LABELS, { name: 'x', query: 'SELECT 1', hosts: ['debian-1'] }),
      422,
      'query',
      /Only one of either "query" or "hosts\/host_ids"/,
    );
    for (const answer of [
      await admin.post(LABELS, { name: 'TAKEN' }),
      await admin.patch(`${LABELS}/${other}`, { name: 'TAKEN' }),
    ])
      expectProblem(answer, 409, 'name', 'Label "TAKEN" already exists');
    for (const [body, name] of [
      [{ name: 1 }, 'name'],
      [{ name: 'x'.repeat(256) }, 'name'],
      [{ name: 'x', hosts: 'debian-1' }, 'hosts'],
      [{ name: 'x', host_ids: ['1'] }, 'host_ids'],
      [{ name: 'x', host_ids: [4_000_000_000] }, 'host_ids'],
      [{ name: 'a\0b' }, 'name'],
    ] as const)
      expectProblem(await admin.post(LABELS, body), 400, name, /\S/);
    for (const answer of [
      await admin.get(`${LABELS}/999999`),
      await admin.get(`${LABELS}/999999/hosts`),
      await admin.patch(`${LABELS}/999999`, {}),
      await admin.delete(`${LABELS}/id/999999`),
      await admin.delete(`${LABELS}/nothing`),
    ])
      expectProblem(answer, 404, 'base', /^Label (999999|nothing) was not found in the datastore$/);
    for (const label of [id, other]) await admin.delete(`${LABELS}/id/${label}`);
  });

  it('answer to every version of the API, and to any name', async () => {
    await create({ name: 'a/b % c' });
    const path = `/api/latest/fleet/labels/${encodeURIComponent('a/b % c')}`;
    expect((await admin.delete(path)).status).toBe(200);
    expect((await admin.get('/api/2022-04/fleet/labels/summary')).body.labels).toHaveLength(13);
  });
});
