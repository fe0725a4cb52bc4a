import { type Answer, api, type Api, startServer, type ServerFixture } from '#libs/testing/index';
import { expectProblem, sql } from '../e2e/support.js';
import { differences } from './shape.js';

/* Every example of the specs in Fleet's document for contributors: applied as it stands there, and read back. */

const SPEC = '/api/v1/fleet/spec';
let server: ServerFixture;
let admin: Api;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
});
beforeEach(async () => {
  for (const table of ['packs', 'policies', 'queries', 'teams']) await sql(server, `DELETE FROM ${table}`);
  await sql(server, `DELETE FROM labels WHERE label_type = 'regular'`);
});

const ok = async (answer: Promise<Answer>) => {
  const { status, body } = await answer;
  expect([status, status === 200 ? undefined : body]).toEqual([200, undefined]);
  return body;
};
const apply = (kind: string, specs: unknown, query = '') =>
  ok(admin.post(`${SPEC}/${kind}${query}`, { specs }));
const read = async (path: string) => (await ok(admin.get(`${SPEC}/${path}`))).specs;
const addQueries = (...names: string[]) =>
  apply(
    'queries',
    names.map((name) => ({ name, query: 'SELECT * FROM osquery_info' })),
  );

it('Apply queries spec, get them', async () => {
  await apply('queries', [
    { name: 'osquery_schedule', description: 'before', query: 'SELECT 1', interval: 60 },
    { name: 'query1', description: 'query', query: 'SELECT * FROM osquery_info' },
  ]);
  const body = await apply('queries', [
    {
      name: 'new_query',
      description:
        "This will be a new query because a query with the name 'new_query' doesn't exist in Fleet.",
      query: 'SELECT * FROM osquery_info',
    },
    {
      name: 'osquery_schedule',
      description:
        "This queries description and SQL will be modified because a query with the name 'osquery_schedule' exists in Fleet.",
      query: 'SELECT * FROM osquery_info',
    },
  ]);
  expect(body).toEqual({});
  const specs = await read('queries');
  expect(specs).toHaveLength(3);
  // What is absent is reset.
  expect(specs[0]).toEqual({
    name: 'osquery_schedule',
    description: expect.stringContaining('will be modified'),
    query: 'SELECT * FROM osquery_info',
    team: '',
    interval: 0,
    observer_can_run: false,
    platform: '',
    min_osquery_version: '',
    automations_enabled: false,
    logging: 'snapshot',
    discard_data: false,
  });
  expect(await read('queries/QUERY1')).toMatchObject({ name: 'query1', description: 'query' });
  expectProblem(
    await admin.get(`${SPEC}/queries/nothing`),
    404,
    'base',
    'Query nothing was not found in the datastore',
  );
});

const scheduled = (query: string, name: string, interval: number, snapshot: boolean) => ({
  query,
  name,
  description: '',
  interval,
  snapshot,
  removed: !snapshot,
});
const PACK_1 = {
  id: 1,
  name: 'pack_1',
  description: 'Description',
  disabled: false,
  targets: { labels: ['All Hosts'], teams: null },
  queries: [
    scheduled('new_query', 'new_query', 456, false),
    scheduled('new_title_for_my_query', 'new_title_for_my_query', 677, true),
    scheduled('osquery_info', 'osquery_info', 6667, true),
    scheduled('query1', 'query1', 7767, false),
    scheduled('osquery_events', 'osquery_events', 454, false),
    scheduled('osquery_events', 'osquery_events-1', 120, false),
  ],
};
const PACK_2 = {
  id: 2,
  name: 'pack_2',
  disabled: false,
  targets: { labels: null, teams: null },
  queries: [{ ...scheduled('new_query', 'new_query', 333, false), platform: 'windows' }],
};

it('Apply packs spec, get them', async () => {
  await addQueries('new_query', 'new_title_for_my_query', 'osquery_info', 'query1', 'osquery_events');
  expect(await apply('packs', [PACK_1, PACK_2])).toEqual({});
  const specs = await read('packs');
  const defaults = { platform: '', version: '', denylist: null };
  expect(specs).toEqual([
    {
      ...PACK_1,
      id: expect.any(Number),
      queries: PACK_1.queries.map((query) => ({ ...query, ...defaults })),
    },
    {
      ...PACK_2,
      id: expect.any(Number),
      queries: PACK_2.queries.map((query) => ({ ...query, ...defaults, platform: 'windows' })),
    },
  ]);
  expect(await read('packs/pack_1')).toEqual(specs[0]);
  // Read back and applied again, nothing changes: the same queries have the same rows.
  const rows = await sql(server, 'SELECT id FROM pack_queries ORDER BY id');
  await apply('packs', specs);
  expect(await sql(server, 'SELECT id FROM pack_queries ORDER BY id')).toEqual(rows);
  await apply('packs', [{ name: 'PACK_1', queries: [{ query: 'query1', interval: 60, shard: 10 }] }]);
  expect(await read('packs/pack_1')).toEqual({
    id: specs[0].id,
    name: 'PACK_1',
    disabled: false,
    targets: { labels: null, teams: null },
    queries: [{ query: 'query1', name: 'query1', description: '', interval: 60, shard: 10, ...defaults }],
  });
  expectProblem(
    await admin.get(`${SPEC}/packs/none`),
    404,
    'base',
    'Pack none was not found in the datastore',
  );
});

