import { type ScriptedServer } from '../../testing/scripted-server.js';
import { startSpecServer } from '../../testing/spec-server.js';
import { refuse } from '../../testing/scripted-server.js';
import { Terminal } from '../../testing/terminal.js';
import { readYaml } from '../specs/read-yaml.js';

const FLEET = '/api/v1/fleet';
const uptime = {
  id: 5,
  created_at: '2025-01-02T03:04:05Z',
  name: 'uptime',
  description: '',
  query: 'select *\nfrom uptime;',
  team_id: null,
  interval: 60,
  platform: 'linux',
  min_osquery_version: '',
  automations_enabled: false,
  logging: 'snapshot',
  observer_can_run: true,
  discard_data: false,
  author_name: 'Ann',
  labels_include_any: [],
  stats: {},
};
const policy = {
  id: 2,
  name: 'encrypted',
  query: 'select 1',
  description: 'd',
  resolution: 'r',
  platform: '',
  critical: true,
  passing_host_count: 3,
  failing_host_count: 1,
  author_id: 1,
  labels_include_any: [{ id: 4, name: 'web' }],
};
const pack = {
  id: 7,
  name: 'nightly',
  disabled: false,
  targets: { labels: ['web'], teams: null },
  queries: [{ query: 'uptime', name: 'uptime', description: '', interval: 60, platform: '' }],
};
const web = {
  id: 4,
  name: 'web',
  description: '',
  query: 'select 1',
  label_membership_type: 'dynamic',
  hosts: null,
};
const allHosts = { ...web, id: 1, name: 'All Hosts', label_type: 'builtin' };
const host = { id: 9, uuid: 'u', hostname: 'web-1', status: 'online', team_name: 'Web' };

