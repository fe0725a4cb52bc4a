import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { api, createTestDatabase, until } from './index.js';

async function rows(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client
    .query(text)
    .then((result) => result.rows)
    .finally(() => client.end());
}

describe('createTestDatabase', () => {
  it('gives each caller a database of its own, and drops it with its connections', async () => {
    const [one, two] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await rows(one.url, 'CREATE TABLE notes (n int)');
    expect(await rows(two.url, "SELECT 1 FROM pg_tables WHERE tablename = 'notes'")).toEqual([]);
    const idle = new pg.Client({ connectionString: one.url });
    const cutOff = new Promise((resolve) => idle.on('error', resolve));
    await idle.connect();
    await one.drop();
    expect(await cutOff).toMatchObject({ code: '57P01' });
    await expect(rows(one.url, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
    await two.drop();
  });
});

describe('until', () => {
  it('answers the first truthy value, over errors and falsy ones', async () => {
    const seen = [() => undefined, () => Promise.reject(new Error('not yet')), () => 0, () => 'done'];
    expect(await until(() => seen.shift()?.(), { interval: 1 })).toBe('done');
  });

  it('says what did not happen, and what was seen last', async () => {
    const waiting = until(() => false, { timeout: 10, interval: 1, what: 'the moon' });
    await expect(waiting).rejects.toThrow('the moon did not come true within 10 ms (last seen: false)');
    const failing = until(() => Promise.reject(new Error('clouds')), { timeout: 10, interval: 1 });
    await expect(failing).rejects.toThrow('last error: clouds');
  });

  it('ends early when told so', async () => {
    const signal = AbortSignal.abort(new Error('no use'));
    await expect(until(() => false, { signal })).rejects.toThrow('no use');
  });
});

describe('api', () => {
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        const { method, headers } = request;
        if (request.url === '/api/v1/fleet/login') {
          const known = text === '{"email":"a@b.c","password":"right"}';
          response.writeHead(known ? 200 : 401, { 'content-type': 'application/json' });
          return response.end(known ? '{"token":"t0"}' : '{}');
        }
        response.writeHead(418, { 'content-type': 'application/json; charset=utf-8' });
        response.end(
          JSON.stringify({ method, text, auth: headers.authorization, type: headers['content-type'] }),
        );
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('signs in and sends the token, and never throws for a status', async () => {
    const admin = { email: 'a@b.c', password: 'right' };
    const client = await api({ url, admin }).login();
    expect(await client.post('/x', { a: 1 })).toMatchObject({
      status: 418,
      body: { method: 'POST', text: '{"a":1}', auth: 'Bearer t0', type: 'application/json' },
    });
    expect((await client.as().get('/x')).body.auth).toBeUndefined();
    await expect(api({ url }).login({ ...admin, password: 'wrong' })).rejects.toThrow('login answered 401');
  });
});
