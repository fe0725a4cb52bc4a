import { randomUUID } from 'node:crypto';
import { type Api, type ServerFixture } from '#libs/testing/index';
import { addMember, addTeam } from '../e2e/teams.js';
import { expectProblem, sql } from '../e2e/support.js';
import { SPEC, type SpecWorld, startSpecWorld } from './specs.support.js';

/* What becomes of applied specs, in other answers too; and what a comparison says. */

let world: SpecWorld;
let server: ServerFixture;
let admin: Api;

beforeAll(async () => {
  world = await startSpecWorld();
  ({ server, admin } = world);
});
beforeEach(() => world.clear());

const post: SpecWorld['post'] = (...call) => world.post(...call);
const everything: SpecWorld['everything'] = () => world.everything();
const apply = async (kind: string, specs: unknown) => {
  const { status, body } = await post(kind, specs);
  expect([status, body.errors]).toEqual([200, undefined]);
};
const q = (name: string, more: object = {}) => ({ name, query: 'SELECT 1', ...more });

describe('a query', () => {
  it('belongs to its team, and loses its report when it is another', async () => {
    const team = await addTeam(server, 'Reds');
    await apply('queries', [
      q('same'),
      q('same', { team: 'reds', labels_include_any: ['all linux', 'macOS'] }),
    ]);
    const mine = await admin.get(`${SPEC}/queries/same?team_id=${team}`);
    expect(mine.body.specs).toMatchObject({ team: 'Reds', labels_include_any: ['All Linux', 'macOS'] });
    expect((await admin.get(`${SPEC}/queries`)).body.specs).toMatchObject([{ name: 'same', team: '' }]);
    const [{ id: host }] = await sql(
      server,
      `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash)
       VALUES (gen_random_uuid(), gen_random_uuid(), 'test', 'h', '{"platform": "debian"}', sha256('x')) RETURNING id`,
    );
    await sql(
      server,
      `INSERT INTO query_results (query_id, host_id, rows, last_fetched)
       SELECT id, $1, '[{"a": "1"}, {"a": "2"}]', now() FROM queries WHERE team_id IS NULL`,
      [host],
    );
    const [{ id }] = await sql(server, 'SELECT id FROM queries WHERE team_id IS NULL');
    const report = async () => (await admin.get(`/api/v1/fleet/queries/${id}/report`)).body;
    const row = { host_id: host, host_name: 'h', last_fetched: expect.stringMatching(/Z$/) };
    expect(await report()).toEqual({
      query_id: id,
      report_clipped: false,
      results: [
        { ...row, columns: { a: '1' } },
        { ...row, columns: { a: '2' } },
      ],
    });
    expect((await admin.get(`/api/v1/fleet/hosts/${host}/queries/${id}`)).body).toEqual({
      query_id: id,
      ...row,
      report_clipped: false,
      results: [{ columns: { a: '1' } }, { columns: { a: '2' } }],
    });
    expect((await admin.get(`/api/v1/fleet/queries?team_id=${team}`)).body.queries).toMatchObject([
      { labels_include_any: [{ name: 'All Linux' }, { name: 'macOS' }] },
    ]);
    await apply('queries', [q('same', { description: 'described' })]);
    expect((await report()).results).toHaveLength(2);
    await apply('queries', [q('same', { query: 'SELECT 2' })]);
    expect((await report()).results).toEqual([]);
    // A label in use stays.
    await apply('labels', [q('mine')]);
    await apply('queries', [q('limited', { labels_include_any: ['mine'] })]);
    expectProblem(await admin.delete('/api/v1/fleet/labels/mine'), 409, 'base', /is in use/);
    await sql(server, 'DELETE FROM hosts');
  });
});