describe('muster get', () => {
  let server: ScriptedServer;
  let terminal: Terminal;

  beforeEach(async () => {
    server = await startSpecServer({});
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
    server
      .on('GET', `${FLEET}/teams`, () => ({
        teams: [
          {
            id: 3,
            name: 'Web',
            host_count: 2,
            user_count: 1,
            description: '',
            agent_options: { config: {} },
          },
        ],
      }))
      .on('GET', `${FLEET}/queries`, ({ query }) => ({
        queries: query.get('team_id') === '3' ? [{ ...uptime, name: 'mine', team_id: 3 }] : [uptime],
      }))
      .on('GET', `${FLEET}/global/policies`, () => ({ policies: [policy] }))
      .on('GET', `${FLEET}/teams/:id/policies`, ({ path }) => ({
        policies: [{ ...policy, name: path.includes('/0/') ? 'stray' : 'mine', labels_include_any: [] }],
      }))
      .on('GET', `${FLEET}/spec/packs`, () => ({ specs: [pack] }))
      .on('GET', `${FLEET}/spec/labels`, () => ({ specs: [allHosts, web] }))
      .on('GET', `${FLEET}/spec/enroll_secret`, () => ({
        spec: { secrets: [{ secret: 'hush-hush-hush', created_at: '2025-01-02T03:04:05Z' }] },
      }))
      .on('GET', `${FLEET}/hosts`, () => ({ hosts: [host] }))
      .on('GET', `${FLEET}/hosts/identifier/:id`, () => ({ host }));
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  const table = (): string[][] =>
    terminal.stdout.text
      .trimEnd()
      .split('\n')
      .map((each) => each.split(/ {2,}/));
  const specs = (text: string): unknown[] =>
    readYaml(text, 'out').map(({ value }) => (value as { spec: unknown }).spec);

  it.each<[string, string[][]]>([
    [
      'queries',
      [
        ['NAME', 'TEAM', 'INTERVAL', 'PLATFORM', 'QUERY'],
        ['uptime', '60', 'linux', 'select *�from uptime;'],
        ['mine', 'Web', '60', 'linux', 'select *�from uptime;'],
      ],
    ],
    [
      'policies',
      [
        ['NAME', 'TEAM', 'PASSING', 'FAILING', 'PLATFORM', 'QUERY'],
        ['encrypted', '3', '1', 'select 1'],
        ['stray', 'No team', '3', '1', 'select 1'],
        ['mine', 'Web', '3', '1', 'select 1'],
      ],
    ],
    [
      'labels',
      [
        ['NAME', 'TYPE', 'MEMBERS', 'PLATFORM', 'QUERY'],
        ['All Hosts', 'builtin', 'dynamic', 'select 1'],
        ['web', 'regular', 'dynamic', 'select 1'],
      ],
    ],
    [
      'packs',
      [
        ['NAME', 'DISABLED', 'PLATFORM', 'QUERIES', 'TARGETS'],
        ['nightly', 'no', '1', 'web'],
      ],
    ],
    [
      'teams',
      [
        ['ID', 'NAME', 'HOSTS', 'USERS', 'DESCRIPTION'],
        ['3', 'Web', '2', '1'],
      ],
    ],
    [
      'enroll_secrets',
      [
        ['SECRET', 'CREATED'],
        ['hush…', '2025-01-02T03:04:05Z'],
      ],
    ],
    [
      'user_roles',
      [
        ['EMAIL', 'GLOBAL', 'TEAMS'],
        ['ann@example.com', 'admin'],
        ['bob@example.com', 'Web: observer'],
        ['nobody@example.com'],
      ],
    ],
    [
      'hosts',
      [
        ['ID', 'HOSTNAME', 'STATUS', 'TEAM', 'OS', 'IP'],
        ['9', 'web-1', 'online', 'Web'],
      ],
    ],
  ])('%s: a table for people', async (kind, rows) => {
    expect(await terminal.muster('get', kind)).toBe(0);
    expect(table()).toEqual(rows);
    expect(await terminal.muster('get', kind.replace('_', '-'))).toBe(0);
  });

  it('shows settings one by one, and prints those that can be changed', async () => {
    expect(await terminal.muster('get', 'config')).toBe(0);
    expect(table()).toContainEqual(['server_settings.scripts_disabled', 'false']);
    expect(table()).toContainEqual(['license.tier', 'premium']);
    expect(await terminal.muster('get', 'config', '--yaml')).toBe(0);
    expect(specs(terminal.stdout.text)).toEqual([
      {
        org_info: { org_name: 'Acme', org_logo_url: '' },
        server_settings: { scripts_disabled: false, live_query_disabled: false },
      },
    ]);
  });

  it('--yaml prints what can be applied, keys in order', async () => {
    expect(await terminal.muster('get', 'queries', '--yaml', '--team', 'web')).toBe(0);
    expect(terminal.stdout.text).toBe(
      [
        '---',
        'apiVersion: v1',
        'kind: query',
        'spec:',
        '  automations_enabled: false',
        '  description: ""',
        '  discard_data: false',
        '  interval: 60',
        '  logging: snapshot',
        '  min_osquery_version: ""',
        '  name: mine',
        '  observer_can_run: true',
        '  platform: linux',
        '  query: |-',
        '    select *',
        '    from uptime;',
        '  team: Web',
        '',
      ].join('\n'),
    );
  });

  it.each<[string, object[]]>([
    [
      'policies',
      [
        { name: 'encrypted', team: '', critical: true, labels_include_any: ['web'] },
        { name: 'stray', team: 'No team' },
        { name: 'mine', team: 'Web' },
      ],
    ],
    ['packs', [{ name: 'nightly', disabled: false, targets: pack.targets, queries: pack.queries }]],
    // Every server has the built-in ones.
    ['labels', [{ name: 'web', description: '', query: 'select 1', label_membership_type: 'dynamic' }]],
    ['teams', [{ team: { name: 'Web', agent_options: { config: {} } } }]],
    ['enroll_secrets', [{ secrets: [{ secret: 'hush-hush-hush', created_at: '2025-01-02T03:04:05Z' }] }]],
    [
      'user_roles',
      [
        {
          roles: {
            'ann@example.com': { global_role: 'admin', teams: [] },
            'bob@example.com': { global_role: null, teams: [{ team: 'Web', role: 'observer' }] },
          },
        },
      ],
    ],
  ])('%s: documents without ids and times', async (kind, expected) => {
    for (const format of ['--yaml', '--json']) {
      expect(await terminal.muster('get', kind, format)).toBe(0);
      const found = specs(terminal.stdout.text);
      expect(found).toMatchObject(expected);
      if (kind !== 'policies') expect(found).toEqual(expected);
      expect(JSON.stringify(found)).not.toMatch(/"id"|author/);
    }
    for (const each of terminal.stdout.text.trimEnd().split('\n'))
      expect(Object.keys(JSON.parse(each) as object)).toEqual(['kind', 'apiVersion', 'spec']);
  });

  it('one by its name, whatever the case', async () => {
    expect(await terminal.muster('get', 'queries', 'MINE', '--json')).toBe(0);
    expect(specs(terminal.stdout.text)).toMatchObject([{ name: 'mine' }]);
    expect(await terminal.muster('get', 'label', 'All Hosts', '--json')).toBe(0);
    expect(specs(terminal.stdout.text)).toMatchObject([{ label_type: 'builtin' }]);
    expect(await terminal.muster('get', 'user_roles', 'bob@example.com', '--json')).toBe(0);
    expect(Object.keys((specs(terminal.stdout.text)[0] as { roles: object }).roles)).toEqual([
      'bob@example.com',
    ]);
    expect(await terminal.muster('get', 'hosts', 'u', '--json')).toBe(0);
    expect(specs(terminal.stdout.text)).toEqual([host]);
    expect(await terminal.muster('get', 'packs', 'gone')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: there is no pack "gone"\n');
  });

  it('of one team', async () => {
    expect(await terminal.muster('get', 'policies', '--team', 'no team')).toBe(0);
    expect(
      table()
        .slice(1)
        .map(([name]) => name),
    ).toEqual(['stray']);
    expect(await terminal.muster('get', 'hosts', '--team', 'Web')).toBe(0);
    expect(server.requests.at(-1)!.query.get('team_id')).toBe('3');
    expect(await terminal.muster('get', 'queries', '--team', 'gone')).toBe(1);
    expect(terminal.stderr.text).toBe('muster: there is no team "gone"\n');
  });

  it('shows those who may see less what they may see', async () => {
    server.on('GET', `${FLEET}/teams/:id/policies`, ({ path }, response) =>
      path.includes('/0/') ? refuse(response, 403, 'forbidden', 'base', 'forbidden') : { policies: [policy] },
    );
    expect(await terminal.muster('get', 'policies', '--json')).toBe(0);
    expect(specs(terminal.stdout.text)).toHaveLength(2);
    expect(await terminal.muster('get', 'policies', '--team', 'No team')).toBe(1);
  });

  it('says where there is none', async () => {
    server.on('GET', `${FLEET}/spec/packs`, () => ({ specs: null }));
    expect(await terminal.muster('get', 'packs')).toBe(0);
    expect([terminal.stdout.text, terminal.stderr.text]).toEqual(['', 'no pack yet\n']);
    expect(await terminal.muster('get', 'packs', '--yaml')).toBe(0);
    expect(terminal.stdout.text).toBe('');
  });

  it.each([
    [[]],
    [['packets']],
    [['queries', '--yaml', '--json']],
    [['packs', '--team', 'Web']],
    [['config', 'org_info']],
    [['enroll_secrets', 'hush']],
    [['queries', 'a', 'b']],
  ])('%j is a usage error', async (args) => {
    expect(await terminal.muster('get', ...args)).toBe(2);
    expect(terminal.stderr.text).toMatch(/^muster: /);
    expect(server.requests).toHaveLength(0);
  });
});