it('Apply team spec', async () => {
  const options = {
    config: {
      options: {
        logger_plugin: 'tls',
        pack_delimiter: '/',
        logger_tls_period: 10,
        distributed_plugin: 'tls',
        disable_distributed: false,
        logger_tls_endpoint: '/api/v1/osquery/log',
        distributed_interval: 10,
        distributed_tls_max_attempts: 3,
      },
      decorators: {
        load: ['SELECT uuid AS host_uuid FROM system_info;', 'SELECT hostname AS hostname FROM system_info;'],
      },
    },
    overrides: {},
  };
  const spec = {
    name: 'Client Platform Engineering',
    agent_options: { spec: options },
    secrets: [{ secret: 'fTp52/twaxBU6gIi0J6PHp8o5Sm1k1kn' }, { secret: 'bhD5kiX2J+KBgZSk118qO61ZIdX/v8On' }],
  };
  const body = await apply('teams', [spec]);
  expect(body).toEqual({ team_ids_by_name: { 'Client Platform Engineering': expect.any(Number) } });
  const id = body.team_ids_by_name['Client Platform Engineering'] as number;
  const { team } = await ok(admin.get(`/api/v1/fleet/teams/${id}`));
  expect(team.agent_options).toEqual(options);
  expect(team.secrets.map(({ secret }: { secret: string }) => secret).sort()).toEqual(
    spec.secrets.map(({ secret }) => secret).sort(),
  );
  // Without the inner key it is the same.
  expect(await apply('teams', [{ ...spec, agent_options: options }])).toEqual(body);
  expect((await ok(admin.get(`/api/v1/fleet/teams/${id}`))).team).toEqual(team);
});

it('Apply labels spec, get them', async () => {
  const builtin = await read('labels');
  const example = {
    id: 6,
    name: 'All Hosts',
    description: 'All hosts which have enrolled in Fleet',
    query: 'select 1;',
    label_type: 'builtin',
    label_membership_type: 'dynamic',
  };
  expect(differences([example], builtin)).toEqual([]);
  await apply('labels', [
    {
      name: 'Ubuntu',
      description: 'Filters ubuntu hosts',
      query: "select 1 from os_version where platform = 'ubuntu';",
      label_membership_type: 'dynamic',
    },
    {
      name: 'local_machine',
      description: 'Includes only my local machine',
      label_membership_type: 'manual',
      hosts: ['snacbook-pro.local'],
    },
  ]);
  const specs = await read('labels');
  expect(specs).toHaveLength(builtin.length + 2);
  expect(await read('labels/ubuntu')).toEqual({
    id: expect.any(Number),
    name: 'Ubuntu',
    description: 'Filters ubuntu hosts',
    query: "select 1 from os_version where platform = 'ubuntu';",
    label_membership_type: 'dynamic',
    hosts: null,
  });
  expect(await read('labels/local_machine')).toMatchObject({
    name: 'local_machine',
    query: '',
    label_membership_type: 'manual',
    hosts: [],
  });
  // What is built in may stand among the others.
  await apply('labels', specs);
  expect(await read('labels')).toEqual(specs);
});

it('Modify enroll secrets, get them', async () => {
  const secret = 'fTp52/twaxBU6gIi0J6PHp8o5Sm1k1kn';
  const { spec: before } = await ok(admin.get(`${SPEC}/enroll_secret`));
  expect(before.secrets).toHaveLength(1);
  const set = (secrets: object[], query = '') =>
    ok(admin.post(`${SPEC}/enroll_secret${query}`, { spec: { secrets } }));
  expect(await set([{ secret }])).toEqual({});
  const { spec } = await ok(admin.get(`${SPEC}/enroll_secret`));
  expect(spec).toEqual({ secrets: [{ secret, created_at: expect.stringMatching(/Z$/) }] });
  // What stays keeps its date.
  await set([{ secret }, { secret: 'another' }]);
  expect((await ok(admin.get(`${SPEC}/enroll_secret`))).spec.secrets).toContainEqual(spec.secrets[0]);
  await set([], '?dry_run=true');
  expect((await ok(admin.get(`${SPEC}/enroll_secret`))).spec.secrets).toHaveLength(2);
  await set(before.secrets);
});

it('Apply policies spec', async () => {
  const specs = [
    {
      name: 'new policy',
      description:
        "This will be a new policy because a policy with the name 'new policy' doesn't exist in Fleet.",
      query: 'SELECT * FROM osquery_info',
      resolution: 'some resolution steps here',
    },
    {
      name: 'Is Filevault enabled on macOS devices?',
      query: 'SELECT 1 FROM disk_encryption WHERE user_uuid IS NOT “” AND filevault_status = ‘on’ LIMIT 1;',
      description: 'Checks to make sure that the Filevault feature is enabled on macOS devices.',
      resolution:
        'Choose Apple menu > System Preferences, then click Security & Privacy. Click the FileVault tab. Click the Lock icon, then enter an administrator name and password. Click Turn On FileVault.',
      platform: 'darwin',
    },
  ];
  expect(await apply('policies', specs)).toEqual({});
  const rows = await sql(server, 'SELECT name, query, platform, scope FROM policies ORDER BY id');
  expect(rows).toEqual(
    specs.map(({ name, query, platform = '' }) => ({ name, query, platform, scope: 'global' })),
  );
  // The platform of one that is there stays.
  await apply('policies', [{ ...specs[1], platform: 'linux', resolution: 'Turn it on.' }]);
  expect(await sql(server, "SELECT platform, resolution FROM policies WHERE platform = 'darwin'")).toEqual([
    { platform: 'darwin', resolution: 'Turn it on.' },
  ]);
});
