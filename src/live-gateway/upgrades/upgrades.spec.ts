import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { WebSocket } from 'ws';
import { liveSocket, rawSocket, words } from '../testing/clients.js';
import { type LiveServer, startLiveServer } from '../testing/live-server.js';

let server: LiveServer;

beforeAll(async () => {
  server = await startLiveServer();
  server.campaigns.create(1).add(1);
});

afterAll(() => server.close());

/** Asks for a WebSocket and is refused. */
async function refusal(path: string, headers: Record<string, string> = {}): Promise<[number, unknown]> {
  const socket = new WebSocket(server.url.replace('http', 'ws') + path, { headers });
  const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
  let text = '';
  for await (const part of answer) text += String(part);
  return [answer.statusCode ?? 0, text.startsWith('{') ? JSON.parse(text) : text];
}

it.each([
  '/',
  '/nothing?x=1',
  '/api/v1/fleet/results',
  '/api/v1/fleet/results/',
  '/api/v3/fleet/results/websocket',
  '/api/v1/fleet/results/000/abc/xhr',
  '/api/v1/fleet/hosts',
])('answers 404 to who wants a WebSocket at %s', async (path) => {
  const [status, body] = await refusal(path);
  expect(status).toBe(404);
  expect(body).toMatchObject({
    message: 'Resource Not Found',
    errors: [{ name: 'base', reason: `there is no WebSocket at ${path.split('?')[0]}` }],
  });
});

it('answers 400 to who wants to become anything but a WebSocket', async () => {
  const outgoing = request(`${server.url}/api/v1/fleet/hosts`, {
    headers: { connection: 'Upgrade', upgrade: 'h2c' },
  }).end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  expect(answer.statusCode).toBe(400);
  answer.resume();
});

it('answers 400 to a handshake that is none', async () => {
  const { port } = new URL(server.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    'GET /api/v1/fleet/results/websocket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  let text = '';
  for await (const part of socket) text += String(part);
  expect(text).toMatch(/^HTTP\/1.1 400 /);
});

it('refuses pages of other servers, and nobody else', async () => {
  const { host } = new URL(server.url);
  for (const path of ['/api/v1/fleet/results/websocket', '/api/latest/fleet/results/000/abc/websocket']) {
    for (const origin of ['http://elsewhere.example.com', `http://${host}.example.com`, 'null', 'x']) {
      const [status, body] = await refusal(path, { origin });
      expect([origin, status]).toEqual([origin, 403]);
      expect(body).toMatchObject({ message: 'forbidden', errors: [{ name: 'Origin' }] });
    }
    const { client } = await rawSocket(server.url, path, {
      headers: { origin: `http://${host.toUpperCase()}` },
    });
    client.hangUp();
  }
});

it("leaves Socket.IO's path to Socket.IO", async () => {
  const { socket, client } = await liveSocket(server.url);
  expect(socket.connected).toBe(true);
  client.hangUp();
  const [status] = await refusal('/socket.io/?EIO=4&transport=websocket&sid=unknown');
  expect(status).toBe(400);
});

it('survives clients that hang up while they are answered', async () => {
  const { port } = new URL(server.url);
  for (const path of ['/nothing', '/api/v1/fleet/results/websocket', '/api/v1/fleet/results/0/a/websocket']) {
    const socket = connect(Number(port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    socket.resetAndDestroy();
  }
  const { socket, client } = await rawSocket(server.url);
  for (const text of words({ campaign: 1 })) socket.send(text);
  await client.result(1);
  client.hangUp();
});