describe('a policy', () => {
  it('is counted, and forgets its answers when it asks something else', async () => {
    const team = await addTeam(server, 'Reds');
    await apply('policies', [q('p'), q('p', { team: 'Reds' }), q('p', { team: 'no team' })]);
    const hosts = await sql(
      server,
      `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, facts, node_key_hash, team_id)
       SELECT gen_random_uuid(), gen_random_uuid(), 'test', 'h' || n, '{"platform": "debian"}', sha256(n::text::bytea),
         CASE WHEN n = 1 THEN $1::int END FROM generate_series(1, 3) n RETURNING id`,
      [team],
    );
    await sql(
      server,
      `INSERT INTO policy_results (policy_id, host_id, passes)
       SELECT p.id, h.id, CASE h.hostname WHEN 'h1' THEN true WHEN 'h2' THEN false END FROM policies p, hosts h WHERE p.scope = 'global'`,
    );
    const { policies } = (await admin.get('/api/v1/fleet/global/policies')).body;
    expect(policies).toMatchObject([
      {
        name: 'p',
        team_id: null,
        passing_host_count: 1,
        failing_host_count: 1,
        author_email: server.admin.email,
      },
    ]);
    const ofTeam = (await admin.get(`/api/v1/fleet/teams/${team}/policies`)).body;
    expect(ofTeam.policies).toMatchObject([{ team_id: team, passing_host_count: 0 }]);
    expect(ofTeam.inherited_policies).toMatchObject([{ passing_host_count: 1, failing_host_count: 0 }]);
    expect((await admin.get('/api/v1/fleet/teams/0/policies')).body.policies).toMatchObject([{ team_id: 0 }]);
    const member = await addMember(server, team, 'observer');
    expect((await member.get(`/api/v1/fleet/policies/${policies[0].id}`)).body.policy).toMatchObject({
      passing_host_count: 1,
      failing_host_count: 0,
    });
    const detail = async (n: number) => (await admin.get(`/api/v1/fleet/hosts/${hosts[n].id}`)).body.host;
    expect((await detail(0)).policies).toMatchObject([
      { name: 'p', response: 'pass' },
      { name: 'p', response: '' },
    ]);
    expect((await detail(1)).policies[0]).toMatchObject({ response: 'fail' });
    expect((await detail(2)).policies[0]).toMatchObject({ response: '' });
    await apply('policies', [q('p', { resolution: 'Mend it.' })]);
    expect((await detail(0)).policies[0]).toMatchObject({ response: 'pass', resolution: 'Mend it.' });
    await apply('policies', [q('p', { query: 'SELECT 2' })]);
    expect((await detail(0)).policies[0]).toMatchObject({ response: '' });
    await sql(server, 'DELETE FROM hosts');
  });

  it('is made, changed and deleted one by one', async () => {
    const POLICIES = '/api/v1/fleet/policies';
    const made = await admin.post(POLICIES, q('one', { labels_include_any: ['macOS'] }));
    expect([made.status, made.body.policy]).toMatchObject([
      200,
      { name: 'one', labels_include_any: [{ name: 'macOS' }] },
    ]);
    const { id } = made.body.policy;
    expectProblem(await admin.post(POLICIES, q('ONE')), 409, 'name', /already/);
    expectProblem(await admin.post(POLICIES, { name: 'x' }), 400, 'query', /policy query cannot be empty/);
    const changed = await admin.patch(`${POLICIES}/${id}`, { name: 'two', labels_exclude_any: ['chrome'] });
    expect(changed.body.policy).toMatchObject({
      name: 'two',
      query: 'SELECT 1',
      labels_include_any: [],
      labels_exclude_any: [{ name: 'chrome' }],
    });
    const team = await addTeam(server, 'Reds');
    expectProblem(await admin.get(`/api/v1/fleet/teams/${team}/policies/${id}`), 404, 'base', /Policy/);
    expectProblem(await admin.post(`${POLICIES}/delete`, { ids: [id, 999] }), 404, 'base', /Policy 999/);
    expect((await admin.post(`${POLICIES}/delete`, { ids: [id] })).body).toEqual({ deleted: [id] });
    expect((await admin.get(POLICIES)).body).toEqual({ policies: [] });
  });
});

