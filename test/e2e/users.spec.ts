import { api, startServer, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import { addUser, databaseText, expectProblem, sql } from './support.js';

const USERS = '/api/v1/fleet/users';
const PASSWORD = 'a-password-of-12';
const WEAK =
  'Password does not meet required criteria: Must include 12 characters, at least 1 number (e.g. 0 - 9), and at least 1 symbol (e.g. &*#).';

let server: ServerFixture;
let admin: Api;
let red: number;
let blue: number;
/** Admin of the red team, and nothing else. */
let redAdmin: Api;
let observer: Api;

const person = (name: string, more: object = {}) => ({
  name,
  email: `${name}@example.com`,
  password: PASSWORD,
  global_role: 'observer',
  admin_forced_password_reset: false,
  ...more,
});

async function created(body: object, client = admin): Promise<{ id: number; email: string }> {
  const answer = await client.post(`${USERS}/admin`, body);
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  return answer.body.user;
}

const signIn = (email: string, password = PASSWORD) =>
  api({ url: server.url }).post('/api/v1/fleet/login', { email, password });

const idOf = async (client: Api): Promise<number> => (await client.get('/api/v1/fleet/me')).body.user.id;

/** Acts on a user that are in the record, oldest first. */
const recorded = async (email: string): Promise<string[]> =>
  (
    await sql(
      server,
      `SELECT act FROM audit WHERE details->>'user_email' = $1 AND outcome = 'done' ORDER BY id`,
      [email],
    )
  ).map(({ act }) => act as string);

function expectForbidden(answer: Answer): void {
  expect([answer.status, answer.body.message]).toEqual([403, 'forbidden']);
}

function expectRoleRefused(answer: Answer, code: number): void {
  expect([answer.status, answer.body.code]).toEqual([422, code]);
  expect(answer.body.message).toMatch(/\S/);
  expect(answer.body.errors).toBeUndefined();
}

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  const team = async (name: string): Promise<number> =>
    (await admin.post('/api/v1/fleet/teams', { name })).body.team.id;
  [red, blue] = [await team('Red'), await team('Blue')];
  redAdmin = await addUser(server, 'rita@example.com', [{ id: red, role: 'admin' }]);
  observer = await addUser(server, 'olga@example.com', 'observer');
});

