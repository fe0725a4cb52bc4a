import { startAgent, startServer, api, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import { addUser, expectProblem, sql } from './support.js';

const TEAMS = '/api/v1/fleet/teams';

let server: ServerFixture;
let admin: Api;
let observer: Api;
let red: number;
let blue: number;
/** Their only roles are on the red team. */
let redAdmin: Api;
let redGitops: Api;
let redObserver: Api;

async function created(name: string, more: object = {}): Promise<number> {
  const answer = await admin.post(TEAMS, { name, ...more });
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.team.id;
}

const idOf = async (client: Api): Promise<number> => (await client.get('/api/v1/fleet/me')).body.user.id;
const namesIn = ({ body }: Answer): string[] => body.teams.map(({ name }: { name: string }) => name);
const secretsIn = ({ body }: Answer): string[] =>
  body.secrets.map(({ secret }: { secret: string }) => secret);

function expectForbidden(answer: Answer): void {
  expect([answer.status, answer.body.message]).toEqual([403, 'forbidden']);
}

const recorded = async (teamId: number): Promise<string[]> =>
  (
    await sql(
      server,
      `SELECT act FROM audit WHERE (details->>'team_id')::int = $1 AND outcome = 'done' ORDER BY id`,
      [teamId],
    )
  ).map(({ act }) => act as string);

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  [red, blue] = [await created('Red', { description: 'the first' }), await created('Blue')];
  observer = await addUser(server, 'olga@example.com', 'observer');
  redAdmin = await addUser(server, 'rita@example.com', [{ id: red, role: 'admin' }]);
  redGitops = await addUser(server, 'gil@example.com', [{ id: red, role: 'gitops' }]);
  redObserver = await addUser(server, 'rob@example.com', [{ id: red, role: 'observer' }]);
});

describe('creating a team', () => {
  it('answers with the team and an enroll secret of its own', async () => {
    const answer = await admin.post(TEAMS, { name: 'Green' });
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        team: {
          id: expect.any(Number),
          created_at: expect.stringMatching(/^\d{4}-.*Z$/),
          name: 'Green',
          description: '',
          agent_options: null,
          user_count: 0,
          host_count: 0,
          secrets: [
            {
              secret: expect.stringMatching(/^.{32}$/),
              created_at: expect.stringMatching(/Z$/),
              team_id: answer.body.team.id,
            },
          ],
        },
      },
    ]);
    expect(await recorded(answer.body.team.id as number)).toEqual(['created_team']);
    const given = await admin.post(TEAMS, { name: 'Grey', secrets: [{ secret: 'grey-secret' }] });
    expect(given.body.team.secrets).toMatchObject([{ secret: 'grey-secret' }]);
  });

  it.each<[object, number, string, string | RegExp]>([
    [{}, 422, 'name', 'missing required argument'],
    [{ name: '' }, 422, 'name', 'may not be empty'],
    [{ name: '  ' }, 422, 'name', 'may not be empty'],
    [{ name: 'all TEAMS' }, 422, 'name', /reserved/],
    [{ name: 'No team' }, 422, 'name', /reserved/],
    [{ name: 1 }, 400, 'name', /string/],
    [{ name: 'x'.repeat(256) }, 400, 'name', /255/],
    [{ name: 'a\0b' }, 400, 'name', /NUL/],
    [{ name: 'x', description: [] }, 400, 'description', /string/],
    [{ name: 'x', secrets: 'y' }, 400, 'secrets', /array/],
    [{ name: 'x', secrets: [{}] }, 400, 'secrets.0.secret', /string/],
    [{ name: 'x', secrets: [{ secret: '' }] }, 422, 'secrets', /empty/],
    [{ name: 'RED' }, 409, 'name', 'Team "RED" already exists'],
    [{ name: 'x', secrets: [{ secret: 'grey-secret' }] }, 409, 'secrets', /"\*+" already exists/],
  ])('refuses what is not one, case %#', async (body, status, name, reason) => {
    const before = await sql(server, 'SELECT id FROM teams');
    expectProblem(await admin.post(TEAMS, body), status, name, reason);
    expect(await sql(server, 'SELECT id FROM teams')).toEqual(before);
  });

  it('is for global admins and gitops', async () => {
    const gitops = await addUser(server, 'gina@example.com', 'gitops');
    expect((await gitops.post(TEAMS, { name: 'By gitops' })).status).toBe(200);
    for (const client of [observer, redAdmin, redGitops])
      expectForbidden(await client.post(TEAMS, { name: 'x' }));
  });
});

