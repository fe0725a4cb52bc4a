import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { addUser, sql, startWorld, type World } from './support.js';

const KINDS = [
  'queries',
  'labels',
  'packs',
  'policies',
  'teams',
  'enroll_secrets',
  'config',
  'user_roles',
] as const;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let world: World;
let dir: string;

beforeAll(async () => {
  world = await startWorld();
  dir = mkdtempSync(join(tmpdir(), 'muster-apply-'));
  await addUser(world.server, 'olga@example.com', 'observer');
  writeFileSync(join(dir, '1-first.yml'), first());
  writeFileSync(join(dir, '2-second.yaml'), second());
}, 60_000);

afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** `muster …` with a pipe; `on` another server. */
async function muster(
  args: readonly string[],
  { input = '', on = world }: { input?: string; on?: { server: ServerFixture; client: Api } } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['bin/muster', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: on.server.url,
      MUSTER_TOKEN: on.client.bearer,
    },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Standard output of what has to succeed. */
async function told(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await muster(args);
  if (code !== 0) throw new Error(`muster ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return stdout;
}

/** Everything that files can say, and every trace of a change. */
async function standing(): Promise<unknown[]> {
  const paths = ['queries', 'spec/packs', 'spec/labels', 'spec/enroll_secret', 'teams', 'config', 'users'];
  const { body } = await world.client.get('/api/v1/fleet/teams');
  const ofTeams = (body.teams as { id: number }[]).map(({ id }) => `queries?team_id=${id}`);
  const answers = await Promise.all(
    [...paths, ...ofTeams].map(
      async (path) => (await world.client.get(`/api/v1/fleet/${path}`)).body as unknown,
    ),
  );
  return [
    ...answers,
    await sql(world.server, 'SELECT * FROM policies ORDER BY id'),
    await sql(world.server, 'SELECT count(*) FROM audit'),
  ];
}

const rows = (stdout: string): string[] =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ {2,}/g, ' | '));

function first(): string {
  return `
apiVersion: v1
kind: policy
spec:
  name: encrypted
  query: select 1 from disk_encryption where encrypted = 1
  resolution: |
    Turn it on.
    Then wait.
  team: Web
  platform: linux
---
apiVersion: v1
kind: policy
spec: {name: up to date, query: select 1, critical: true, labels_include_any: [web servers]}
---
apiVersion: v1
kind: policy
spec: {name: strays, query: select 1, team: No team}
---
apiVersion: v1
kind: pack
spec:
  name: nightly
  description: every night
  targets: {labels: [web servers], teams: [Web]}
  queries:
    - {query: uptime, interval: 60, snapshot: true}
    - {query: uptime, name: uptime again, interval: 3600, platform: linux, version: 4.5.0, shard: 10}
---
apiVersion: v1
kind: pack
spec: {name: off, disabled: true}
---
apiVersion: v1
kind: user_roles
spec:
  roles:
    olga@example.com: {teams: [{team: Web, role: maintainer}]}
`;
}

function second(): string {
  return `
apiVersion: v1
kind: query
spec:
  name: uptime
  description: "on: how long"
  query: &up |
    -- a comment
    select * from uptime;
  interval: 60
  observer_can_run: true
  platform: linux, darwin
---
apiVersion: v1
kind: query
spec: {name: uptime, query: select 2, team: Web}
---
apiVersion: v1
kind: label
spec: {name: web servers, description: "", query: "select 1 from processes where name = 'nginx'", platform: linux}
---
apiVersion: v1
kind: label
spec: {name: chosen, label_membership_type: manual, hosts: [${world.agent.hostname}]}
---
apiVersion: v1
kind: label
spec: {name: nobody, label_membership_type: manual, hosts: []}
---
apiVersion: v1
kind: team
spec:
  team:
    name: Web
    agent_options: {config: {options: {distributed_interval: 10}}, script_execution_timeout: 60}
    secrets: [{secret: web-hush-hush}]
---
apiVersion: v1
kind: config
spec:
  org_info: {org_name: Acme}
  server_settings: {server_url: "https://muster.example.com"}
---
apiVersion: v1
kind: enroll_secret
spec: {secrets: [{secret: hush-hush-one}, {secret: hush-hush-two}]}
`;
}

const ALL_ROWS = [
  'query | uptime | added',
  'query | uptime (team Web) | added',
  'label | web servers | added',
  'label | chosen | added',
  'label | nobody | added',
  'pack | nightly | added',
  'pack | off | added',
  'config | changed (org_info.org_name, server_settings.server_url)',
  'enroll_secret | changed (secrets)',
  'team | Web | added',
  'policy | encrypted (team Web) | added',
  'policy | up to date | added',
  'policy | strays (team No team) | added',
  'user_roles | olga@example.com | changed (global_role, teams)',
];

it('can be tried: everything is checked, nothing is changed', async () => {
  const before = await standing();
  const { code, stdout, stderr } = await muster(['apply', '-f', dir, '--dry-run']);
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: 'not checked: user_roles "olga@example.com", as team "Web" is not there yet\n',
  });
  expect(rows(stdout)).toEqual(['KIND | NAME | CHANGE', ...ALL_ROWS, 'dry run: nothing was changed']);
  expect(await standing()).toEqual(before);
});

it('changes nothing where one of the specs is refused, and says where it stands', async () => {
  const before = await standing();
  const bad = join(dir, 'bad.txt');
  writeFileSync(
    bad,
    'kind: query\nspec: {name: fine, query: select 1}\n---\nkind: query\nspec: {name: broken, query: select from}\n',
  );
  const { code, stdout, stderr } = await muster(['apply', '-f', dir, '-f', bad]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^muster: .*broken.*\(queries\[3\]\.query\), .*bad\.txt: document 2, line 5; nothing was changed\n$/,
  );
  expect(stderr).not.toContain('hush');
  expect(await standing()).toEqual(before);
});

it('makes an empty server what the files say', async () => {
  const { code, stdout, stderr } = await muster(['apply', '-f', dir]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(rows(stdout)).toEqual([
    'KIND | NAME | CHANGE',
    ...ALL_ROWS,
    "applied: 1 team, 2 queries, 3 labels, 2 packs, config, enroll_secret, 3 policies, 1 user's roles",
  ]);
  const { body } = await world.client.get('/api/v1/fleet/spec/queries/uptime');
  expect(body.specs).toMatchObject({ interval: 60, query: '-- a comment\nselect * from uptime;\n' });
});

it('says what there is, to people', async () => {
  expect(rows(await told('get', 'queries'))).toEqual([
    'NAME | TEAM | INTERVAL | PLATFORM | QUERY',
    expect.stringMatching(/^uptime \| 60 \| linux, ?darwin \| -- a comment/),
    'uptime | Web | 0 | select 2',
  ]);
  expect(rows(await told('get', 'packs'))).toEqual([
    'NAME | DISABLED | PLATFORM | QUERIES | TARGETS',
    'nightly | no | 2 | web servers, Web',
    'off | yes | 0',
  ]);
  expect(await told('get', 'hosts')).toContain(world.agent.hostname);
  expect(await told('get', 'enroll_secrets')).not.toContain('hush-hush');
  expect(JSON.parse(await told('get', 'host', world.agent.hostname, '--json'))).toMatchObject({
    kind: 'host',
    spec: { hostname: world.agent.hostname },
  });
});

it('finds nothing to change the second time', async () => {
  const before = await standing();
  const stdout = await told('apply', '-f', dir);
  expect(
    rows(stdout)
      .slice(1, -1)
      .map((row) => row.split(' | ').at(-1)),
  ).toEqual(ALL_ROWS.map(() => 'unchanged'));
  expect(rows(stdout).at(-1)).toBe('nothing to change');
  expect(await standing()).toEqual(before);
});

it.each(KINDS)('%s: what is printed changes nothing when it is applied', async (kind) => {
  const before = await standing();
  for (const [format, ...more] of [['--yaml'], ['--json', '--dry-run']]) {
    const input = await told('get', kind, format!);
    const { code, stdout, stderr } = await muster(['apply', '-f', '-', '--json', ...more], { input });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { changes } = JSON.parse(stdout) as { changes: { change: string }[] };
    expect(changes.length).toBeGreaterThan(0);
    expect(changes.filter(({ change }) => change !== 'unchanged')).toEqual([]);
  }
  expect(await standing()).toEqual(before);
});

it('repeats built-in labels by name without a change', async () => {
  const input = await told('get', 'labels', 'All Hosts', '--yaml');
  expect(input).toContain('label_type: builtin');
  const { code, stdout } = await muster(['apply', '-f', '-'], { input });
  expect({ code, last: rows(stdout).at(-1) }).toEqual({ code: 0, last: 'nothing to change' });
});

it('makes another server the same', async () => {
  const other = await startServer();
  const on = { server: other, client: await api(other).login() };
  // Users are made by people, and hosts enroll by themselves.
  const kinds = KINDS.filter((kind) => kind !== 'user_roles');
  const wanted: string[] = [];
  for (const kind of kinds) wanted.push(await told('get', kind, '--yaml'));
  const { code, stderr } = await muster(['apply', '-f', '-'], { input: wanted.join(''), on });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const comparable = (text: string): string =>
    text.replace(/created_at: .*/g, '').replace(/hosts:\n(\s+- .*\n)+/g, 'hosts: []\n');
  for (const [index, kind] of kinds.entries()) {
    const { stdout } = await muster(['get', kind, '--yaml'], { on });
    expect(comparable(stdout)).toBe(comparable(wanted[index]!));
  }
}, 60_000);

it('replaces secrets without showing any', async () => {
  const input = 'kind: enroll_secret\nspec: {secrets: [{secret: hush-hush-new}]}\n';
  for (const args of [['--dry-run'], ['--json', '--dry-run'], []]) {
    const { code, stdout, stderr } = await muster(['apply', '-f', '-', ...args], { input });
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain('hush');
  }
  const { body } = await world.client.get('/api/v1/fleet/spec/enroll_secret');
  expect(body.spec.secrets.map(({ secret }: { secret: string }) => secret)).toEqual(['hush-hush-new']);
});

it('keeps unknown agent options only when told to', async () => {
  const input = 'kind: team\nspec: {team: {name: Web, agent_options: {colour: red}}}\n';
  const refused = await muster(['apply', '-f', '-'], { input });
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/unsupported key provided: "colour".*nothing was changed/);
  expect((await muster(['apply', '-f', '-', '--force'], { input })).code).toBe(0);
  expect(await told('get', 'teams', '--yaml')).toContain('colour: red');
});

it('tells those who may not', async () => {
  const observer = await addUser(world.server, 'watcher@example.com', 'observer');
  const on = { server: world.server, client: observer };
  const { code, stderr } = await muster(['apply', '-f', '-'], {
    input: 'kind: query\nspec: {name: mine, query: select 1}\n',
    on,
  });
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'muster: forbidden; nothing was changed\n' });
  expect((await muster(['get', 'queries'], { on })).stdout).toContain('uptime');
});