describe('creating a user', () => {
  it('answers with the user, who chooses a password of its own first', async () => {
    const body = { ...person('ann', { email: 'Ann@Example.com' }), admin_forced_password_reset: undefined };
    const answer = await admin.post(`${USERS}/admin`, body);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        user: {
          created_at: expect.stringMatching(/^\d{4}-.*Z$/),
          updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
          id: expect.any(Number),
          name: 'ann',
          email: 'ann@example.com',
          force_password_reset: true,
          gravatar_url: expect.stringMatching(/^https:/),
          sso_enabled: false,
          mfa_enabled: false,
          global_role: 'observer',
          api_only: false,
          teams: [],
        },
      },
    ]);
    expect(await recorded('ann@example.com')).toEqual(['created_user', 'changed_user_global_role']);
  });

  it('of teams shows them, there and to the user', async () => {
    const teams = [
      { id: red, role: 'maintainer' },
      { id: blue, role: 'observer' },
    ];
    const answer = await admin.post(`${USERS}/admin`, person('tom', { global_role: null, teams }));
    const expected = [
      { id: blue, name: 'Blue', description: '', role: 'observer' },
      { id: red, name: 'Red', description: '', role: 'maintainer' },
    ];
    expect(answer.body.user).toMatchObject({ global_role: null, teams: expected });
    const available = expected.map(({ id, name, description }) => ({ id, name, description }));
    const login = await signIn('tom@example.com');
    expect(login.body).toMatchObject({ user: { teams: expected }, available_teams: available });
    const me = await admin.as(login.body.token as string).get('/api/v1/fleet/me');
    expect(me.body).toMatchObject({ user: { teams: expected }, available_teams: available });
    expect((await admin.get('/api/v1/fleet/me')).body.available_teams).toEqual(available);
  });

  it('of a program gives it a token, good once nothing has to be reset', async () => {
    const program = person('bot', { api_only: true, global_role: 'gitops' });
    const { body } = await admin.post(`${USERS}/admin`, program);
    expect(body.user).toMatchObject({ api_only: true, global_role: 'gitops' });
    expect((await admin.as(body.token as string).get('/api/v1/fleet/me')).body.user.email).toBe(
      'bot@example.com',
    );
    const later = { ...person('bot2', { api_only: true }), admin_forced_password_reset: undefined };
    const { token } = (await admin.post(`${USERS}/admin`, later)).body;
    const refused = await admin.as(token as string).get('/api/v1/fleet/version');
    expect([refused.status, refused.body.message]).toEqual([401, 'password reset required']);
  });

  it.each<[object, [string, string | RegExp][]]>([
    [
      { global_role: 'observer' },
      [
        ['name', 'Full name missing'],
        ['email', 'Email missing'],
        ['password', 'Password missing'],
      ],
    ],
    [person('x', { name: '' }), [['name', 'Full name cannot be empty']]],
    [person('x', { email: '' }), [['email', 'Email cannot be empty']]],
    [person('x', { email: 'nobody' }), [['email', /e-mail address/]]],
    [person('x', { email: 'Ann <ann@example.com>' }), [['email', /e-mail address/]]],
    [person('x', { password: '' }), [['password', 'Password cannot be empty']]],
    [person('x', { password: 'short-1' }), [['password', WEAK]]],
    [person('x', { password: '1-'.repeat(600) }), [['password', /too long/]]],
    [person('x', { sso_enabled: true }), [['sso_enabled', /no single sign-on/]]],
    [person('x', { mfa_enabled: true }), [['mfa_enabled', /no second step/]]],
    [
      person('x', { global_role: null, teams: [{ id: 9999, role: 'observer' }] }),
      [['teams', /no team 9999/]],
    ],
  ])('tells what is wrong per field, case %#', async (body, problems) => {
    const answer = await admin.post(`${USERS}/admin`, body);
    for (const [name, reason] of problems) expectProblem(answer, 422, name, reason);
    expect(answer.body).toMatchObject({ message: 'Validation Failed', uuid: expect.any(String) });
    expect(answer.body.errors).toHaveLength(problems.length);
  });

  it.each<[object, string]>([
    [{ name: 1 }, 'name'],
    [{ name: 'a\0b' }, 'name'],
    [{ name: 'x'.repeat(256) }, 'name'],
    [{ email: {} }, 'email'],
    [{ email: 'a\0@example.com' }, 'email'],
    [{ password: 12 }, 'password'],
    [{ global_role: 1 }, 'global_role'],
    [{ teams: 'red' }, 'teams'],
    [{ teams: [1] }, 'teams.0'],
    [{ teams: [{ id: '1', role: 'admin' }] }, 'teams.0.id'],
    [{ teams: [{ id: 1.5, role: 'admin' }] }, 'teams.0.id'],
    [{ teams: [{ id: 99999999999, role: 'admin' }] }, 'teams.0.id'],
    [{ teams: [{ id: 1 }] }, 'teams.0.role'],
    [{ api_only: 'yes' }, 'api_only'],
    [{ admin_forced_password_reset: 1 }, 'admin_forced_password_reset'],
  ])('names a field of the wrong type, case %#', async (more, field) => {
    expectProblem(await admin.post(`${USERS}/admin`, person('x', more)), 400, field, /\S/);
  });

  it.each<[object, number]>([
    [{ global_role: null }, 1],
    [{ global_role: null, teams: [] }, 1],
    [{ global_role: 'root' }, 1],
    [{ global_role: 'admin', teams: [{ id: 1, role: 'admin' }] }, 1],
    [{ global_role: null, teams: [{ id: 1, role: 'owner' }] }, 1],
    [{ global_role: 'gitops' }, 4],
    [{ global_role: null, teams: [{ id: 1, role: 'gitops' }] }, 4],
  ])('refuses roles that make no sense: %j → %i', async (more, code) => {
    expectRoleRefused(await admin.post(`${USERS}/admin`, person('x', more)), code);
  });

  it('refuses a second user of one e-mail, whatever the case, and stores nothing', async () => {
    const before = await sql(server, 'SELECT id FROM users');
    const answer = await admin.post(`${USERS}/admin`, person('olga', { email: 'OLGA@example.com' }));
    expectProblem(answer, 409, 'base', 'User "olga@example.com" already exists');
    expect(answer.body.message).toBe('Resource Already Exists');
    expect(await sql(server, 'SELECT id FROM users')).toEqual(before);
  });

  it('is a global admin’s business, and a team admin’s for its team', async () => {
    for (const client of [observer, await addUser(server, 'mia@example.com', 'maintainer')])
      expectForbidden(await client.post(`${USERS}/admin`, person('x')));
    for (const roles of [
      { global_role: 'observer' },
      { global_role: null },
      { global_role: null, teams: [{ id: blue, role: 'observer' }] },
      {
        global_role: null,
        teams: [
          { id: red, role: 'observer' },
          { id: blue, role: 'observer' },
        ],
      },
      { global_role: 'observer', teams: [{ id: red, role: 'observer' }] },
    ])
      expectForbidden(await redAdmin.post(`${USERS}/admin`, person('x', roles)));
    const own = person('ron', { global_role: null, teams: [{ id: red, role: 'observer' }] });
    expect((await redAdmin.post(`${USERS}/admin`, own)).status).toBe(200);
  });
});