describe('lists', () => {
  it('have all teams for holders of a global role, one’s own for others', async () => {
    expect(namesIn(await admin.get(TEAMS))).toEqual(expect.arrayContaining(['Red', 'Blue', 'Green']));
    expect(namesIn(await observer.get(TEAMS))).toEqual(namesIn(await admin.get(TEAMS)));
    const own = await redObserver.get(TEAMS);
    expect(own.body.teams).toEqual([expect.objectContaining({ id: red, role: 'observer', user_count: 3 })]);
  });

  it('show secrets to those who may change the team', async () => {
    const visible = async (client: Api): Promise<boolean[]> => [
      'secrets' in (await client.get(TEAMS)).body.teams[0],
      'secrets' in (await client.get(`${TEAMS}/${red}`)).body.team,
    ];
    for (const client of [admin, redAdmin, redGitops]) expect(await visible(client)).toEqual([true, true]);
    for (const client of [observer, redObserver]) expect(await visible(client)).toEqual([false, false]);
  });

  it('take list options', async () => {
    const sorted = namesIn(await admin.get(`${TEAMS}?order_key=name&order_direction=desc`));
    expect(sorted.indexOf('Red')).toBeLessThan(sorted.indexOf('Blue'));
    expect(
      namesIn(await admin.get(`${TEAMS}?order_key=name&order_direction=desc&page=1&per_page=2`)),
    ).toEqual(sorted.slice(2, 4));
    expect(namesIn(await admin.get(`${TEAMS}?query=blu`))).toEqual(['Blue']);
    expect(namesIn(await redAdmin.get(`${TEAMS}?query=blu`))).toEqual([]);
    expect(namesIn(await admin.get(`${TEAMS}?order_key=user_count&order_direction=desc`))[0]).toBe('Red');
    expectProblem(await admin.get(`${TEAMS}?order_key=secret`), 400, 'order_key', /must be one of/);
    expectProblem(await admin.get(`${TEAMS}?page=-1`), 400, 'base', 'negative page value');
  });

  it('count hosts', async () => {
    const agent = startAgent({ server });
    const { id } = await agent.online();
    await sql(server, 'UPDATE hosts SET team_id = $1 WHERE id = $2', [blue, id]);
    expect((await admin.get(`${TEAMS}/${blue}`)).body.team.host_count).toBe(1);
  });
});

