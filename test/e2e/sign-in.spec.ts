import { createHash } from 'node:crypto';
import { verify } from '@node-rs/argon2';
import { api, startServer, type Api, type Credentials, type ServerFixture } from '#libs/testing/index';
import { addUser, databaseText, expectProblem, raw, sql } from './support.js';

const SESSION_SECONDS = 100;

let server: ServerFixture;
let admin: Api;
const observer: Credentials = { email: 'olga@example.com', password: '' };

beforeAll(async () => {
  server = await startServer({
    env: { MUSTER_SESSION_SECONDS: String(SESSION_SECONDS), MUSTER_LOG_LEVEL: 'debug' },
  });
  admin = await api(server).login();
  observer.password = server.admin.password;
  await addUser(server, observer.email, 'observer');
});

const login = (email: string, password: string) =>
  api({ url: server.url }).post('/api/v1/fleet/login', { email, password });

async function sessionOf(client: Api): Promise<{ id: number; accessed_at: Date }> {
  const hash = createHash('sha256').update(client.bearer).digest();
  const [row] = await sql(server, 'SELECT id, accessed_at FROM sessions WHERE token_hash = $1', [hash]);
  return row as { id: number; accessed_at: Date };
}

/** As if these seconds had gone by since the last use. */
const letTimePass = (id: number, seconds: number) =>
  sql(server, 'UPDATE sessions SET accessed_at = accessed_at - make_interval(secs => $2) WHERE id = $1', [
    id,
    seconds,
  ]);

describe('login', () => {
  it('answers user, teams and a token, whatever the case of the e-mail', async () => {
    const { status, body } = await login(server.admin.email.toUpperCase(), server.admin.password);
    expect(status).toBe(200);
    expect(body).toEqual({
      user: {
        created_at: expect.stringMatching(/^\d{4}-.*Z$/),
        updated_at: expect.stringMatching(/^\d{4}-.*Z$/),
        id: expect.any(Number),
        name: expect.any(String),
        email: server.admin.email,
        force_password_reset: false,
        gravatar_url: expect.stringMatching(/^https:/),
        sso_enabled: false,
        mfa_enabled: false,
        global_role: 'admin',
        api_only: false,
        teams: [],
      },
      available_teams: [],
      token: expect.stringMatching(/^[A-Za-z0-9+/]{86}==$/),
    });
  });

  it('says the same for a wrong password and an unknown account', async () => {
    const answers = [
      await login(server.admin.email, 'wrong-password-1'),
      await login('nobody@example.com', server.admin.password),
    ];
    const [wrong, unknown] = answers.map(({ status, body, headers }) => {
      expect(body.uuid).toMatch(/^[0-9a-f-]{36}$/);
      return { status, type: headers.get('content-type'), body: { ...body, uuid: '' } };
    });
    expect(wrong).toEqual(unknown);
    expect(wrong).toMatchObject({
      status: 401,
      body: {
        message: 'Authentication failed',
        errors: [{ name: 'base', reason: 'Authentication failed' }],
      },
    });
  });

  it.each<[object, string]>([
    [{ password: 'x' }, 'email'],
    [{ email: 'a@b.c' }, 'password'],
    [{ email: 1, password: 'x' }, 'email'],
    [{ email: 'a@b.c', password: ['x'] }, 'password'],
    [{ email: '', password: 'x' }, 'email'],
    [{ email: `${'x'.repeat(300)}@b.c`, password: 'x' }, 'email'],
    [{ email: 'a@b.c', password: 'x', supports_email_verification: 'yes' }, 'supports_email_verification'],
  ])('names the field that is wrong: %j', async (body, field) => {
    expectProblem(await api(server).post('/api/v1/fleet/login', body), 400, field, /\S/);
  });

  it('does not fall over text that the database cannot hold', async () => {
    for (const [email, password] of [
      ['a\0b@example.com', 'x'],
      ['a@example.com', 'x\0'],
      ['\ud800@example.com', '\udfff'],
    ] as const) {
      const { status } = await login(email, password);
      expect({ email, password, refused: [400, 401].includes(status) }).toMatchObject({ refused: true });
    }
  });
});

