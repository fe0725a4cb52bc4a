import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { expectProblem, raw, sql } from './support.js';

const ADMIN = { name: 'Ada', email: 'Ada@Example.com', password: 'correct-horse-1' };
const GOOD = { admin: ADMIN, org_info: { org_name: 'Acme' }, server_url: 'https://muster.example.com' };
const WEAK =
  'Password does not meet required criteria: Must include 12 characters, at least 1 number (e.g. 0 - 9), and at least 1 symbol (e.g. &*#).';

let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer({ env: { MUSTER_ADMIN_EMAIL: '', MUSTER_ADMIN_PASSWORD: '' } });
  client = api({ url: server.url });
});

/** In order: nobody yet, attempts that fail, then the first admin. */
describe('while no user exists', () => {
  it('answers 404 at every API path but setup and the enrolment of agents', async () => {
    const { body: document } = await client.get('/openapi.json');
    const routes = Object.entries(document.paths as Record<string, object>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
    );
    const closed = routes.filter(
      ({ path }) => path.startsWith('/api/') && !/\/(setup|agents\/enroll)$/.test(path),
    );
    expect(closed.length).toBeGreaterThan(10);
    for (const { method, path } of closed) {
      const concrete = path.replace(/\{[^}]*\}/g, '1');
      for (const headers of [{}, { authorization: 'Bearer x' }] as Record<string, string>[]) {
        const answer = await raw(server, method, concrete, { headers });
        expect({ method, concrete, status: answer.status }).toEqual({ method, concrete, status: 404 });
        // In the envelope of its dialect: Fleet's, RipEX2's, osapi's, hoop's.
        const { errors, error, message } = answer.body;
        expect(errors?.[0]?.reason ?? error?.message ?? error ?? message).toMatch(/\S/);
      }
    }
    expect((await client.get('/api/latest/fleet/me')).status).toBe(404);
    expect((await client.get('/api/v1/nothing')).status).toBe(404);
  });

  it('is open where it has to be', async () => {
    for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/docs', '/version'])
      expect({ path, status: (await client.get(path)).status }).toEqual({ path, status: 200 });
    const enrolment = await client.post('/api/v1/agents/enroll', { enroll_secret: 'x' });
    expect(enrolment.status).toBe(400);
  });

  it.each<[string, object, number, string, RegExp | string]>([
    ['no admin', { server_url: GOOD.server_url }, 400, 'admin', /object with name, email and password/],
    ['an admin that is text', { ...GOOD, admin: 'Ada' }, 400, 'admin', /object/],
    ['no name', { ...GOOD, admin: { ...ADMIN, name: undefined } }, 400, 'admin.name', /string/],
    ['no e-mail', { ...GOOD, admin: { ...ADMIN, email: undefined } }, 400, 'admin.email', /e-mail|string/],
    ['no password', { ...GOOD, admin: { ...ADMIN, password: undefined } }, 400, 'admin.password', /string/],
    ['a short password', { ...GOOD, admin: { ...ADMIN, password: 'short-1' } }, 422, 'password', WEAK],
    ['no digit', { ...GOOD, admin: { ...ADMIN, password: 'no-digit-at-all' } }, 422, 'password', WEAK],
    ['no symbol', { ...GOOD, admin: { ...ADMIN, password: 'n0symbolatall1' } }, 422, 'password', WEAK],
    [
      'an endless password',
      { ...GOOD, admin: { ...ADMIN, password: '1-'.repeat(4999) } },
      422,
      'password',
      /long/,
    ],
    ['no server_url', { ...GOOD, server_url: undefined }, 422, 'server_url', /http/],
    ['another scheme', { ...GOOD, server_url: 'ftp://x' }, 422, 'server_url', /http/],
    ['no host', { ...GOOD, server_url: 'https://' }, 422, 'server_url', /http/],
    ['a server_url that is a number', { ...GOOD, server_url: 1 }, 400, 'server_url', /string/],
    ['org_info of text', { ...GOOD, org_info: 'x' }, 400, 'org_info', /object/],
  ])('setup refuses %s', async (_, body, status, name, reason) => {
    expectProblem(await client.post('/api/v1/setup', body), status, name, reason);
  });

  it('setup refuses what is no e-mail address, as the API document says: 422', async () => {
    const answer = await client.post('/api/v1/setup', { ...GOOD, admin: { ...ADMIN, email: 'nobody' } });
    expect(answer.body.errors[0].name).toMatch(/email$/);
    expect(answer.status).toBe(422);
  });

  it('setup refuses a body that is not JSON, or is none', async () => {
    expectProblem(await client.post('/api/v1/setup', '{'), 400, 'base', /^json decoder error/);
    expectProblem(await client.post('/api/v1/setup'), 400, 'base', 'Expected JSON Body');
    expectProblem(await client.post('/api/v1/setup', []), 400, 'base', /^json decoder error/);
  });

  it('no failed attempt left anything behind', async () => {
    expect(await sql(server, 'SELECT 1 FROM users')).toEqual([]);
    expect(await sql(server, 'SELECT 1 FROM organization')).toEqual([]);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(404);
  });
});

describe('setup', () => {
  it('makes one admin, whoever comes first, and signs in', async () => {
    const answers = await Promise.all([
      client.post('/api/v1/setup', GOOD),
      client.post('/api/setup', { ...GOOD, admin: { ...ADMIN, email: 'eve@example.com' } }),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 404]);
    const { body } = answers.find(({ status }) => status === 200)!;
    expect(body).toEqual({
      admin: expect.objectContaining({
        id: expect.any(Number),
        name: 'Ada',
        global_role: 'admin',
        teams: [],
      }),
      org_info: {
        org_name: 'Acme',
        org_logo_url: '',
        org_logo_url_light_background: '',
        contact_url: '',
      },
      server_url: GOOD.server_url,
      osquery_enroll_secret: null,
      token: expect.stringMatching(/^[A-Za-z0-9+/]{86}==$/),
    });
    expect(body.admin.email).toMatch(/^(ada|eve)@example\.com$/);
    const me = await client.as(body.token as string).get('/api/v1/fleet/me');
    expect(me.body.user.id).toBe(body.admin.id);
    expect(await sql(server, 'SELECT id FROM users')).toEqual([{ id: body.admin.id }]);
  });

  it('is gone afterwards, also after a restart', async () => {
    for (const path of ['/api/v1/setup', '/api/setup'])
      expect((await client.post(path, GOOD)).status).toBe(404);
    await server.restart();
    expect((await client.post('/api/v1/setup', GOOD)).status).toBe(404);
    expect((await client.get('/api/v1/fleet/me')).status).toBe(401);
    expect(await sql(server, 'SELECT 1 AS one FROM users')).toEqual([{ one: 1 }]);
  });
});
