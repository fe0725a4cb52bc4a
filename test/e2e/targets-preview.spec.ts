import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type Answer, type Api, api, startServer, type ServerFixture } from '#libs/testing/index';
import { addUser, expectProblem, sql } from './support.js';
import { addMember, addTeam } from './teams.js';

let server: ServerFixture;
let admin: Api;
let red: number;
let blue: number;
/** By hostname. */
const ids: Record<string, number> = {};

const ALL_HOSTS = 1;

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  red = await addTeam(server, 'Red');
  blue = await addTeam(server, 'Blue');
  await addHost('web-1', { team: red, labels: { group: 'web.dev' }, online: true });
  await addHost('web-2', { team: red, labels: { group: 'web' }, platform: 'ubuntu' });
  await addHost('db-1', { team: blue, labels: { group: 'db' }, online: true });
  await addHost('twin', { team: red });
  await addHost('twin', { team: blue });
});

async function addHost(
  hostname: string,
  options: { team: number; labels?: object; online?: boolean; platform?: string },
): Promise<void> {
  const { team, labels = {}, online = false, platform = 'debian' } = options;
  const [{ id }] = await sql(
    server,
    `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, labels, team_id, online)
     VALUES ($1, $1, '', $2, $3, $4, $5, $6, $7) RETURNING id`,
    [
      randomUUID(),
      hostname,
      { platform, os_version: 'Debian 12', arch: 'x86_64' },
      randomBytes(32),
      labels,
      team,
      online,
    ],
  );
  ids[hostname] ??= id as number;
}

const preview = (body: unknown, client = admin): Promise<Answer> =>
  client.post('/api/v1/targets/preview', body);
const names = ({ body }: Answer): string[] => body.hosts.map((host: { hostname: string }) => host.hostname);
const digest = (...hosts: number[]): string => createHash('sha256').update(hosts.join(',')).digest('hex');

describe('a preview', () => {
  it('tells who would run, and who is offline', async () => {
    const { status, body } = await preview({ target: "group:web, os.platform in ('debian', ubuntu)" });
    expect(status).toBe(200);
    const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);
    const common = { uuid, draining: false, scripts_enabled: null, allowed: true };
    expect(body).toEqual({
      mode: 'many',
      hosts: [
        { id: ids['web-1'], hostname: 'web-1', online: true, ...common },
        { id: ids['web-2'], hostname: 'web-2', online: false, ...common },
      ],
      counts: { total: 2, online: 1, offline: 1, allowed: 2, denied: 0 },
      digest: digest(ids['web-1']!, ids['web-2']!),
    });
  });

  it('takes whatever a target may be', async () => {
    expect((await preview({ target: 'web-1' })).body).toMatchObject({ mode: 'one', counts: { total: 1 } });
    expect((await preview({ target: String(ids['db-1']) })).body.hosts[0].hostname).toBe('db-1');
    expect((await preview({ target: '_any' })).body).toMatchObject({
      mode: 'any',
      counts: { total: 2, offline: 0 },
    });
    expect((await preview({ target: '_all' })).body).toMatchObject({ mode: 'many', counts: { total: 5 } });
  });

  it('takes a selection of hosts, labels and teams', async () => {
    const answer = await preview({
      selected: { hosts: [ids['db-1'], 99], labels: [], teams: [red] },
      kind: 'script',
    });
    expect(names(answer)).toEqual(['web-1', 'web-2', 'db-1', 'twin']);
    expect(answer.body.mode).toBe('many');
    // Built-in labels follow facts, and these hosts never said hello.
    expect((await preview({ selected: { labels: [ALL_HOSTS] } })).body).toMatchObject({
      hosts: [],
      counts: { total: 0 },
      digest: digest(),
    });
  });

  it('draws the same sample each time', async () => {
    const first = await preview({ target: '_all, sample 40 %' });
    expect(first.body.hosts).toHaveLength(2);
    expect((await preview({ target: '_all,  SAMPLE 40%' })).body).toEqual(first.body);
  });

  it('says which rule forbids it', async () => {
    const observer = await addUser(server, 'observer@example.com', 'observer');
    const { body } = await preview({ target: 'group:*', command: ['uptime'] }, observer);
    expect(body).toMatchObject({
      counts: { total: 3, allowed: 0, denied: 3 },
      digest: digest(),
    });
    for (const host of body.hosts) {
      expect(host).toMatchObject({ allowed: false, rule: expect.stringContaining('command:execute') });
    }
    expect((await preview({ target: 'web-1', command: 'uptime' }, observer)).body.hosts[0].rule).toContain(
      'shell:execute',
    );
    expect((await preview({ target: 'web-1', kind: 'script' }, observer)).body.hosts[0].rule).toContain(
      'script:execute',
    );
  });

  it('is of the hosts that the caller may see: the others are neither listed nor counted', async () => {
    const member = await addMember(server, red, 'maintainer');
    expect((await preview({ target: '_all' }, member)).body).toMatchObject({
      counts: { total: 3, allowed: 3 },
    });
    expect(names(await preview({ target: 'twin' }, member))).toEqual(['twin']);
    expect(names(await preview({ selected: { hosts: [ids['web-1'], ids['db-1']] } }, member))).toEqual([
      'web-1',
    ]);
    for (const target of ['db-1', 'group:db', String(ids['db-1']), 'nobody'])
      expectProblem(
        await preview({ target }, member),
        404,
        'target',
        new RegExp(`^target agent "${target}" not found`),
      );
    expectProblem(await preview({ target: 'team = Blue' }, member), 404, 'target', 'there is no team "Blue"');
  });

  it('of some hosts where one may and others where one may only look', async () => {
    const both = await addUser(server, 'both@example.com', [
      { id: red, role: 'observer' },
      { id: blue, role: 'maintainer' },
    ]);
    const { body } = await preview({ target: 'group:*' }, both);
    expect(
      body.hosts.map(({ hostname, allowed }: { hostname: string; allowed: boolean }) => [hostname, allowed]),
    ).toEqual([
      ['web-1', false],
      ['web-2', false],
      ['db-1', true],
    ]);
    expect(body.digest).toBe(digest(ids['db-1']!));
  });
});