describe('lists', () => {
  const emails = ({ body }: Answer): string[] => body.users.map(({ email }: { email: string }) => email);

  it('have everybody for global admins, a team for its admins', async () => {
    const all = await admin.get(USERS);
    expect(emails(all)).toEqual(expect.arrayContaining([server.admin.email, 'rita@example.com']));
    expect(all.body.users.every((user: object) => !('password_hash' in user))).toBe(true);
    const team = emails(await redAdmin.get(`${USERS}?team_id=${red}`));
    expect(team).toEqual(expect.arrayContaining(['rita@example.com', 'tom@example.com', 'ron@example.com']));
    expect(team).toEqual(emails(await admin.get(`${USERS}?team_id=${red}`)));
    expect(team).not.toContain(server.admin.email);
    for (const query of ['', `?team_id=${blue}`, '?team_id=9999'])
      expectForbidden(await redAdmin.get(`${USERS}${query}`));
    expectForbidden(await observer.get(USERS));
    expect(emails(await admin.get(`${USERS}?team_id=9999`))).toEqual([]);
  });

  it('take list options', async () => {
    const sorted = emails(await admin.get(`${USERS}?order_key=email&order_direction=desc`));
    expect(sorted).toEqual([...sorted].sort().reverse());
    expect(
      emails(await admin.get(`${USERS}?order_key=email&order_direction=desc&page=1&per_page=2`)),
    ).toEqual(sorted.slice(2, 4));
    expect(emails(await admin.get(`${USERS}?order_key=email&after=rita@example.com`))).toEqual(
      sorted.filter((email) => email > 'rita@example.com').reverse(),
    );
    expect(emails(await admin.get(`${USERS}?query=RITA`))).toEqual(['rita@example.com']);
    expect(emails(await admin.get(`${USERS}?query=%25`))).toEqual([]);
  });

  it.each([
    ['page=x', 'base'],
    ['per_page=0', 'base'],
    ['order_key=password_hash', 'order_key'],
    ['order_key=id&order_direction=up', 'base'],
    ['order_direction=asc', 'base'],
    ['order_key=id&after=x', 'base'],
    ['team_id=red', 'team_id'],
    ['query=a%00b', 'query'],
  ])('refuse ?%s', async (query, field) => {
    expectProblem(await admin.get(`${USERS}?${query}`), 400, field, /\S/);
  });
});

