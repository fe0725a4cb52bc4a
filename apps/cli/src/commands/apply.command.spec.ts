import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuse, type ScriptedServer } from '../../testing/scripted-server.js';
import { type Changes, startSpecServer } from '../../testing/spec-server.js';
import { Terminal } from '../../testing/terminal.js';

const FLEET = '/api/v1/fleet';
const everything = `
apiVersion: v1
kind: user_roles
spec: {roles: {ann@example.com: {global_role: admin}, bob@example.com: {teams: [{team: Web, role: maintainer}]}}}
---
kind: policy
spec: {name: encrypted, query: select 1, team: Web}
---
kind: team
spec: {team: {name: Web, secrets: [{secret: team-hush}]}}
---
kind: enroll_secret
spec: {secrets: [{secret: hush-hush}]}
---
kind: config
spec: {org_info: {org_name: Acme}, server_settings: {scripts_disabled: true}}
---
kind: pack
spec: {name: nightly, queries: [{query: uptime, interval: 60}], targets: {labels: [web]}}
---
kind: label
spec: {name: web, query: select 1}
---
kind: query
spec: {name: uptime, query: select 1 from uptime}
---
kind: query
spec: {name: mine, query: select 2, team: Web}
`;

describe('muster apply', () => {
  let server: ScriptedServer;
  let terminal: Terminal;
  let changes: Changes;

  beforeEach(async () => {
    changes = {};
    server = await startSpecServer(changes);
    terminal = new Terminal();
    terminal.env = { MUSTER_URL: server.url, MUSTER_TOKEN: 'secret-token' };
  });

  afterEach(async () => {
    terminal.remove();
    await server.stop();
  });

  const file = (text: string, name = 'fleet.yml'): string => {
    writeFileSync(join(terminal.home, name), text);
    return join(terminal.home, name);
  };
  /** What was sent to change something, apart from the diff. */
  const sent = (): string[] =>
    server.requests
      .filter(({ method, path }) => method !== 'GET' && !path.endsWith('/diff'))
      .map(
        ({ method, path, query }) =>
          `${method} ${path.replace(`${FLEET}/`, '')}${query.size ? `?${query.toString()}` : ''}`,
      );
  const add = (...keys: string[]): void =>
    keys.forEach((key) => (changes[key] = { change: 'added', fields: { x: {} } }));

  it('says what will change, and applies it in the order in which one thing needs the other', async () => {
    add('query uptime', 'query mine', 'label web', 'pack nightly');
    changes['policy encrypted'] = { change: 'changed', fields: { query: {}, resolution: {} } };
    changes['enroll_secret'] = { change: 'changed', fields: { secrets: {} } };
    changes['team Web'] = { change: 'changed', fields: { secrets: {} } };
    expect(await terminal.muster('apply', '-f', file(everything))).toBe(0);
    expect(terminal.stdout.text.split('\n').map((each) => each.split(/ {2,}/))).toEqual([
      ['KIND', 'NAME', 'CHANGE'],
      ['query', 'uptime', 'added'],
      ['query', 'mine (team Web)', 'added'],
      ['label', 'web', 'added'],
      ['pack', 'nightly', 'added'],
      ['config', 'changed (server_settings.scripts_disabled)'],
      ['enroll_secret', 'changed (secrets)'],
      ['team', 'Web', 'changed (secrets)'],
      ['policy', 'encrypted (team Web)', 'changed (query, resolution)'],
      ['user_roles', 'ann@example.com', 'unchanged'],
      ['user_roles', 'bob@example.com', 'changed (teams)'],
      ["applied: 2 queries, 1 label, 1 pack, config, enroll_secret, 1 team, 1 policy, 1 user's roles"],
      [''],
    ]);
    expect(terminal.stderr.text).toBe('');
    const real = [
      'POST spec/queries',
      'POST spec/labels',
      'POST spec/packs',
      'PATCH config',
      'POST spec/enroll_secret',
      'POST spec/teams',
      'POST spec/policies',
      'POST users/roles/spec',
    ];
    // The others were checked with the diff.
    expect(sent()).toEqual(['PATCH config?dry_run=true', 'POST users/roles/spec?dry_run=true', ...real]);
    const last = (path: string) =>
      server.requests.filter((each) => each.path === `${FLEET}/${path}`).at(-1)!.body;
    expect(last('spec/teams')).toEqual({ specs: [{ name: 'Web', secrets: [{ secret: 'team-hush' }] }] });
    expect(last('spec/enroll_secret')).toEqual({ spec: { secrets: [{ secret: 'hush-hush' }] } });
    expect(last('config')).toEqual({
      org_info: { org_name: 'Acme' },
      server_settings: { scripts_disabled: true },
    });
    expect(last('users/roles/spec')).toEqual({
      spec: { roles: { 'bob@example.com': { teams: [{ team: 'Web', role: 'maintainer' }] } } },
    });
    expect(last('spec/diff')).toEqual({
      queries: [
        { name: 'uptime', query: 'select 1 from uptime' },
        { name: 'mine', query: 'select 2', team: 'Web' },
      ],
      labels: [{ name: 'web', query: 'select 1' }],
      packs: [expect.objectContaining({ name: 'nightly' })],
      teams: [{ name: 'Web', secrets: [{ secret: 'team-hush' }] }],
      policies: [{ name: 'encrypted', query: 'select 1', team: 'Web' }],
      enroll_secret: { secrets: [{ secret: 'hush-hush' }] },
    });
  });

  it('sends nothing that is as it should be', async () => {
    expect(
      await terminal.muster(
        'apply',
        '-f',
        file('kind: query\nspec: {name: a}\n---\nkind: label\nspec: {name: b}'),
      ),
    ).toBe(0);
    expect(terminal.stdout.text).toMatch(/query +a +unchanged\nlabel +b +unchanged\nnothing to change\n$/);
    expect(sent()).toEqual([]);
    add('label b');
    expect(
      await terminal.muster(
        'apply',
        '-f',
        file('kind: query\nspec: {name: a}\n---\nkind: label\nspec: {name: b}'),
      ),
    ).toBe(0);
    expect(sent()).toEqual(['POST spec/labels']);
  });

  it('makes a new team before what belongs to it', async () => {
    add('team Web', 'query mine', 'policy encrypted', 'label web');
    expect(await terminal.muster('apply', '--force', '-f', file(everything))).toBe(0);
    // Roles on the new team cannot be checked before it is there.
    expect(sent().filter((each) => each.includes('dry_run'))).toEqual(['PATCH config?dry_run=true']);
    const applied = sent().filter((each) => !each.includes('dry_run'));
    expect(applied.slice(0, 2)).toEqual(['POST spec/teams?force=true', 'POST spec/queries']);
    expect(applied.filter((each) => each.includes('teams'))).toHaveLength(1);
    expect(server.asked('POST', `${FLEET}/spec/diff`)[0]!.query.get('force')).toBe('true');
  });

  it('can be tried without a change, and says what could not be checked', async () => {
    add('team Web', 'query uptime');
    const path = file(everything);
    expect(await terminal.muster('apply', '-f', path, '--dry-run', '--force')).toBe(0);
    expect(terminal.stdout.text.split('\n').at(-2)).toBe('dry run: nothing was changed');
    expect(terminal.stderr.text.split('\n')).toEqual([
      `not checked: user_roles "bob@example.com", as team "Web" is not there yet`,
      '',
    ]);
    expect(sent()).toEqual([
      'POST spec/queries?dry_run=true',
      'POST spec/labels?dry_run=true',
      'PATCH config?dry_run=true',
      'POST spec/enroll_secret?dry_run=true',
      'POST spec/teams?dry_run=true&force=true',
      'POST users/roles/spec?dry_run=true',
    ]);
  });

  it('reads a pipe, and answers programs', async () => {
    add('query a');
    terminal.stdin.end('{"kind":"query","apiVersion":"v1","spec":{"name":"a","query":"select 1"}}\n');
    expect(await terminal.muster('apply', '-f', '-', '--json')).toBe(0);
    expect(JSON.parse(terminal.stdout.text)).toEqual({
      dry_run: false,
      changes: [{ kind: 'query', name: 'a', change: 'added', fields: ['x'] }],
      unchecked: [],
      applied: [{ kind: 'query', name: 'a' }],
      not_applied: [],
      not_known: [],
    });
  });

  it('changes nothing when the server refuses something beforehand, and says where it stands', async () => {
    add('query uptime', 'label web', 'policy encrypted');
    server.on('PATCH', `${FLEET}/config`, (_request, response) =>
      refuse(response, 422, 'Validation Failed', 'org_info.org_name', 'must be present'),
    );
    const path = file(everything);
    expect(await terminal.muster('apply', '-f', path)).toBe(1);
    expect(terminal.stderr.text).toBe(
      'muster: config: Validation Failed: must be present (org_info.org_name); nothing was changed\n',
    );
    expect(await terminal.muster('apply', '-f', path, '--json')).toBe(1);
    expect(JSON.parse(terminal.stdout.text)).toMatchObject({
      applied: [],
      error: expect.stringContaining('config:'),
    });
    server.on('POST', `${FLEET}/spec/diff`, (_request, response) =>
      refuse(response, 400, 'Bad request', 'policies[0].platform', 'invalid policy platform'),
    );
    expect(await terminal.muster('apply', '-f', path)).toBe(1);
    expect(terminal.stderr.text).toBe(
      `muster: Bad request: invalid policy platform (policies[0].platform), ${path}: document 2, line 7; nothing was changed\n`,
    );
    expect(sent().filter((each) => !each.includes('dry_run'))).toEqual([]);
  });

  it('says what was applied before a refusal, and what was not', async () => {
    add('query uptime', 'label web', 'pack nightly', 'policy encrypted');
    server.on('POST', `${FLEET}/spec/packs`, (_request, response) =>
      refuse(response, 422, 'Validation Failed', 'specs[0].targets', 'no such label'),
    );
    const path = file(everything);
    expect(await terminal.muster('apply', '-f', path)).toBe(1);
    expect(terminal.stderr.text).toBe(
      `muster: pack: Validation Failed: no such label (specs[0].targets), ${path}: document 6, line 19; applied before: 1 query, 1 label; not applied: 1 pack, config, 1 policy, 1 user's roles\n`,
    );
    expect(await terminal.muster('apply', '-f', path, '--json')).toBe(1);
    const told = JSON.parse(terminal.stdout.text);
    expect(told.applied).toEqual([
      { kind: 'query', name: 'uptime' },
      { kind: 'label', name: 'web' },
    ]);
    expect(told.not_applied[0]).toEqual({ kind: 'pack', name: 'nightly' });
  });

  it('does not claim to know what became of a request that was not answered', async () => {
    add('query uptime', 'label web');
    server.on('POST', `${FLEET}/spec/labels`, ({ query }, response) => {
      if (query.has('dry_run')) return {};
      return void response.destroy();
    });
    expect(await terminal.muster('apply', '-f', file(everything))).toBe(1);
    expect(terminal.stderr.text).toMatch(
      /^muster: label: .*hung up.*; applied before: 1 query; not applied: config, .*; applied or not: 1 label\n$/,
    );
  });

  it.each([
    ['kind: querry\nspec: {}', 'document 1, line 1: unknown kind "querry"'],
    [
      'kind: query\nspec: {name: a}\n---\nkind: query\nspec:\n\tname: b',
      'document 2, line 6: a tab stands before',
    ],
    ['kind: query\nspec: {name: Good}', 'document 1, line 2: query "Good" stands already in '],
  ])('sends nothing when one of the files is wrong, case %#', async (text, message) => {
    const good = file('kind: query\nspec: {name: good}', 'good.yml');
    const path = file(text);
    expect(await terminal.muster('apply', '-f', good, '-f', path)).toBe(2);
    expect(terminal.stderr.text).toMatch(/^muster: [^\n]*\n$/);
    expect(terminal.stderr.text).toContain(`${path}: ${message}`);
    expect(server.requests).toHaveLength(0);
  });

  it('says when there is nothing in the files', async () => {
    expect(await terminal.muster('apply', '-f', file('# nothing'))).toBe(2);
    expect(terminal.stderr.text).toMatch(/no document to apply/);
  });

  it('refuses roles of somebody who is not there, before anything is sent', async () => {
    const path = file(
      'kind: query\nspec: {name: a}\n---\nkind: user_roles\nspec: {roles: {eve@example.com: {global_role: admin}}}',
    );
    add('query a');
    expect(await terminal.muster('apply', '-f', path)).toBe(2);
    expect(terminal.stderr.text).toBe(
      `muster: ${path}: document 2, line 5: no user has the e-mail eve@example.com\n`,
    );
    expect(sent()).toEqual([]);
  });

  it('never prints a secret', async () => {
    changes['enroll_secret'] = {
      change: 'changed',
      fields: { secrets: { old: 'hush-old', new: 'hush-hush' } },
    };
    changes['team Web'] = { change: 'changed', fields: { secrets: {} } };
    const path = file(everything);
    for (const args of [[], ['--json'], ['--dry-run']]) {
      expect(await terminal.muster('apply', '-f', path, ...args)).toBe(0);
      expect(terminal.stdout.text + terminal.stderr.text).not.toMatch(/hush/);
    }
  });

  it('needs a file', async () => {
    expect(await terminal.muster('apply')).toBe(2);
    expect(await terminal.muster('apply', 'fleet.yml')).toBe(2);
  });
});