describe('with a limited token', () => {
  const limited = async (scope: object): Promise<Api> => {
    const { status, body } = await admin.post('/api/v1/tokens', { name: randomUUID(), scope });
    expect(status).toBe(200);
    return admin.as(body.token as string);
  };

  it('a command is allowed or not', async () => {
    const uptime = await limited({ commands: ['uptime'] });
    const ask = async (body: object): Promise<Answer> => preview({ target: 'group:web', ...body }, uptime);
    expect((await ask({ command: ['uptime'] })).body.counts).toMatchObject({ allowed: 2, denied: 0 });
    const denied = await ask({ command: ['reboot'] });
    expect(denied.body).toMatchObject({ counts: { total: 2, allowed: 0, denied: 2 }, digest: digest() });
    expect(denied.body.hosts[0].rule).toMatch(/allows only these commands: uptime$/);
    // Without a command nothing is known to be allowed.
    expect((await ask({})).body.counts).toMatchObject({ allowed: 0, denied: 2 });
  });

  it('hosts that its labels do not reach are denied, and by which rule; hosts of other teams are not there', async () => {
    const web = await limited({ labels: ['group:web'] });
    const { body } = await preview({ target: 'group:web or group:db' }, web);
    expect(body.hosts).toMatchObject([
      { hostname: 'web-1', allowed: true },
      { hostname: 'web-2', allowed: true },
      { hostname: 'db-1', allowed: false, rule: expect.stringMatching(/is limited to label group:web$/) },
    ]);
    expect(body.digest).toBe(digest(Number(ids['web-1']), Number(ids['web-2'])));
    const ofRed = await limited({ teams: [red] });
    expect(names(await preview({ target: 'group:* or host = twin' }, ofRed))).toEqual([
      'web-1',
      'web-2',
      'twin',
    ]);
  });
});

describe('what cannot be previewed', () => {
  it.each<[unknown, string, string | RegExp]>([
    [{}, 'target', 'give either target or selected'],
    [{ target: 'web-1', selected: { hosts: [1] } }, 'target', 'give either target or selected'],
    [{ target: '' }, 'target', /^is empty/],
    [{ target: 7 }, 'target', 'target must be a string'],
    [{ target: ['web-1'] }, 'target', 'target must be a string'],
    [{ target: 'group:web and' }, 'target', /^at the end: expected a condition/],
    [
      { target: 'group:web or os.plaform = debian' },
      'target',
      /^at character 14 \("os.plaform = debian"\): there is no fact/,
    ],
    [{ target: '('.repeat(10_240) }, 'target', /parentheses nest deeper than 50$/],
    [{ target: `group:web or ${'x'.repeat(100_000)}` }, 'target', /^is longer than/],
    [{ target: 'web\0' }, 'target', /NUL/],
    [{ selected: {} }, 'selected', 'names no host, label or team'],
    [{ selected: { hosts: ['1'] } }, 'selected.hosts', 'selected.hosts must be an array of integers'],
    [{ selected: [] }, 'selected', 'selected must be an object'],
    [{ target: '_all', kind: 'reboot' }, 'kind', 'kind must be one of command, shell, script, query'],
    [{ target: '_all', command: [] }, 'command', /^must be an array/],
    [{ target: '_all', command: [''] }, 'command', /^must be an array/],
    [{ target: '_all', command: ['ls', 1] }, 'command', /^must be an array/],
    [{ target: '_all', kind: 'shell', command: ['ls'] }, 'command', 'must be a line for the shell'],
    [{ target: '_all', kind: 'command', command: 'ls' }, 'command', /^must be an array/],
    [{ target: '_all', kind: 'script', command: 'ls' }, 'command', /^a script has no command/],
  ])('%.80j: 400', async (body, name, reason) => {
    expectProblem(await preview(body), 400, name, reason);
  });

  it('is unknown, or several', async () => {
    expectProblem(await preview({ target: 'nobody' }), 404, 'target', 'target agent "nobody" not found');
    expectProblem(
      await preview({ target: 'group:we' }),
      404,
      'target',
      'target agent "group:we" not found: no host matches',
    );
    expectProblem(await preview({ target: "label = 'x'" }), 404, 'target', 'there is no label "x"');
    expectProblem(
      await preview({ target: 'twin' }),
      409,
      'target',
      /^several hosts answer to "twin": ids \d+, \d+\./,
    );
  });
});