describe('one user', () => {
  it('is seen by itself, and by admins of it', async () => {
    const { id } = await created(
      person('una', { global_role: null, teams: [{ id: red, role: 'observer' }] }),
    );
    const una = await api(server).login({ email: 'una@example.com', password: PASSWORD });
    for (const client of [una, redAdmin, admin])
      expect((await client.get(`${USERS}/${id}`)).body.user.email).toBe('una@example.com');
    expectForbidden(await observer.get(`${USERS}/${id}`));
    expectForbidden(await una.get(`${USERS}/${await idOf(observer)}`));
    expectForbidden(await redAdmin.get(`${USERS}/${await idOf(observer)}`));
    expectForbidden(await redAdmin.get(`${USERS}/99999`));
    expectProblem(await admin.get(`${USERS}/99999`), 404, 'base', /^User 99999 was not found/);
    expect((await admin.get(`${USERS}/x`)).status).toBe(404);
    expectProblem(await admin.get(`${USERS}/99999999999`), 400, 'id', /\S/);
  });

  it('changes its own name, and e-mail and password with its password', async () => {
    const { id } = await created(person('pia'));
    const pia = await api(server).login({ email: 'pia@example.com', password: PASSWORD });
    const change = (body: object) => pia.patch(`${USERS}/${id}`, body);
    expect((await change({ name: 'Pia P.' })).body.user.name).toBe('Pia P.');
    expectProblem(await change({ email: 'p@example.com' }), 422, 'password', /cannot be empty if email/);
    expectProblem(await change({ new_password: 'another-one-12' }), 422, 'password', /Old password/);
    const wrong = { new_password: 'another-one-12', password: 'wrong-password-1' };
    expectProblem(await change(wrong), 422, 'password', 'incorrect password');
    expectProblem(await change({ new_password: 'short', password: PASSWORD }), 422, 'new_password', WEAK);
    const answer = await change({
      email: 'P@example.com',
      new_password: 'another-one-12',
      password: PASSWORD,
    });
    expect([answer.status, answer.body.user.email]).toEqual([200, 'p@example.com']);
    expect((await signIn('p@example.com')).status).toBe(401);
    expect((await signIn('p@example.com', 'another-one-12')).status).toBe(200);
    expect(await recorded('pia@example.com')).toEqual(
      expect.arrayContaining(['edited_user', 'changed_password']),
    );
  });

  it('gets no other role, and does not become a program, by itself', async () => {
    const id = await idOf(observer);
    for (const body of [
      { global_role: 'admin' },
      { global_role: null, teams: [{ id: red, role: 'admin' }] },
      { api_only: true },
    ])
      expectForbidden(await observer.patch(`${USERS}/${id}`, body));
    // What comes back as it was, changes nothing.
    const { user } = (await observer.get(`${USERS}/${id}`)).body;
    expect((await observer.patch(`${USERS}/${id}`, user)).status).toBe(200);
  });

  it('is changed by an admin, with effect on its next request', async () => {
    const { id, email } = await created(person('eva', { global_role: 'admin' }));
    const eva = await api(server).login({ email, password: PASSWORD });
    expect((await eva.get(USERS)).status).toBe(200);
    expect((await admin.patch(`${USERS}/${id}`, { global_role: 'observer' })).body.user.global_role).toBe(
      'observer',
    );
    expectForbidden(await eva.get(USERS));
    const teams = [{ id: red, role: 'admin' }];
    const moved = await admin.patch(`${USERS}/${id}`, { teams });
    expect(moved.body.user).toMatchObject({ global_role: null, teams });
    expect((await eva.get(`${USERS}?team_id=${red}`)).status).toBe(200);
    await admin.patch(`${USERS}/${id}`, { new_password: 'given-by-admin-1', name: 'Eva E.' });
    expect((await signIn(email, 'given-by-admin-1')).body.user.name).toBe('Eva E.');
    expect(await recorded(email)).toEqual([
      'created_user',
      'changed_user_global_role',
      'changed_user_global_role',
      'deleted_user_global_role',
      'changed_user_team_role',
      'changed_password',
      'edited_user',
    ]);
  });

  it('keeps what a bad change would have changed', async () => {
    const { id, email } = await created(person('ida'));
    const path = `${USERS}/${id}`;
    expectProblem(await admin.patch(path, { name: '' }), 422, 'name', /\S/);
    expectProblem(await admin.patch(path, { email: 'x' }), 422, 'email', /\S/);
    expectProblem(await admin.patch(path, { email: 'olga@example.com' }), 409, 'base', /already exists$/);
    expectProblem(await admin.patch(path, { name: 7 }), 400, 'name', /\S/);
    expectProblem(
      await admin.patch(path, { name: 'x', teams: [{ id: 9999, role: 'admin' }] }),
      422,
      'teams',
      /\S/,
    );
    expectRoleRefused(await admin.patch(path, { name: 'x', teams: [] }), 1);
    expectRoleRefused(await admin.patch(path, { global_role: 'gitops' }), 4);
    expectProblem(await admin.patch(`${USERS}/99999`, { name: 'x' }), 404, 'base', /^User 99999/);
    expect((await admin.get(path)).body.user).toMatchObject({ name: 'ida', email, global_role: 'observer' });
  });

  it('that is gitops stays a program', async () => {
    const { id } = await created(person('git', { global_role: 'gitops', api_only: true }));
    expectRoleRefused(await admin.patch(`${USERS}/${id}`, { api_only: false }), 4);
    const answer = await admin.patch(`${USERS}/${id}`, { api_only: false, global_role: 'maintainer' });
    expect(answer.body.user).toMatchObject({ api_only: false, global_role: 'maintainer' });
  });
});

