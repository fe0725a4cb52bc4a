import { once } from 'node:events';
import { request } from 'node:http';
import { WebSocket } from 'ws';
import { overWebSocket, words } from '../testing/clients.js';
import { type LiveServer, startLiveServer } from '../testing/live-server.js';

let server: LiveServer;
let sessions = 0;

beforeAll(async () => {
  server = await startLiveServer({ heartbeatMs: 200, pollMs: 500 });
  server.campaigns.create(1).add(3);
});

afterAll(() => server.close());

const at = (path: string): string => `${server.url}/api/v1/fleet/results${path}`;

function newSession(): string {
  sessions += 1;
  return at(`/000/session${sessions}`);
}

function post(url: string, body: string): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body });
}

/** A WebSocket of a SockJS client, and its frames. */
function open(): { socket: WebSocket; frames: string[]; closed: Promise<unknown> } {
  const socket = new WebSocket(`${newSession()}/websocket`.replace('http', 'ws'));
  const frames: string[] = [];
  socket.on('message', (data: Buffer) => frames.push(data.toString()));
  return { socket, frames, closed: once(socket, 'close') };
}

it('describes itself, and welcomes whoever looks', async () => {
  for (const version of ['v1', 'latest', '2022-04']) {
    const answer = await fetch(`${server.url}/api/${version}/fleet/results/info?t=1`);
    expect(await answer.json()).toEqual({
      websocket: true,
      cookie_needed: false,
      origins: ['*:*'],
      entropy: expect.any(Number),
    });
  }
  expect(await (await fetch(at('/'))).text()).toBe('Welcome to SockJS!\n');
  expect((await fetch(at(''))).status).toBe(404);
  expect((await fetch(at('/nothing/at/all/here'))).status).toBe(404);
  expect((await fetch(at('/websocket'))).status).toBe(400);
});

it('answers pages of every origin, as SockJS does', async () => {
  const origin = 'https://elsewhere.example.com';
  const info = await fetch(at('/info'), { headers: { origin } });
  expect(info.headers.get('access-control-allow-origin')).toBe(origin);
  expect(info.headers.get('access-control-allow-credentials')).toBe('true');
  const preflight = await fetch(`${newSession()}/xhr`, {
    method: 'OPTIONS',
    headers: { origin, 'access-control-request-headers': 'content-type' },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-methods')).toBe('OPTIONS, POST');
  expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type');
});

it('frames as SockJS does: open, arrays of texts, heartbeat, close', async () => {
  const { socket, frames, closed } = open();
  await once(socket, 'open');
  socket.send(JSON.stringify(words({ campaign: 1 })));
  while (!frames.includes('h')) await once(socket, 'message');
  expect(frames[0]).toBe('o');
  const messages = frames
    .filter((frame) => frame.startsWith('a'))
    .flatMap((frame) => JSON.parse(frame.slice(1)) as string[])
    .map((text) => JSON.parse(text) as { type: string });
  expect(messages.map(({ type }) => type)).toEqual(['totals', 'status', 'result', 'result', 'result']);
  socket.close();
  await closed;

  const refused = open();
  await once(refused.socket, 'open');
  refused.socket.send(JSON.stringify([JSON.stringify({ type: 'auth', data: { token: 'bad' } })]));
  await refused.closed;
  expect(refused.frames).toEqual([
    'o',
    `a${JSON.stringify([JSON.stringify({ type: 'error', data: 'unauthorized', seq: 0 })])}`,
    'c[0,"none"]',
  ]);
});

it.each([
  ['text that is no JSON', 'garbage'],
  ['objects instead of texts', '[{"type":"auth","data":{"token":"good"}},{"type":"x"}]'],
  ['texts that are none', '["garbage","more","and more"]'],
  ['null', 'null'],
  ['a number', '7'],
  ['an object', '{"type":"auth"}'],
])('closes the session of a client that sends %s, and serves the others', async (_, frame) => {
  const { socket, frames, closed } = open();
  await once(socket, 'open');
  socket.send(frame);
  await closed;
  expect(frames.filter((text) => text.startsWith('a'))).toEqual([]);
  const other = await overWebSocket(server.url, { campaign: 1 });
  await other.result(3);
  other.hangUp();
});

it('closes a WebSocket on a frame that is too large', async () => {
  const { socket, closed } = open();
  await once(socket, 'open');
  socket.send(JSON.stringify(['x'.repeat(70_000)]));
  expect((await closed) as unknown[]).toEqual([1009, expect.anything()]);
});

it('refuses a request that is too large, by its header and by what comes', async () => {
  const session = newSession();
  expect(await (await post(`${session}/xhr`, '')).text()).toBe('o\n');
  const large = JSON.stringify(['x'.repeat(70_000)]);
  const answer = await post(`${session}/xhr_send`, large);
  expect(answer.status).toBe(413);
  expect(await answer.json()).toMatchObject({
    errors: [{ name: 'base', reason: 'a message may have at most 65536 bytes' }],
  });
  const outgoing = request(`${session}/xhr_send`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain', 'transfer-encoding': 'chunked' },
  });
  // The connection ends with the answer, whatever of the request is still under way.
  outgoing.on('error', () => undefined);
  outgoing.write(large);
  const [refusal] = (await once(outgoing, 'response')) as [{ statusCode: number }];
  expect(refusal.statusCode).toBe(413);
  outgoing.destroy();
});

it('answers nonsense in requests, and to unknown sessions', async () => {
  const session = newSession();
  expect((await post(`${session}/xhr_send`, '["x"]')).status).toBe(404);
  await post(`${session}/xhr`, '');
  expect((await post(`${session}/xhr_send`, 'garbage')).status).toBe(500);
  expect((await post(`${session}/xhr_send`, '')).status).toBe(500);
  expect((await post(`${session}/xhr_send`, '{"__proto__":null}')).status).toBe(500);
  for (const name of ['__proto__', 'constructor', 'toString'])
    expect((await post(at(`/000/${name}/xhr`), '')).status).toBe(404);
  expect((await fetch(`${session}/xhr`)).status).toBe(405);
});
