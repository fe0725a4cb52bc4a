import { api, startServer, type Api, type ServerFixture } from '#libs/testing/index';
import { sql } from '../e2e/support.js';
import { differences } from './shape.js';

/* Every example of Fleet's "Sessions" document: its request as it stands there, and an answer of its shape. */

let server: ServerFixture;
let client: Api;

beforeAll(async () => {
  server = await startServer();
  client = await api(server).login();
});

async function newestSession(): Promise<number> {
  const [{ id }] = await sql(server, 'SELECT max(id) AS id FROM sessions');
  return id as number;
}

it('Get session info', async () => {
  const id = await newestSession();
  const { status, body } = await client.get(`/api/v1/fleet/sessions/${id}`);
  expect(status).toBe(200);
  expect(differences({ session_id: 1, user_id: 1, created_at: '2021-03-02T18:41:34Z' }, body)).toEqual([]);
  expect(body).toMatchObject({ session_id: id, user_id: 1 });
});

it('Delete session: its user is asked to sign in again', async () => {
  const other = await api(server).login();
  const { status, body } = await client.delete(`/api/v1/fleet/sessions/${await newestSession()}`);
  expect({ status, body }).toEqual({ status: 200, body: {} });
  expect((await other.get('/api/v1/fleet/me')).status).toBe(401);
  expect((await client.get('/api/v1/fleet/me')).status).toBe(200);
});