describe('one team', () => {
  it('is shown to those with a role on it; others do not learn whether it is there', async () => {
    expect((await redObserver.get(`${TEAMS}/${red}`)).body.team).toMatchObject({
      name: 'Red',
      description: 'the first',
      role: 'observer',
    });
    for (const id of [blue, 99_999]) expectForbidden(await redAdmin.get(`${TEAMS}/${id}`));
    expectProblem(await observer.get(`${TEAMS}/99999`), 404, 'base', /^Team 99999 was not found/);
    expect((await admin.get(`${TEAMS}/x`)).status).toBe(404);
    expectProblem(await admin.get(`${TEAMS}/99999999999`), 400, 'id', /\S/);
  });

  it('is changed by its admins and gitops', async () => {
    const path = `${TEAMS}/${await created('Old name', { description: 'kept' })}`;
    const renamed = await admin.patch(path, { name: 'New name' });
    expect(renamed.body.team).toMatchObject({ name: 'New name', description: 'kept' });
    expect((await admin.patch(path, { name: 'NEW name' })).body.team.name).toBe('NEW name');
    expect((await redAdmin.patch(`${TEAMS}/${red}`, { description: 'a' })).status).toBe(200);
    expect((await redGitops.patch(`${TEAMS}/${red}`, { description: 'b' })).body.team.description).toBe('b');
    expectProblem(await admin.patch(path, { name: 'blue' }), 409, 'name', /already exists/);
    expectProblem(await admin.patch(path, { name: ' ' }), 422, 'name', /empty/);
    expectProblem(await admin.patch(path, { name: {} }), 400, 'name', /string/);
    expectProblem(await admin.patch(`${TEAMS}/99999`, { name: 'x' }), 404, 'base', /\S/);
    for (const client of [redObserver, observer]) expectForbidden(await client.patch(path, { name: 'x' }));
    expectForbidden(await redAdmin.patch(`${TEAMS}/${blue}`, { name: 'x' }));
  });

  it('goes with its secrets and roles; its hosts stay', async () => {
    const id = await created('Short-lived', { secrets: [{ secret: 'short-lived' }] });
    const member = await addUser(server, 'leo@example.com', [
      { id, role: 'admin' },
      { id: red, role: 'observer' },
    ]);
    await sql(server, 'UPDATE hosts SET team_id = $1', [id]);
    expectForbidden(await member.delete(`${TEAMS}/${id}`));
    const answer = await admin.delete(`${TEAMS}/${id}`);
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expectForbidden(await member.get(`${TEAMS}/${id}`));
    expect(namesIn(await member.get(TEAMS))).toEqual(['Red']);
    expect(await sql(server, `SELECT 1 FROM enroll_secrets WHERE secret = 'short-lived'`)).toEqual([]);
    expect(await sql(server, 'SELECT team_id FROM hosts')).toEqual([{ team_id: null }]);
    expectProblem(await admin.delete(`${TEAMS}/${id}`), 404, 'base', /was not found/);
    expect((await recorded(id)).at(-1)).toBe('deleted_team');
  });

  it('that was the last of a user leaves it without any right, until it is given a role', async () => {
    const id = await created('The only one');
    const member = await addUser(server, 'lea@example.com', [{ id, role: 'admin' }]);
    const userId = await idOf(member);
    await admin.delete(`${TEAMS}/${id}`);
    expectForbidden(await member.get(TEAMS));
    await admin.patch(`/api/v1/fleet/users/${userId}`, { global_role: 'observer' });
    expect((await member.get(TEAMS)).status).toBe(200);
  });
});

