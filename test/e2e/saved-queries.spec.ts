import { type Api, api, startServer, type ServerFixture } from '#libs/testing/index';
import { addTeamUser, addUser, expectProblem, sql } from './support.js';
import { addTeam } from './teams.js';

let server: ServerFixture;
let admin: Api;
let red: number;
let blue: number;

const QUERIES = '/api/v1/fleet/queries';

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  [red, blue] = [await addTeam(server, 'Red'), await addTeam(server, 'Blue')];
});
beforeEach(async () => {
  await sql(server, 'DELETE FROM queries');
});

const create = async (body: object, client = admin): Promise<number> => {
  const answer = await client.post(QUERIES, { query: 'SELECT 1', ...body });
  expect([answer.status, answer.body.errors]).toEqual([200, undefined]);
  return answer.body.query.id as number;
};
const list = async (query = '', client = admin) => {
  const { status, body } = await client.get(`${QUERIES}?${query}`);
  expect(status).toBe(200);
  return {
    ...body,
    names: (body.queries as { name: string }[]).map(({ name }) => name),
  } as {
    names: string[];
    count: number;
    inherited_query_count: number;
    meta: object;
  };
};
const recorded = (act: string) =>
  sql(server, 'SELECT email, details FROM audit WHERE act = $1 ORDER BY id DESC LIMIT 1', [act]).then(
    ([row]) => row,
  );

describe('a saved query', () => {
  it('is kept as it is given, with defaults for the rest', async () => {
    const { status, body } = await admin.post(QUERIES, { name: ' Uptime ', query: 'SELECT * FROM uptime;' });
    expect(status).toBe(200);
    expect(body).toEqual({
      query: {
        created_at: expect.any(String),
        updated_at: expect.any(String),
        id: expect.any(Number),
        name: 'Uptime',
        description: '',
        query: 'SELECT * FROM uptime;',
        team_id: null,
        interval: 0,
        platform: '',
        min_osquery_version: '',
        automations_enabled: false,
        logging: 'snapshot',
        saved: true,
        observer_can_run: false,
        discard_data: false,
        author_id: expect.any(Number),
        author_name: expect.any(String),
        author_email: server.admin.email,
        packs: [],
        labels_include_any: [],
        stats: {
          system_time_p50: null,
          system_time_p95: null,
          user_time_p50: null,
          user_time_p95: null,
          total_executions: null,
        },
      },
    });
    expect((await admin.get(`${QUERIES}/${body.query.id}`)).body).toEqual(body);
    expect(await recorded('created_saved_query')).toEqual({
      email: server.admin.email,
      details: { query_id: body.query.id, query_name: 'Uptime', team_id: null },
    });
  });

  it('is modified where something is said, and nowhere else', async () => {
    const given = {
      name: 'all',
      description: 'of it',
      interval: 3600,
      platform: 'linux, darwin',
      min_osquery_version: '5.0.0',
      automations_enabled: true,
      logging: 'differential',
      observer_can_run: true,
      discard_data: true,
      team_id: red,
    };
    const id = await create(given);
    const stored = { ...given, platform: 'linux,darwin', query: 'SELECT 1' };
    expect((await admin.get(`${QUERIES}/${id}`)).body.query).toMatchObject(stored);
    const maintainer = await addUser(server, 'maintainer@example.com', 'maintainer');
    const { status, body } = await maintainer.patch(`${QUERIES}/${id}`, {
      name: 'ALL',
      query: 'SELECT 2',
      observer_can_run: false,
      interval: null,
      team_id: red,
    });
    expect(status).toBe(200);
    expect(body.query).toMatchObject({
      ...stored,
      name: 'ALL',
      query: 'SELECT 2',
      observer_can_run: false,
      author_email: server.admin.email,
    });
    expect(await recorded('edited_saved_query')).toMatchObject({
      email: 'maintainer@example.com',
      details: { query_id: id, query_name: 'ALL', team_id: red },
    });
    expectProblem(
      await admin.patch(`${QUERIES}/${id}`, { team_id: blue }),
      422,
      'team_id',
      /cannot be changed/,
    );
    expectProblem(await admin.patch(`${QUERIES}/${id}`, { query: ' ' }), 422, 'query', /cannot be empty/);
    expect((await admin.get(`${QUERIES}/${id}`)).body.query.query).toBe('SELECT 2');
  });

  it('has a name of its own within its team, whatever the case', async () => {
    const id = await create({ name: 'Uptime' });
    await create({ name: 'Uptime', team_id: red });
    await create({ name: 'uptime', team_id: blue });
    const other = await create({ name: 'other' });
    for (const answer of [
      await admin.post(QUERIES, { name: 'uptime', query: 'SELECT 1' }),
      await admin.patch(`${QUERIES}/${other}`, { name: 'uptime' }),
    ])
      expectProblem(answer, 409, 'name', 'Query "uptime" already exists');
    expect((await admin.patch(`${QUERIES}/${id}`, { name: 'UPTIME' })).status).toBe(200);
  });

  it('goes by its id, by its name, or with others', async () => {
    const [one, two, three, four] = [
      await create({ name: 'one' }),
      await create({ name: 'two & half' }),
      await create({ name: 'three', team_id: red }),
      await create({ name: 'four' }),
    ];
    const gone = await admin.delete(`${QUERIES}/id/${one}`);
    expect([gone.status, gone.body]).toEqual([200, {}]);
    expect(await recorded('deleted_saved_query')).toMatchObject({ details: { query_name: 'one' } });
    expect((await admin.delete(`${QUERIES}/${encodeURIComponent('TWO & half')}`)).status).toBe(200);
    expectProblem(
      await admin.delete(`${QUERIES}/three`),
      404,
      'base',
      'Query three was not found in the datastore',
    );
    expect((await admin.get(`${QUERIES}/${two}`)).status).toBe(404);
    expectProblem(
      await admin.post(`${QUERIES}/delete`, { ids: [three, four, one] }),
      404,
      'base',
      `Query ${one} was not found in the datastore`,
    );
    const both = await admin.post(`${QUERIES}/delete`, { ids: [four, three, four] });
    expect([both.status, both.body]).toEqual([200, { deleted: 2 }]);
    expect(await recorded('deleted_multiple_saved_query')).toMatchObject({
      details: { query_ids: [four, three] },
    });
    expect((await list()).count).toBe(0);
    const teams = await create({ name: 'three', team_id: red });
    expect((await admin.delete(`${QUERIES}/three?team_id=${red}`)).status).toBe(200);
    expect((await admin.get(`${QUERIES}/${teams}`)).status).toBe(404);
  });

  it('stays when its author goes, and goes with its team', async () => {
    const author = await addUser(server, 'author@example.com', 'maintainer');
    const team = await addTeam(server, 'Short-lived');
    const [global, teams] = [
      await create({ name: 'global' }, author),
      await create({ name: 'theirs', team_id: team }, author),
    ];
    const { author_id } = (await admin.get(`${QUERIES}/${global}`)).body.query;
    expect((await admin.delete(`/api/v1/fleet/users/${author_id}`)).status).toBe(200);
    expect((await admin.get(`${QUERIES}/${global}`)).body.query).toMatchObject({
      author_id: null,
      author_name: '',
      author_email: '',
    });
    expect((await admin.delete(`/api/v1/fleet/teams/${team}`)).status).toBe(200);
    expect((await admin.get(`${QUERIES}/${teams}`)).status).toBe(404);
  });
});

