import { type Api, type ServerFixture } from '#libs/testing/index';
import { expectProblem, sql } from '../e2e/support.js';
import { SPEC, type SpecWorld, startSpecWorld } from './specs.support.js';

/* What specs are refused for, in the words of the contract; and that a call is done as a whole or not at all. */

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
const inner = (more: object = {}) => ({ query: 'known', interval: 60, ...more });

type Row = readonly [kind: string, spec: object, status: number, field: string, reason: string | RegExp];
const REFUSED: readonly Row[] = [
  ['queries', q(' '), 400, 'name', 'query payload verification: query name cannot be empty'],
  [
    'queries',
    q('x', { query: ' ' }),
    400,
    'query',
    "query payload verification: query's SQL query cannot be empty",
  ],
  [
    'queries',
    q('x', { logging: 'all' }),
    400,
    'logging',
    /^query payload verification: invalid logging value, /,
  ],
  [
    'queries',
    q('x', { platform: 'debian' }),
    400,
    'platform',
    /^query payload verification: query's platform must be /,
  ],
  ['queries', q('x', { team: 'Nobody' }), 404, '/base', 'Team Nobody was not found in the datastore'],
  ['queries', q('x', { labels_include_any: ['none'] }), 422, 'labels_include_any', 'label not found: "none"'],
  [
    'queries',
    q('x', { interval: 'often' }),
    400,
    'interval',
    /^invalid value type at 'specs\[1\].interval': expected (int|number) but got string$/,
  ],
  ['queries', q('x', { query: 'SELECT * FORM y' }), 400, 'query', 'query "x": near "FORM": syntax error'],
  ['queries', q('x', { name: 'a\0b' }), 400, 'name', 'must not contain a NUL character'],
  ['packs', { name: '' }, 400, 'name', 'pack payload verification: pack name cannot be empty'],
  [
    'packs',
    { name: 'x', queries: [inner({ interval: 0 })] },
    400,
    'queries[0].interval',
    /interval must be an integer greater than 1 and less than 604800$/,
  ],
  [
    'packs',
    { name: 'x', queries: [inner({ interval: 604801 })] },
    400,
    'queries[0].interval',
    /^pack payload verification: /,
  ],
  [
    'packs',
    { name: 'x', queries: [inner({ query: 'unknown' })] },
    422,
    'queries[0].query',
    "cannot schedule unknown query 'unknown'",
  ],
  [
    'packs',
    { name: 'x', queries: [inner(), inner()] },
    409,
    'queries[1].name',
    'pack "x": query "known" already exists',
  ],
  ['packs', { name: 'x', targets: { labels: ['none'] } }, 422, 'targets.labels', /there is no label "none"/],
  ['packs', { name: 'x', targets: { teams: ['none'] } }, 422, 'targets.teams', /there is no team "none"/],
  ['labels', { name: '' }, 422, 'name', 'label name must not be empty'],
  [
    'labels',
    { name: 'X', hosts: ['a'] },
    422,
    'hosts',
    'label X is declared as dynamic but contains `hosts` key',
  ],
  [
    'labels',
    { name: 'X', label_membership_type: 'manual' },
    422,
    'hosts',
    'label X is declared as manual but contains no `hosts key`',
  ],
  ['labels', q('all hosts'), 422, 'name', "cannot modify built-in label 'all hosts'"],
  ['labels', q('X', { label_type: 'builtin' }), 422, 'name', "cannot modify or add built-in label 'X'"],
  ['labels', q('X', { label_membership_type: 'both' }), 400, 'label_membership_type', /./],
  ['labels', q('X', { query: 'select (' }), 400, 'query', 'label "X": incomplete input'],
  ['teams', { name: 'x', agent_opts: {} }, 400, 'agent_opts', 'unsupported key provided: "agent_opts"'],
  [
    'teams',
    { name: 'x', agent_options: { confg: {} } },
    400,
    'agent_options.confg',
    'unsupported key provided: "confg"',
  ],
  [
    'teams',
    { name: 7 },
    400,
    'name',
    "invalid value type at 'specs[1].name': expected string but got number",
  ],
  ['teams', { name: ' ' }, 422, 'name', 'may not be empty'],
  ['teams', { name: 'No team' }, 422, 'name', /reserved/],
  ['teams', { name: 'ALL TEAMS' }, 422, 'name', /reserved/],
  [
    'teams',
    { name: 'x', secrets: Array.from({ length: 51 }, (_, n) => ({ secret: `s${n}` })) },
    422,
    'secrets',
    'too many secrets',
  ],
  ['policies', q(''), 400, 'name', 'policy spec payload verification: policy name cannot be empty'],
  [
    'policies',
    q('x', { query: '' }),
    400,
    'query',
    'policy spec payload verification: policy query cannot be empty',
  ],
  [
    'policies',
    q('x', { platform: 'beos' }),
    400,
    'platform',
    'policy spec payload verification: invalid policy platform',
  ],
  ['policies', q('x', { team: 'Nobody' }), 404, '/base', 'Team Nobody was not found in the datastore'],
  [
    'policies',
    q('x', { labels_include_any: ['none'] }),
    400,
    'labels_include_any',
    'label "none" does not exist',
  ],
  ['policies', q('GOOD'), 400, 'name', 'duplicate policy names not allowed'],
  ['policies', q('x', { query: 'SELEC 1' }), 400, 'query', 'policy "x": near "SELEC": syntax error'],
  ['policies', q('x', { software_title_id: 7 }), 404, '/base', /Software title 7/],
];
/** One of each kind that is fine. */
const GOOD: Readonly<Record<string, object>> = {
  queries: q('good'),
  packs: { name: 'good', queries: [inner()] },
  labels: q('good'),
  teams: { name: 'good' },
  policies: q('good'),
};