describe('a token', () => {
  it('is accepted as Bearer, Api-Key and apikey', async () => {
    const token = admin.bearer;
    for (const headers of [
      { authorization: `Bearer ${token}` },
      { authorization: `bEARER ${token}` },
      { 'api-key': token },
      { apikey: token },
    ] as Record<string, string>[]) {
      const answer = await raw(server, 'GET', '/api/v1/fleet/me', { headers });
      expect({ headers, status: answer.status }).toEqual({ headers, status: 200 });
    }
  });

  it.each<[string, Record<string, string>, string]>([
    ['no header', {}, 'Authorization header required'],
    ['another scheme', { authorization: 'Basic YTpi' }, 'Authorization header required'],
    ['three parts', { authorization: 'Bearer a b' }, 'Authorization header required'],
    ['nothing behind Bearer', { authorization: 'Bearer' }, 'Authorization header required'],
    ['an empty key', { 'api-key': '' }, 'Authorization header required'],
    ['an unknown token', { authorization: 'Bearer abc' }, 'Authentication required'],
    ['an unknown key', { 'api-key': 'abc' }, 'Authentication required'],
  ])('answers 401 to %s', async (_, headers, message) => {
    const answer = await raw(server, 'GET', '/api/v1/fleet/me', { headers });
    expect(answer.status).toBe(401);
    expect(answer.body).toEqual({
      message,
      errors: [{ name: 'base', reason: message }],
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('is worth the same under every version prefix', async () => {
    for (const version of ['v1', 'latest', '2022-04']) {
      const { status, body } = await admin.get(`/api/${version}/fleet/me`);
      expect({ version, status, email: body.user?.email }).toEqual({
        version,
        status: 200,
        email: server.admin.email,
      });
    }
    expect((await admin.get('/api/v2/fleet/me')).status).toBe(404);
    expect((await admin.get('/api/latest/executions')).status).toBe(404);
  });

  it('is worthless after logout, and only that one', async () => {
    const other = await api(server).login();
    const answer = await other.post('/api/v1/fleet/logout');
    expect([answer.status, answer.body]).toEqual([200, {}]);
    expect((await other.get('/api/v1/fleet/me')).status).toBe(401);
    expect((await other.post('/api/v1/fleet/logout')).body.message).toBe('Authentication required');
    expect((await admin.get('/api/v1/fleet/me')).status).toBe(200);
  });

  it('slides: each use starts the time anew', async () => {
    const client = await api(server).login();
    const { id } = await sessionOf(client);
    await letTimePass(id, SESSION_SECONDS - 10);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
    await letTimePass(id, SESSION_SECONDS - 10);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
  });

  it('slides also when it is used more often than once a minute', async () => {
    const client = await api(server).login();
    const { id } = await sessionOf(client);
    for (let use = 0; use < 3; use += 1) {
      await letTimePass(id, SESSION_SECONDS / 2);
      expect({ use, status: (await client.get('/api/v1/fleet/me')).status }).toEqual({ use, status: 200 });
    }
  });

  it('expires without use, and its session is removed', async () => {
    const client = await api(server).login();
    const { id } = await sessionOf(client);
    await letTimePass(id, SESSION_SECONDS + 1);
    const answer = await client.get('/api/v1/fleet/me');
    expect([answer.status, answer.body.message]).toEqual([401, 'Authentication required']);
    expect(await sql(server, 'SELECT 1 FROM sessions WHERE id = $1', [id])).toEqual([]);
  });
});

describe('sessions', () => {
  it('shows and deletes one’s own', async () => {
    const client = await api(server).login(observer);
    const { id } = await sessionOf(client);
    const { status, body } = await client.get(`/api/v1/fleet/sessions/${id}`);
    const me = await client.get('/api/v1/fleet/me');
    expect([status, body]).toEqual([
      200,
      {
        session_id: id,
        user_id: me.body.user.id,
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      },
    ]);
    const gone = await client.delete(`/api/v1/fleet/sessions/${id}`);
    expect([gone.status, gone.body]).toEqual([200, {}]);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(401);
    expectProblem(
      await admin.get(`/api/v1/fleet/sessions/${id}`),
      404,
      'base',
      `Session ${id} was not found in the datastore`,
    );
  });

  it('of others are the admin’s business only', async () => {
    const client = await api(server).login(observer);
    const [own, foreign] = [await sessionOf(client), await sessionOf(admin)];
    for (const method of ['GET', 'DELETE']) {
      const answer = await client.request(method, `/api/v1/fleet/sessions/${foreign.id}`);
      expect([answer.status, answer.body.message]).toEqual([403, 'forbidden']);
    }
    expect((await admin.get(`/api/v1/fleet/sessions/${own.id}`)).body.session_id).toBe(own.id);
    expect((await admin.delete(`/api/v1/fleet/sessions/${own.id}`)).status).toBe(200);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(401);
  });

  it('answers 404 to what does not exist, 400 to what cannot', async () => {
    for (const method of ['GET', 'DELETE']) {
      const unknown = await admin.request(method, '/api/v1/fleet/sessions/2147483647');
      expectProblem(unknown, 404, 'base', 'Session 2147483647 was not found in the datastore');
      for (const id of ['abc', '1.5', '-1', '0x1', '%20', '1%00'])
        expect({ id, ...(await admin.request(method, `/api/v1/fleet/sessions/${id}`)) }).toMatchObject({
          id,
          status: 404,
          body: { errors: [{ name: 'base' }] },
        });
      for (const id of ['2147483648', '99999999999999999999'])
        expectProblem(await admin.request(method, `/api/v1/fleet/sessions/${id}`), 400, 'id', /\S/);
    }
  });

  it('that have just expired are removed, and answered with 401', async () => {
    const { id } = await sessionOf(await api(server).login(observer));
    await letTimePass(id, SESSION_SECONDS + 1);
    expect((await admin.get(`/api/v1/fleet/sessions/${id}`)).status).toBe(401);
    expect((await admin.get(`/api/v1/fleet/sessions/${id}`)).status).toBe(404);
  });
});

describe('version and config', () => {
  it('says the version to everybody at /version, to callers under the API', async () => {
    const { body } = await api(server).get('/version');
    expect(Object.keys(body as object).sort()).toEqual(
      ['branch', 'build_date', 'build_user', 'go_version', 'revision', 'version'].sort(),
    );
    expect(body.version).toMatch(/^\d+\.\d+\.\d+/);
    expect((await admin.get('/api/v1/fleet/version')).body).toEqual(body);
    expect((await api({ url: server.url }).get('/api/v1/fleet/version')).status).toBe(401);
  });

  it('has the settings that clients read before every command', async () => {
    const { status, body } = await (await api(server).login(observer)).get('/api/v1/fleet/config');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      org_info: { org_name: expect.any(String) },
      server_settings: { server_url: server.url, scripts_disabled: false, live_query_disabled: false },
      license: { tier: 'premium' },
      mdm: { apple_bm_terms_expired: false },
      webhook_settings: { interval: '24h0m0s' },
    });
  });
});

describe('secrets', () => {
  it('are kept as hashes only, and never logged', async () => {
    const client = await api(server).login();
    const text = await databaseText(server);
    const { password } = server.admin;
    for (const secret of [client.bearer, admin.bearer, password])
      for (const form of [secret, Buffer.from(secret).toString('hex'), encodeURIComponent(secret)]) {
        expect(text.includes(form)).toBe(false);
        expect(server.log().includes(form)).toBe(false);
      }
    expect(text).toContain(createHash('sha256').update(client.bearer).digest('hex'));
    const [user] = await sql(server, 'SELECT password_hash AS hash FROM users WHERE email = $1', [
      server.admin.email,
    ]);
    expect(user.hash).toMatch(/^\$argon2id\$v=19\$/);
    expect(await verify(user.hash as string, password)).toBe(true);
  });
});

/** Last: these leave this address with too many failures behind it. */
describe('the login limit', () => {
  it('makes an account wait after ten failures, known or not, even with the right password', async () => {
    for (const email of [observer.email, 'stranger@example.com']) {
      for (let failure = 0; failure < 10; failure += 1)
        expect((await login(email, 'wrong-password-1')).status).toBe(401);
      const { status, headers, body } = await login(email, observer.password);
      expect(status).toBe(429);
      const seconds = Number(headers.get('retry-after'));
      expect(seconds).toBeGreaterThan(0);
      expect(seconds).toBeLessThanOrEqual(60);
      const message = `limit exceeded, retry after: ${seconds}s`;
      expect(body).toEqual({ message, errors: [{ name: 'base', reason: message }] });
    }
    expect((await login(server.admin.email, server.admin.password)).status).toBe(200);
  });

  it('counts failures that come all at once, too', async () => {
    const tries = Array.from({ length: 24 }, () => login('crowd@example.com', 'wrong-password-1'));
    const statuses = (await Promise.all(tries)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(10);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(14);
  });

  it('makes an address wait that tries many accounts', async () => {
    let failures = 0;
    while (failures <= 60 && (await login(`guess${failures}@example.com`, 'x')).status === 401) failures += 1;
    expect(failures).toBeLessThanOrEqual(50);
    expect((await login(server.admin.email, server.admin.password)).status).toBe(429);
    expect((await admin.get('/api/v1/fleet/me')).status).toBe(200);
  });
});