describe('the list of queries', () => {
  it('is of one team or of none, with those of none on demand', async () => {
    for (const [name, team_id] of [
      ['b', null],
      ['a', undefined],
      ['c', 0],
      ['r', red],
      ['s', blue],
    ])
      await create({ name, team_id });
    await sql(server, `INSERT INTO queries (name, query, saved) VALUES ('distributed', 'SELECT 3', false)`);
    expect(await list()).toMatchObject({
      names: ['b', 'a', 'c'],
      count: 3,
      inherited_query_count: 0,
      meta: { has_next_results: false, has_previous_results: false },
    });
    expect((await list(`team_id=0`)).names).toHaveLength(3);
    expect(await list(`team_id=${red}`)).toMatchObject({ names: ['r'], count: 1, inherited_query_count: 0 });
    expect(await list(`team_id=${red}&merge_inherited=true&order_key=name`)).toMatchObject({
      names: ['a', 'b', 'c', 'r'],
      count: 4,
      inherited_query_count: 3,
    });
    expect((await list('team_id=999999')).names).toEqual([]);
  });

  it('is sorted, searched and cut', async () => {
    for (const name of ['disk 100%', 'Disk', 'uptime', 'users']) await create({ name });
    expect((await list('query=disk&order_key=name')).names).toEqual(['Disk', 'disk 100%'].sort());
    expect(await list('query=%25')).toMatchObject({ names: ['disk 100%'], count: 1 });
    expect(await list('per_page=3&order_key=id&order_direction=desc')).toMatchObject({
      names: ['users', 'uptime', 'Disk'],
      count: 4,
      meta: { has_next_results: true, has_previous_results: false },
    });
    expect(await list('per_page=3&page=1')).toMatchObject({
      names: ['users'],
      count: 4,
      meta: { has_next_results: false, has_previous_results: true },
    });
    for (const bad of ['order_key=colour', 'page=x', 'team_id=x', 'merge_inherited=maybe'])
      expect({ bad, status: (await admin.get(`${QUERIES}?${bad}`)).status }).toEqual({ bad, status: 400 });
  });

  it('shows observers all queries, and team members those of no team too', async () => {
    const hidden = await create({ name: 'hidden' });
    await create({ name: 'shown', observer_can_run: true });
    const teams = await create({ name: 'theirs', team_id: blue });
    const observer = await addUser(server, 'observer@example.com', 'observer');
    expect((await list('', observer)).names).toEqual(['hidden', 'shown']);
    const member = await addTeamUser(server, 'member@example.com', { [red]: 'observer' });
    expect((await list('', member)).names).toEqual(['hidden', 'shown']);
    expect((await list(`team_id=${red}&merge_inherited=1`, member)).count).toBe(2);
    expect((await member.get(`${QUERIES}/${hidden}`)).status).toBe(200);
    expectProblem(await member.get(`${QUERIES}/${teams}`), 403, 'base', 'forbidden');
    expectProblem(await member.get(`${QUERIES}?team_id=${blue}`), 403, 'base', 'forbidden');
    expect((await member.get(`${QUERIES}/999999`)).status).toBe(404);
    const gitops = await addTeamUser(server, 'gitops@example.com', { [red]: 'gitops' });
    expectProblem(await gitops.get(QUERIES), 403, 'base', 'forbidden');
    expect((await list(`team_id=${red}`, gitops)).names).toEqual([]);
    await create({ name: 'ours', team_id: red }, gitops);
    expectProblem(await gitops.delete(`${QUERIES}/id/${hidden}`), 403, 'base', 'forbidden');
  });
});