describe('a label', () => {
  it('has the hosts that it lists by hostname, serial or uuid, and keeps them when it asks', async () => {
    const hosts = await sql(
      server,
      `INSERT INTO hosts (uuid, hardware_uuid, instance, hostname, hardware_serial, facts, node_key_hash)
       SELECT gen_random_uuid(), gen_random_uuid(), 'test', 'h' || n, 'S' || n, '{"platform": "debian"}', sha256(n::text::bytea)
       FROM generate_series(1, 4) n RETURNING id, uuid, hostname`,
    );
    const manual = (list: string[]) => ({ name: 'some', label_membership_type: 'manual', hosts: list });
    const members = async () => (await admin.get(`${SPEC}/labels/some`)).body.specs.hosts;
    await apply('labels', [manual(['h1', 'S2', hosts[2].uuid, 'nobody'])]);
    expect(await members()).toEqual(['h1', 'h2', 'h3']);
    await apply('labels', [manual(['h4', 'h4'])]);
    expect(await members()).toEqual(['h4']);
    await apply('packs', [{ name: 'p', targets: { labels: ['some'] } }]);
    expect((await admin.get(`/api/v1/fleet/hosts/${hosts[3].id}`)).body.host.packs).toMatchObject([
      { name: 'p' },
    ]);
    await apply('labels', [q('some')]);
    expect(await members()).toBeNull();
    expect(
      await sql(
        server,
        'SELECT m.host_id FROM label_membership m JOIN labels l ON l.id = m.label_id WHERE l.name = $1',
        ['some'],
      ),
    ).toEqual([{ host_id: hosts[3].id }]);
    await sql(server, 'DELETE FROM hosts');
  });
});

describe('secrets', () => {
  it('belong to one place, and are nowhere in what is said about them', async () => {
    await apply('teams', [{ name: 'A', secrets: [{ secret: 'secret-of-A' }] }]);
    const [{ secret }] = (await admin.get(`${SPEC}/enroll_secret`)).body.spec.secrets;
    const set = (secrets: unknown, query = '') =>
      admin.post(`${SPEC}/enroll_secret${query}`, { spec: { secrets } });
    const taken = 'secret "********" already exists';
    expectProblem(await set([{ secret }, { secret: 'secret-of-A' }]), 409, 'spec.secrets', taken);
    expectProblem(await set([{ secret: 'secret-of-A' }], '?dry_run=true'), 422, 'spec.secrets', taken);
    expectProblem(await set([{ secret: 'x' }, { secret: 'x' }]), 409, 'spec.secrets', taken);
    expectProblem(await set([{ secret: '' }]), 422, 'spec.secrets', 'enroll secret must not be empty');
    expectProblem(await set(undefined), 400, 'spec.secrets', /list/);
    expectProblem(await admin.post(`${SPEC}/enroll_secret`, { spec: null }), 400, 'spec', /./);
    const many = Array.from({ length: 51 }, (_, n) => ({ secret: `many-${n}` }));
    expectProblem(await set(many), 422, 'spec.secrets', 'too many secrets');
    for (const given of [secret, 'secret-of-A'])
      expectProblem(
        await post('teams', [{ name: 'B', secrets: [{ secret: given }] }]),
        409,
        'secrets',
        taken,
      );
    expect((await admin.get(`${SPEC}/enroll_secret`)).body.spec.secrets).toMatchObject([{ secret }]);
    // Absent they stay, and a new team has one.
    await apply('teams', [{ name: 'a', agent_options: { config: {} } }, { name: 'C' }]);
    expect(
      await sql(
        server,
        'SELECT t.name, e.secret FROM teams t JOIN enroll_secrets e ON e.team_id = t.id ORDER BY t.id',
      ),
    ).toEqual([
      { name: 'a', secret: 'secret-of-A' },
      { name: 'C', secret: expect.stringMatching(/^.{32}$/) },
    ]);
    await apply('teams', [{ name: 'a', secrets: [], agent_options: null }]);
    expect(await sql(server, `SELECT agent_options FROM teams WHERE name = 'a'`)).toEqual([
      { agent_options: null },
    ]);
    const records = await sql(server, `SELECT details::text AS text FROM audit`);
    expect(JSON.stringify(records)).not.toContain('secret-of-A');
  });

  it('that are replaced let nobody in any more; hosts that have enrolled stay', async () => {
    const enroll = async (enroll_secret: string, hostname: string) => {
      const facts = { hostname, platform: 'debian', os_version: 'Debian', arch: 'x86_64' };
      const machine = { hardware_uuid: randomUUID(), instance: 'test', hostname, facts };
      const request = { enroll_secret, protocol: 1, agent_version: '0.0.0', ...machine };
      return (await admin.post('/api/v1/agents/enroll', request)).status;
    };
    const { spec } = (await admin.get(`${SPEC}/enroll_secret`)).body;
    const old = spec.secrets[0].secret as string;
    expect(await enroll(old, 'early')).toBe(200);
    const rehearsal = { spec: { secrets: [{ secret: 'new' }] } };
    expect((await admin.post(`${SPEC}/enroll_secret?dry_run=true`, rehearsal)).status).toBe(200);
    expect(await enroll('new', 'rehearsed')).toBe(401);
    expect((await admin.post(`${SPEC}/enroll_secret`, rehearsal)).status).toBe(200);
    expect(await enroll(old, 'late')).toBe(401);
    expect(await enroll('new', 'later')).toBe(200);
    const { hosts } = (await admin.get('/api/v1/fleet/hosts')).body;
    expect(hosts.map(({ hostname }: { hostname: string }) => hostname)).toEqual(['early', 'later']);
    await admin.post(`${SPEC}/enroll_secret`, { spec });
    await sql(server, 'DELETE FROM hosts');
  });
});