describe('a team admin', () => {
  it('has users of its own teams in hand, not those who have roles elsewhere too', async () => {
    const both = [
      { id: red, role: 'observer' },
      { id: blue, role: 'admin' },
    ];
    const shared = await created(person('sam', { global_role: null, teams: both }));
    const path = `${USERS}/${shared.id}`;
    for (const body of [{ new_password: 'taken-over-12' }, { email: 'mine@example.com' }, { name: 'Mine' }])
      expectForbidden(await redAdmin.patch(path, body));
    expectForbidden(await redAdmin.delete(path));
    expectForbidden(await redAdmin.post(`${path}/require_password_reset`, { require: true }));
    // Only its own team's roles.
    expectForbidden(await redAdmin.patch(path, { teams: [both[0]] }));
    expectForbidden(await redAdmin.patch(path, { teams: [both[0], { id: blue, role: 'observer' }] }));
    expectForbidden(await redAdmin.patch(path, { global_role: 'observer' }));
    const answer = await redAdmin.patch(path, { teams: [{ id: red, role: 'maintainer' }, both[1]] });
    expect([answer.status, answer.body.user.teams.length]).toEqual([200, 2]);
    const own = await created(person('sue', { global_role: null, teams: [both[0]] }), redAdmin);
    expect((await redAdmin.patch(`${USERS}/${own.id}`, { name: 'Sue S.' })).status).toBe(200);
    expect((await redAdmin.delete(`${USERS}/${own.id}`)).status).toBe(200);
    expectForbidden(await redAdmin.delete(`${USERS}/${await idOf(observer)}`));
  });
});

describe('deleting', () => {
  it('ends the sessions of the user at once', async () => {
    const { id, email } = await created(person('del'));
    const gone = await api(server).login({ email, password: PASSWORD });
    expectForbidden(await gone.delete(`${USERS}/${id}`));
    const answer = await admin.delete(`${USERS}/${id}`);
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect((await gone.get('/api/v1/fleet/me')).status).toBe(401);
    expect((await signIn(email)).status).toBe(401);
    expectProblem(await admin.delete(`${USERS}/${id}`), 404, 'base', /was not found/);
    expect((await recorded(email)).at(-1)).toBe('deleted_user');
  });

  it('spares the last global admin, however it is tried', async () => {
    const id = await idOf(admin);
    expectRoleRefused(await admin.delete(`${USERS}/${id}`), 2);
    expectRoleRefused(await admin.patch(`${USERS}/${id}`, { global_role: 'observer' }), 2);
    const spec = { roles: { [server.admin.email]: { global_role: 'observer' } } };
    expectRoleRefused(await admin.post(`${USERS}/roles/spec`, { spec }), 2);
    expect((await admin.get('/api/v1/fleet/me')).body.user.global_role).toBe('admin');
  });

  it('spares one of two admins who delete each other at the same moment', async () => {
    for (let round = 0; round < 3; round += 1) {
      const { id, email } = await created(person(`twin${round}`, { global_role: 'admin' }));
      const twin = await api(server).login({ email, password: PASSWORD });
      const own = await idOf(admin);
      const demote = { global_role: 'observer' };
      const answers = await Promise.all([
        admin.patch(`${USERS}/${id}`, demote),
        twin.patch(`${USERS}/${own}`, demote),
      ]);
      const [row] = await sql(server, `SELECT count(*)::int AS n FROM users WHERE global_role = 'admin'`);
      expect(row.n).toBe(1);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, expect.any(Number)]);
      if (answers[1].status === 200) await twin.patch(`${USERS}/${own}`, { global_role: 'admin' });
      await admin.delete(`${USERS}/${id}`);
    }
  });
});