it.each(REFUSED)('%s: %j is refused, and nothing is done', async (kind, spec, status, field, reason) => {
  await apply('queries', [q('known')]);
  const before = await everything();
  const answer = await post(kind, [GOOD[kind], spec]);
  expectProblem(answer, status, field.startsWith('/') ? field.slice(1) : `specs[1].${field}`, reason);
  expect(await everything()).toBe(before);
});

describe('a call', () => {
  it('without specs does nothing', async () => {
    for (const kind of Object.keys(GOOD))
      for (const body of [{}, { specs: null }, { specs: [] }])
        expect(await admin.post(`${SPEC}/${kind}`, body)).toMatchObject({ status: 200, body: {} });
    expectProblem(await admin.post(`${SPEC}/queries`), 400, 'base', 'Expected JSON Body');
    expectProblem(await admin.post(`${SPEC}/queries`, { specs: 7 }), 400, 'specs', /but got number/);
  });

  it('of a thousand queries is one transaction: one that is bad undoes all', async () => {
    const specs = Array.from({ length: 1000 }, (_, n) => q(`query ${n}`));
    const before = await everything();
    expectProblem(
      await post('queries', [...specs, q('bad', { team: 'Nobody' })]),
      404,
      'base',
      /Team Nobody/,
    );
    expect(await everything()).toBe(before);
    await apply('queries', specs);
    expect(await sql(server, 'SELECT count(*)::int AS n FROM queries')).toEqual([{ n: 1000 }]);
  });

  it('with dry_run checks everything and changes nothing', async () => {
    await apply('queries', [q('known')]);
    const before = await everything();
    for (const [kind, spec] of Object.entries(GOOD))
      expect(await post(kind, [spec], '?dry_run=true')).toMatchObject({ status: 200, body: {} });
    expectProblem(await post('queries', [q('', {})], '?dry_run=true'), 400, 'specs[0].name', /empty/);
    expectProblem(await post('queries', [], '?dry_run=maybe'), 400, 'dry_run', /true or false/);
    expect(await everything()).toBe(before);
  });

  it('is recorded once, with what was applied', async () => {
    await sql(server, 'DELETE FROM audit');
    for (const [kind, spec] of Object.entries(GOOD))
      await apply(kind, [kind === 'packs' ? { name: 'good' } : spec]);
    const rows = await sql(
      server,
      `SELECT act, details FROM audit WHERE act LIKE 'applied_spec%' ORDER BY id`,
    );
    expect(rows.map(({ act }) => act)).toEqual([
      'applied_spec_saved_query',
      'applied_spec_pack',
      'applied_spec_label',
      'applied_spec_team',
      'applied_spec_policy',
    ]);
    expect(rows[0].details).toMatchObject({ count: 1, specs: [{ name: 'good', query: 'SELECT 1' }] });
    expect(rows[3].details).toEqual({ count: 1, teams: [{ id: expect.any(Number), name: 'good' }] });
    expect(rows[4].details).toMatchObject({ policies: [{ name: 'good' }] });
  });

  it('lets two of them take turns, whatever their order', async () => {
    const specs = Array.from({ length: 50 }, (_, n) => q(`query ${n}`));
    const answers = await Promise.all(
      [specs, [...specs].reverse(), specs].map((list, n) =>
        post(
          'queries',
          list.map((spec) => ({ ...spec, description: `${n}` })),
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(
      await sql(server, 'SELECT count(*)::int AS n, count(DISTINCT description)::int AS d FROM queries'),
    ).toEqual([{ n: 50, d: 1 }]);
  });
});