describe('members', () => {
  it('come, change and go, with effect on their next request', async () => {
    const client = await addUser(server, 'max@example.com', [{ id: blue, role: 'observer' }]);
    const id = await idOf(client);
    const put = (role: string) => redAdmin.patch(`${TEAMS}/${red}/users`, { users: [{ id, role }] });
    const added = await put('observer');
    expect(added.status).toBe(200);
    expect(added.body.team.users).toEqual(
      expect.arrayContaining([expect.objectContaining({ id, role: 'observer', email: 'max@example.com' })]),
    );
    expect(namesIn(await client.get(TEAMS))).toEqual(['Red', 'Blue'].sort((a, b) => (a < b ? 1 : -1)));
    expectForbidden(await client.get(`${TEAMS}/${red}/users`));
    await put('admin');
    const listed = await client.get(`${TEAMS}/${red}/users`);
    expect(listed.body.users).toEqual(
      expect.arrayContaining([expect.objectContaining({ id, role: 'admin' })]),
    );
    const gone = await redAdmin.delete(`${TEAMS}/${red}/users`, { users: [{ id }] });
    expect([gone.status, gone.body.team.user_count]).toEqual([200, added.body.team.user_count - 1]);
    expect(gone.body.team.users.map((user: { id: number }) => user.id)).not.toContain(id);
    expectForbidden(await client.get(`${TEAMS}/${red}`));
    expect((await redAdmin.delete(`${TEAMS}/${red}/users`, { users: [{ id }] })).status).toBe(200);
    expect((await recorded(red)).slice(-3)).toEqual([
      'changed_user_team_role',
      'changed_user_team_role',
      'deleted_user_team_role',
    ]);
  });

  it('have a role on some team, always', async () => {
    const id = await idOf(redObserver);
    const answer = await redAdmin.delete(`${TEAMS}/${red}/users`, { users: [{ id }] });
    expect([answer.status, answer.body.code]).toEqual([422, 1]);
    expect((await redObserver.get(TEAMS)).status).toBe(200);
  });

  it('are not whoever one likes', async () => {
    const path = `${TEAMS}/${red}/users`;
    const put = (users: unknown) => admin.patch(path, { users });
    const id = await idOf(redObserver);
    expectProblem(
      await put([{ id, role: 'owner' }]),
      422,
      'users',
      'owner is not a valid role for a team user',
    );
    const global = await put([{ id: await idOf(observer), role: 'observer' }]);
    expectProblem(global, 422, 'users', /global role cannot be added/);
    expectProblem(await put([{ id: 99_999, role: 'observer' }]), 404, 'base', /^User 99999/);
    expect((await put([{ id, role: 'gitops' }])).body.code).toBe(4);
    expectProblem(await put('x'), 400, 'users', /array/);
    expectProblem(await put([{ id: 'x', role: 'admin' }]), 400, 'users.0.id', /integer/);
    expectProblem(await put([{ id }]), 400, 'users.0.role', /string/);
    expectProblem(await admin.delete(path, {}), 400, 'users', /array/);
    expectProblem(await admin.delete(path), 400, 'base', 'Expected JSON Body');
    expectProblem(await admin.delete(path, { users: [{ id: 99_999 }] }), 404, 'base', /^User 99999/);
    expectProblem(await admin.patch(`${TEAMS}/99999/users`, { users: [] }), 404, 'base', /^Team 99999/);
  });

  it('are the business of admins of the team only: roles are rights', async () => {
    const users = [{ id: await idOf(redObserver), role: 'maintainer' }];
    for (const client of [redObserver, redGitops, observer])
      expectForbidden(await client.patch(`${TEAMS}/${red}/users`, { users }));
    for (const id of [blue, 99_999])
      for (const method of ['GET', 'PATCH', 'DELETE'])
        expectForbidden(
          await redAdmin.request(method, `${TEAMS}/${id}/users`, method === 'GET' ? undefined : { users }),
        );
  });
});