describe('roles by e-mail', () => {
  const apply = (roles: unknown, client = admin) => client.post(`${USERS}/roles/spec`, { spec: { roles } });

  it('are set, all or none', async () => {
    const one = await created(person('one'));
    const two = await created(person('two'));
    const answer = await apply({
      'ONE@example.com': { global_role: 'maintainer' },
      [two.email]: { global_role: null, teams: [{ team: 'red', role: 'maintainer' }] },
    });
    expect([answer.status, answer.body]).toEqual([200, {}]);
    const rolesOf = async ({ id }: { id: number }) => {
      const { user } = (await admin.get(`${USERS}/${id}`)).body;
      return [
        user.global_role,
        user.teams.map(({ name, role }: Record<string, string>) => `${name} ${role}`),
      ];
    };
    expect(await rolesOf(one)).toEqual(['maintainer', []]);
    expect(await rolesOf(two)).toEqual([null, ['Red maintainer']]);
    const good = { [one.email]: { global_role: 'observer' } };
    expectProblem(
      await apply({ ...good, 'nobody@example.com': { global_role: 'admin' } }),
      404,
      'base',
      /^User nobody@example\.com/,
    );
    const team = { [two.email]: { teams: [{ team: 'Green', role: 'admin' }] } };
    expectProblem(await apply({ ...good, ...team }), 400, 'spec.roles', /no team "Green"/);
    expectRoleRefused(await apply({ ...good, [two.email]: { global_role: 'gitops' } }), 4);
    expectRoleRefused(await apply({ ...good, [two.email]: {} }), 1);
    expect(await rolesOf(one)).toEqual(['maintainer', []]);
    expect((await apply({})).status).toBe(200);
  });

  it('can be tried without a change', async () => {
    const three = await created(person('three'));
    const trying = (roles: unknown) => admin.post(`${USERS}/roles/spec?dry_run=true`, { spec: { roles } });
    const standing = async () => [
      (await admin.get(`${USERS}/${three.id}`)).body.user,
      await sql(server, 'SELECT count(*) FROM audit'),
    ];
    const before = await standing();
    const tried = await trying({ [three.email]: { global_role: 'admin' } });
    expect([tried.status, tried.body]).toEqual([200, {}]);
    expectRoleRefused(await trying({ [three.email]: {} }), 1);
    expect(await standing()).toEqual(before);
    expectProblem(
      await admin.post(`${USERS}/roles/spec?dry_run=1`, { spec: { roles: {} } }),
      400,
      'dry_run',
      /\S/,
    );
  });

  it('have one shape', async () => {
    const spec = (body: unknown) => admin.post(`${USERS}/roles/spec`, body);
    expectProblem(await spec(undefined), 400, 'base', 'Expected JSON Body');
    expectProblem(await spec({}), 400, 'spec', /\S/);
    expectProblem(await spec({ spec: {} }), 400, 'spec.roles', /\S/);
    expectProblem(await apply([]), 400, 'spec.roles', /\S/);
    expectProblem(await apply({ 'a@b.c': 'admin' }), 400, 'spec.roles.a@b.c', /\S/);
    expectProblem(await apply({ 'a@b.c': { global_role: 1 } }), 400, 'spec.roles.a@b.c.global_role', /\S/);
    expectProblem(await apply({ 'a@b.c': { teams: [{}] } }), 400, 'spec.roles.a@b.c.teams.0.team', /\S/);
  });

  it('are for global admins', async () => {
    for (const client of [observer, redAdmin]) expectForbidden(await apply({}, client));
  });
});

describe('sessions of a user', () => {
  it('are listed and ended by itself and by admins', async () => {
    const { id, email } = await created(person('ses'));
    const clients = await Promise.all([1, 2].map(() => api(server).login({ email, password: PASSWORD })));
    const { body } = await clients[0]!.get(`${USERS}/${id}/sessions`);
    const session = { session_id: expect.any(Number), user_id: id, created_at: expect.stringMatching(/Z$/) };
    expect(body).toEqual({ sessions: [session, session] });
    expect((await admin.get(`${USERS}/${id}/sessions`)).body).toEqual(body);
    for (const method of ['GET', 'DELETE'])
      for (const client of [observer, redAdmin])
        expectForbidden(await client.request(method, `${USERS}/${id}/sessions`));
    const ended = await admin.delete(`${USERS}/${id}/sessions`);
    expect([ended.status, ended.body]).toEqual([200, {}]);
    for (const client of clients) expect((await client.get('/api/v1/fleet/me')).status).toBe(401);
    expect((await admin.get(`${USERS}/99999/sessions`)).body).toEqual({ sessions: [] });
    expect((await admin.delete(`${USERS}/99999/sessions`)).body).toEqual({});
  });
});