describe('queries', () => {
  it('refuse what makes no sense, and name the field', async () => {
    const good = { name: 'good', query: 'SELECT 1' };
    for (const [body, name, reason] of [
      [{ query: 'SELECT 1' }, 'name', 'query name cannot be empty'],
      [{ ...good, name: '  ' }, 'name', 'query name cannot be empty'],
      [{ ...good, query: ' ' }, 'query', "query's SQL query cannot be empty"],
      [{ ...good, platform: 'debian' }, 'platform', /query's platform must be/],
      [{ ...good, logging: 'all' }, 'logging', /invalid logging value/],
    ] as const)
      expectProblem(await admin.post(QUERIES, body), 422, name, reason);
    for (const [body, name] of [
      [{ ...good, name: 1 }, 'name'],
      [{ ...good, name: 'x'.repeat(256) }, 'name'],
      [{ ...good, query: 'SELECT "\0"' }, 'query'],
      [{ ...good, interval: -1 }, 'interval'],
      [{ ...good, interval: 'often' }, 'interval'],
      [{ ...good, observer_can_run: 'yes' }, 'observer_can_run'],
      [{ ...good, team_id: 'Red' }, 'team_id'],
      [{ ...good, labels_include_any: ['macOS'] }, 'labels_include_any'],
    ] as const)
      expectProblem(await admin.post(QUERIES, body), 400, name, /\S/);
    expectProblem(
      await admin.post(QUERIES, { ...good, team_id: 999_999 }),
      404,
      'base',
      'Team 999999 was not found in the datastore',
    );
    expectProblem(await admin.post(`${QUERIES}/delete`, { ids: [] }), 422, 'ids', 'ids cannot be empty');
    expectProblem(await admin.post(`${QUERIES}/delete`, { ids: ['1'] }), 400, 'ids', /array of query ids/);
    for (const answer of [
      await admin.get(`${QUERIES}/999999`),
      await admin.patch(`${QUERIES}/999999`, {}),
      await admin.delete(`${QUERIES}/id/999999`),
      await admin.delete(`${QUERIES}/nothing`),
    ])
      expectProblem(answer, 404, 'base', /^Query (999999|nothing) was not found in the datastore$/);
    expect((await list()).count).toBe(0);
  });

  it('that were asked live are shown, and cannot be changed', async () => {
    const [{ id }] = await sql(
      server,
      `INSERT INTO queries (name, query, saved) VALUES ('distributed', 'SELECT 3', false) RETURNING id`,
    );
    expect((await admin.get(`${QUERIES}/${id}`)).body.query).toMatchObject({
      saved: false,
      query: 'SELECT 3',
    });
    expect((await admin.patch(`${QUERIES}/${id}`, { name: 'mine' })).status).toBe(404);
    expect((await admin.delete(`${QUERIES}/id/${id}`)).status).toBe(404);
    expect((await admin.delete(`${QUERIES}/distributed`)).status).toBe(404);
  });
});