describe('a diff', () => {
  it('says what applying would do, and does nothing', async () => {
    await apply('queries', [q('same'), q('other')]);
    await apply('teams', [{ name: 'A', secrets: [{ secret: 'secret-of-A' }] }]);
    const before = await everything();
    const body = {
      queries: [q('same'), q('other', { interval: 60 }), q('new', { team: 'B', labels_include_any: ['L'] })],
      labels: [q('L')],
      packs: [
        { name: 'P', targets: { labels: ['L'], teams: ['B'] }, queries: [{ query: 'other', interval: 60 }] },
      ],
      teams: [{ name: 'A', secrets: [{ secret: 'new-secret' }] }, { name: 'B' }],
      policies: [q('policy', { team: 'B' })],
      enroll_secret: { secrets: [{ secret: 'new-global' }] },
    };
    const { status, body: diff } = await admin.post(`${SPEC}/diff`, body);
    expect([status, diff.errors]).toEqual([200, undefined]);
    const summary = (diff.changes as { kind: string; name: string; change: string }[]).map(
      ({ kind, name, change }) => `${kind} ${name} ${change}`,
    );
    expect(summary).toEqual([
      'team A changed',
      'team B added',
      'label L added',
      'query same unchanged',
      'query other changed',
      'query new added',
      'pack P added',
      'enroll_secret  changed',
      'policy policy added',
    ]);
    const changed = diff.changes.find(({ name }: { name: string }) => name === 'other');
    expect(changed).toEqual({
      kind: 'query',
      name: 'other',
      team: '',
      change: 'changed',
      fields: { interval: { old: 0, new: 60 } },
    });
    expect(diff.changes[0].fields).toEqual({ secrets: { old: ['********'], new: ['********'] } });
    expect(await everything()).toBe(before);
    const documents = [
      { kind: 'Query', spec: q('same') },
      { kind: 'team', spec: { team: { name: 'A' } } },
    ];
    expect((await admin.post(`${SPEC}/diff`, { specs: documents })).body.changes).toMatchObject([
      { kind: 'team', change: 'unchanged' },
      { kind: 'query', change: 'unchanged' },
    ]);
    expectProblem(
      await admin.post(`${SPEC}/diff`, { specs: [{ kind: 'host', spec: {} }] }),
      400,
      'specs[0].kind',
      /must be one of/,
    );
    expectProblem(await admin.post(`${SPEC}/diff`, { queries: [q('')] }), 400, 'queries[0].name', /empty/);
  });
});