describe('passwords', () => {
  const change = (client: Api, body: object) => client.post('/api/v1/fleet/change_password', body);

  it('are changed by who knows the old one; open sessions stay', async () => {
    const { email } = await created(person('pam'));
    const pam = await api(server).login({ email, password: PASSWORD });
    const next = 'the-next-one-12';
    const none = await change(pam, {});
    expectProblem(none, 422, 'old_password', 'Old password cannot be empty');
    expectProblem(none, 422, 'new_password', 'New password cannot be empty');
    expectProblem(
      await change(pam, { old_password: PASSWORD, new_password: 'weak' }),
      422,
      'new_password',
      WEAK,
    );
    expectProblem(
      await change(pam, { old_password: 'not-the-one-12', new_password: next }),
      422,
      'old_password',
      'old password does not match',
    );
    expectProblem(
      await change(pam, { old_password: PASSWORD, new_password: PASSWORD }),
      422,
      'new_password',
      'Cannot reuse old password',
    );
    expectProblem(await change(pam, { old_password: 1, new_password: next }), 400, 'old_password', /\S/);
    const answer = await change(pam, { old_password: PASSWORD, new_password: next });
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect((await signIn(email)).status).toBe(401);
    expect((await signIn(email, next)).status).toBe(200);
    expect((await pam.get('/api/v1/fleet/me')).status).toBe(200);
    const text = await databaseText(server);
    expect(text.includes(next) || server.log().includes(next)).toBe(false);
  });

  it('are not guessed with an open session', async () => {
    const { email } = await created(person('gus'));
    const gus = await api(server).login({ email, password: PASSWORD });
    const guess = () => change(gus, { old_password: 'guess-guess-12', new_password: 'the-next-one-12' });
    for (let failure = 0; failure < 10; failure += 1) expect((await guess()).status).toBe(422);
    const answer = await guess();
    expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true]);
  });

  it('have to be chosen anew when an admin says so, before anything else', async () => {
    const { id, email } = await created(person('rex'));
    const before = await api(server).login({ email, password: PASSWORD });
    const require = (body: unknown, client = admin) =>
      client.post(`${USERS}/${id}/require_password_reset`, body);
    expectForbidden(await require({ require: true }, observer));
    expectProblem(await require({}), 400, 'require', /boolean/);
    expectProblem(await require({ require: 'true' }), 400, 'require', /boolean/);
    expectProblem(
      await admin.post(`${USERS}/99999/require_password_reset`, { require: true }),
      404,
      'base',
      /\S/,
    );
    expect((await require({ require: true })).body.user.force_password_reset).toBe(true);
    expect((await before.get('/api/v1/fleet/me')).status).toBe(401);
    const rex = await api(server).login({ email, password: PASSWORD });
    for (const path of ['/api/v1/fleet/version', '/api/v1/fleet/config', `${USERS}/${id}`, '/api/v1/tokens'])
      expect((await rex.get(path)).body.message).toBe('password reset required');
    expect((await rex.get('/api/v1/fleet/me')).body.user.force_password_reset).toBe(true);
    const perform = (new_password?: unknown) =>
      rex.post('/api/v1/fleet/perform_required_password_reset', { new_password });
    expectProblem(await perform(), 422, 'new_password', 'New password cannot be empty');
    expectProblem(await perform('weak'), 422, 'new_password', WEAK);
    expectProblem(await perform(PASSWORD), 422, 'new_password', 'Cannot reuse old password');
    expectProblem(await perform(12), 400, 'new_password', /\S/);
    const done = await perform('chosen-anew-12');
    expect([done.status, done.body.user.force_password_reset]).toEqual([200, false]);
    expect((await rex.get('/api/v1/fleet/version')).status).toBe(200);
    expectProblem(await perform('and-again-1234'), 422, 'base', /does not require/);
    await require({ require: true });
    expect((await require({ require: false })).body.user.force_password_reset).toBe(false);
  });

  it('that have to be chosen can be changed with the old one, too; and logout works', async () => {
    const { email } = await created(person('new', { admin_forced_password_reset: true }));
    const [first, second] = [await signIn(email), await signIn(email)].map(({ body }) =>
      admin.as(body.token),
    );
    expect((await first!.post('/api/v1/fleet/logout')).status).toBe(200);
    const body = { old_password: PASSWORD, new_password: 'chosen-anew-12' };
    expect((await change(second!, body)).status).toBe(200);
    expect((await second!.get('/api/v1/fleet/version')).status).toBe(200);
  });
});
