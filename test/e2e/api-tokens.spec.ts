import { api, startServer, type Answer, type Api, type ServerFixture } from '#libs/testing/index';
import { addUser, databaseText, expectProblem, sql } from './support.js';

const TOKENS = '/api/v1/tokens';
const ME = '/api/v1/fleet/me';
const USERS = '/api/v1/fleet/users';

let server: ServerFixture;
let admin: Api;
let observer: Api;
let count = 0;

async function created(client: Api, more: object = {}): Promise<{ id: number; token: string; using: Api }> {
  count += 1;
  const answer = await client.post(TOKENS, { name: `token ${count}`, ...more });
  if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  const { id, token } = answer.body;
  return { id, token, using: client.as(token as string) };
}

const idOf = async (client: Api): Promise<number> => (await client.get(ME)).body.user.id;
const namesIn = ({ body }: Answer): string[] => body.tokens.map(({ name }: { name: string }) => name);

function expectForbidden(answer: Answer): void {
  expect([answer.status, answer.body.message]).toEqual([403, 'forbidden']);
}

beforeAll(async () => {
  server = await startServer();
  admin = await api(server).login();
  observer = await addUser(server, 'olga@example.com', 'observer');
});

describe('an API token', () => {
  it('is shown once, and stands for its owner', async () => {
    const answer = await admin.post(TOKENS, { name: 'deploy' });
    const { token, ...rest } = answer.body;
    expect([answer.status, rest]).toEqual([
      200,
      {
        id: expect.any(Number),
        user_id: await idOf(admin),
        name: 'deploy',
        rights: null,
        scope: null,
        expires_at: null,
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
        used_at: null,
      },
    ]);
    expect(token).toMatch(/^muster_[\w-]{64}$/);
    const using = admin.as(token as string);
    expect((await using.get(ME)).body.user.email).toBe(server.admin.email);
    expect((await using.get(USERS)).status).toBe(200);
    const listed = (await admin.get(TOKENS)).body.tokens;
    expect(listed).toEqual([{ ...rest, used_at: expect.stringMatching(/Z$/) }]);
    const text = await databaseText(server);
    expect(text.includes(token as string) || server.log().includes(token as string)).toBe(false);
  });

  it('outlives logout', async () => {
    const { using } = await created(admin);
    expect((await using.post('/api/v1/fleet/logout')).status).toBe(200);
    expect((await using.get(ME)).status).toBe(200);
  });

  it('may do what it says, and no more', async () => {
    const { using } = await created(admin, { rights: ['team:read', 'user:manage'] });
    expect((await using.get('/api/v1/fleet/teams')).status).toBe(200);
    expect((await using.get(USERS)).status).toBe(200);
    expectForbidden(await using.post('/api/v1/fleet/teams', { name: 'x' }));
    expectForbidden(await using.get('/api/v1/fleet/hosts'));
    expectForbidden(await using.post(`${USERS}/roles/spec`, { spec: { roles: {} } }));
    const nothing = await created(admin, { rights: [] });
    expect((await nothing.using.get(ME)).status).toBe(200);
    expectForbidden(await nothing.using.get('/api/v1/fleet/config'));
  });

  it('may never do more than its owner, from the next request on', async () => {
    const client = await addUser(server, 'eva@example.com', 'admin');
    const id = await idOf(client);
    const { using } = await created(client, { rights: ['user:manage', 'team:read'] });
    expect((await using.get(USERS)).status).toBe(200);
    await admin.patch(`${USERS}/${id}`, { global_role: 'observer' });
    expectForbidden(await using.get(USERS));
    expect((await using.get('/api/v1/fleet/teams')).status).toBe(200);
    await admin.delete(`${USERS}/${id}`);
    expect((await using.get(ME)).status).toBe(401);
  });

  it('waits while its owner has to choose a password, and does not choose it', async () => {
    const client = await addUser(server, 'rex@example.com', 'observer');
    const { using } = await created(client, { rights: ['team:read'] });
    await admin.post(`${USERS}/${await idOf(client)}/require_password_reset`, { require: true });
    expect((await using.get('/api/v1/fleet/teams')).body.message).toBe('password reset required');
    const body = { new_password: 'chosen-by-token-1' };
    expectForbidden(await using.post('/api/v1/fleet/perform_required_password_reset', body));
  });

  it('ends when it expires', async () => {
    const { id, using } = await created(admin, { expires_in: 3600 });
    expect((await using.get(ME)).status).toBe(200);
    await sql(server, 'UPDATE api_tokens SET expires_at = now() WHERE id = $1', [id]);
    const answer = await using.get(ME);
    expect([answer.status, answer.body.message]).toEqual([401, 'Authentication required']);
  });

  it('ends when it is deleted', async () => {
    const { id, using } = await created(observer);
    const answer = await observer.delete(`${TOKENS}/${id}`);
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect((await using.get(ME)).status).toBe(401);
    expectProblem(await observer.delete(`${TOKENS}/${id}`), 404, 'base', /^ApiToken \d+ was not found/);
  });
});