describe('enroll secrets', () => {
  it('are replaced as a whole, and those that stay keep their date', async () => {
    const path = `${TEAMS}/${await created('Secretive')}/secrets`;
    const set = (...secrets: string[]) =>
      admin.patch(path, { secrets: secrets.map((secret) => ({ secret })) });
    const first = await set('one', 'two');
    expect([first.status, secretsIn(first)]).toEqual([200, ['one', 'two']]);
    const second = await set('two', 'three');
    expect(secretsIn(second)).toEqual(['two', 'three']);
    expect(second.body.secrets[0]).toEqual(first.body.secrets[1]);
    expect((await admin.get(path)).body).toEqual(second.body);
    expect((await set()).body).toEqual({ secrets: [] });
  });

  it('let hosts in until they are taken back', async () => {
    const id = await created('Open', { secrets: [{ secret: 'open-sesame' }] });
    const known = (secret: string) =>
      sql(server, 'SELECT team_id FROM enroll_secrets WHERE secret = $1', [secret]);
    expect(await known('open-sesame')).toEqual([{ team_id: id }]);
    await admin.patch(`${TEAMS}/${id}/secrets`, { secrets: [] });
    expect(await known('open-sesame')).toEqual([]);
  });

  it('are refused when they are none, or somebody else’s', async () => {
    const path = `${TEAMS}/${red}/secrets`;
    const before = secretsIn(await admin.get(path));
    const [{ secret: global }] = await sql(server, 'SELECT secret FROM enroll_secrets WHERE team_id IS NULL');
    const [{ secret: foreign }] = await sql(server, 'SELECT secret FROM enroll_secrets WHERE team_id = $1', [
      blue,
    ]);
    const set = (secrets: unknown) => admin.patch(path, { secrets });
    for (const secret of [global, foreign]) {
      const answer = await set([{ secret: 'fresh' }, { secret }]);
      expectProblem(answer, 409, 'secrets', 'secret "********" already exists');
    }
    expectProblem(await set([{ secret: 'a' }, { secret: 'a' }]), 409, 'secrets', /already exists/);
    const many = Array.from({ length: 51 }, (_, index) => ({ secret: `s${index}` }));
    expectProblem(await set(many), 422, 'secrets', 'too many secrets');
    expectProblem(await set([{ secret: '' }]), 422, 'secrets', /empty/);
    expectProblem(await set([{ secret: 'x'.repeat(256) }]), 422, 'secrets', /255/);
    expectProblem(await set(undefined), 400, 'secrets', /array/);
    expectProblem(await set([{ secret: 1 }]), 400, 'secrets.0.secret', /string/);
    expectProblem(await set([{ secret: 'a\0' }]), 400, 'secrets.0.secret', /NUL/);
    expectProblem(await admin.patch(`${TEAMS}/99999/secrets`, { secrets: [] }), 404, 'base', /^Team 99999/);
    expectProblem(await admin.get(`${TEAMS}/99999/secrets`), 404, 'base', /^Team 99999/);
    expect(secretsIn(await admin.get(path))).toEqual(before);
  });

  it('are seen and set by those who may change the team, and never recorded', async () => {
    const path = `${TEAMS}/${red}/secrets`;
    for (const client of [redObserver, observer]) {
      expectForbidden(await client.get(path));
      expectForbidden(await client.patch(path, { secrets: [] }));
    }
    expectForbidden(await redAdmin.get(`${TEAMS}/${blue}/secrets`));
    expect((await redGitops.patch(path, { secrets: [{ secret: 'by-gitops-1' }] })).status).toBe(200);
    expect(secretsIn(await redAdmin.get(path))).toEqual(['by-gitops-1']);
    const [{ text }] = await sql(server, 'SELECT jsonb_agg(details)::text AS text FROM audit');
    expect([text.includes('by-gitops-1'), server.log().includes('by-gitops-1')]).toEqual([false, false]);
    expect((await recorded(red)).at(-1)).toBe('edited_enroll_secrets');
  });
});

describe('agent options', () => {
  it('are set as a whole by those who may change the team', async () => {
    const path = `${TEAMS}/${red}/agent_options`;
    const options = { config: { options: { a: 1 } }, script_execution_timeout: 900 };
    const tried = await redAdmin.post(`${path}?dry_run=true`, options);
    expect([tried.status, tried.body.team.agent_options]).toEqual([200, null]);
    const set = await redGitops.post(path, options);
    expect([set.status, set.body.team.agent_options]).toEqual([200, options]);
    expect((await admin.patch(`${TEAMS}/${red}`, { description: 'c' })).body.team.agent_options).toEqual(
      options,
    );
    expectProblem(await admin.post(path, { spec: {} }), 400, 'spec', 'unsupported key provided: "spec"');
    expectProblem(
      await admin.post(path, { script_execution_timeout: 0 }),
      400,
      'script_execution_timeout',
      /1 to/,
    );
    expectProblem(await admin.post(path, 'null'), 400, 'base', /JSON object/);
    expect((await admin.post(path, { config: { a: 'b\0' } })).status).toBe(400);
    expectProblem(await admin.post(`${path}?force=1`, {}), 400, 'force', /true or false/);
    expectProblem(await admin.post(`${TEAMS}/99999/agent_options`, {}), 404, 'base', /^Team 99999/);
    for (const client of [redObserver, observer]) expectForbidden(await client.post(path, {}));
    expectForbidden(await redAdmin.post(`${TEAMS}/${blue}/agent_options`, {}));
    const forced = await admin.post(`${path}?force=true`, { spec: {} });
    expect(forced.body.team.agent_options).toEqual({ spec: {} });
    expect((await recorded(red)).at(-1)).toBe('edited_agent_options');
  });
});