describe('creating', () => {
  it('takes an expiry as seconds or as a time', async () => {
    const at = await admin.post(TOKENS, { name: 'at', expires_at: '2099-01-01T01:00:00+01:00' });
    expect(at.body.expires_at).toBe('2099-01-01T00:00:00.000Z');
    const { body } = await admin.post(TOKENS, { name: 'in', expires_in: 60 });
    expect(Date.parse(body.expires_at as string) - Date.parse(body.created_at as string)).toBeCloseTo(
      60_000,
      -3,
    );
  });

  it.each<[object, number, string, string | RegExp]>([
    [{}, 400, 'name', /string/],
    [{ name: 1 }, 400, 'name', /string/],
    [{ name: 'x'.repeat(256) }, 400, 'name', /255/],
    [{ name: 'a\0' }, 400, 'name', /NUL/],
    [{ name: ' ' }, 422, 'name', /empty/],
    [{ name: 'x', expires_in: 0 }, 400, 'expires_in', /at least 1/],
    [{ name: 'x', expires_in: '60' }, 400, 'expires_in', /integer/],
    [{ name: 'x', expires_in: 1e12 }, 400, 'expires_in', /at most/],
    [{ name: 'x', expires_at: 'tomorrow' }, 400, 'expires_at', /ISO 8601/],
    [{ name: 'x', expires_at: 4_000_000_000 }, 400, 'expires_at', /ISO 8601/],
    [{ name: 'x', expires_at: '2001-01-01T00:00:00Z' }, 422, 'expires_at', /future/],
    [{ name: 'x', expires_in: 60, expires_at: '2099-01-01T00:00:00Z' }, 422, 'expires_at', /either/],
    [{ name: 'x', rights: 'script:read' }, 400, 'rights', /array/],
    [{ name: 'x', rights: [1] }, 400, 'rights', /array/],
    [
      { name: 'x', rights: ['script:read', 'fly'] },
      422,
      'rights',
      /no right fly; rights are .*script:execute/,
    ],
  ])('refuses what is not one, case %#', async (body, status, name, reason) => {
    expectProblem(await admin.post(TOKENS, body), status, name, reason);
  });

  it('wants names that differ, per user', async () => {
    expect((await admin.post(TOKENS, { name: 'twice' })).status).toBe(200);
    expectProblem(
      await admin.post(TOKENS, { name: 'twice' }),
      409,
      'name',
      'API token "twice" already exists',
    );
    expect((await observer.post(TOKENS, { name: 'twice' })).status).toBe(200);
  });

  it('gives no right that the caller does not have', async () => {
    const answer = await observer.post(TOKENS, { name: 'x', rights: ['script:read', 'script:execute'] });
    expectProblem(answer, 403, 'rights', /you may not script:execute$/);
  });

  it('by a limited token gives nothing that this token does not have, and nothing that outlives it', async () => {
    const { using } = await created(admin, { rights: ['script:read', 'team:read'], expires_in: 3600 });
    expectProblem(
      await using.post(TOKENS, { name: 'x', rights: ['user:manage'] }),
      403,
      'rights',
      /user:manage/,
    );
    expectProblem(await using.post(TOKENS, { name: 'x', expires_in: 7200 }), 422, 'expires_in', /outlives/);
    const { body } = await using.post(TOKENS, { name: 'child' });
    expect(body.rights.sort()).toEqual(['script:read', 'team:read']);
    expect(Date.parse(body.expires_at as string)).toBeLessThanOrEqual(Date.now() + 3_600_000);
    const fewer = await using.post(TOKENS, { name: 'grandchild', rights: ['team:read'], expires_in: 60 });
    expect(fewer.body.rights).toEqual(['team:read']);
  });
});

describe('tokens of others', () => {
  it('are the admins’ business only', async () => {
    const { id } = await created(observer);
    const own = namesIn(await observer.get(TOKENS));
    const userId = await idOf(observer);
    expect(namesIn(await admin.get(`${TOKENS}?user_id=${userId}`))).toEqual(own);
    expect(namesIn(await observer.get(`${TOKENS}?user_id=${userId}`))).toEqual(own);
    expectForbidden(await observer.get(`${TOKENS}?user_id=${await idOf(admin)}`));
    const foreign = await created(admin);
    expectForbidden(await observer.delete(`${TOKENS}/${foreign.id}`));
    expect((await admin.delete(`${TOKENS}/${id}`)).status).toBe(200);
    expectProblem(await admin.get(`${TOKENS}?user_id=x`), 400, 'user_id', /number/);
    expect((await admin.delete(`${TOKENS}/x`)).status).toBe(404);
    expect((await api({ url: server.url }).get(TOKENS)).status).toBe(401);
  });

  it('are recorded as they come and go, without what they are', async () => {
    const { id, token } = await created(admin, { rights: ['script:read'] });
    await admin.delete(`${TOKENS}/${id}`);
    const rows = await sql(
      server,
      `SELECT act, details FROM audit WHERE (details->>'token_id')::int = $1 ORDER BY id`,
      [id],
    );
    expect(rows.map(({ act }) => act)).toEqual(['created_api_token', 'deleted_api_token']);
    expect(rows[0].details).toMatchObject({ rights: ['script:read'] });
    expect(JSON.stringify(rows).includes(token)).toBe(false);
  });
});
