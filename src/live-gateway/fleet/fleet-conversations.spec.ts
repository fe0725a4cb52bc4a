import { once } from 'node:events';
import { until } from '#libs/testing/index';
import { type Message, overSockJs, overWebSocket, rawSocket, words } from '../testing/clients.js';
import { type LiveServer, startLiveServer } from '../testing/live-server.js';

let server: LiveServer;

beforeAll(async () => {
  server = await startLiveServer({ pollMs: 500 });
  server.campaigns.create(1).add(3);
  server.campaigns.create(2).add(1);
  server.tokens.give('program', 'gitops');
  server.tokens.give('reset', 'admin', true);
});

afterAll(() => server.close());

const json = (message: unknown): string => JSON.stringify(message);
const AUTH = json({ type: 'auth', data: { token: 'good' } });
const select = (data: unknown): string => json({ type: 'select_campaign', data });

/** What is answered to these frames until the connection ends, and the code that ends it. */
async function answer(frames: (string | Buffer)[]): Promise<{ messages: Message[]; code: number }> {
  const { socket, client } = await rawSocket(server.url);
  for (const frame of frames) socket.send(frame);
  const code = await client.closed;
  return { messages: client.messages, code };
}

it.each(['v1', 'latest', '2022-04'])('is served in version %s, at both spellings', async (version) => {
  for (const name of ['websocket', 'websockets']) {
    const { socket, client } = await rawSocket(server.url, `/api/${version}/fleet/results/${name}`);
    for (const text of words({ campaign: 1 })) socket.send(text);
    expect(await client.result(3)).toEqual({ type: 'result', data: { n: 3, padding: '' }, seq: 3 });
    client.hangUp();
  }
});

it('takes binary frames as well', async () => {
  const { socket, client } = await rawSocket(server.url);
  for (const text of words({ campaign: 1 })) socket.send(Buffer.from(text));
  await client.result(3);
  client.hangUp();
});

it.each([
  ['garbage', 'garbage'],
  ['no object', '[]'],
  ['no type', '{}'],
  ['another message', select({ campaign_id: 1 })],
  ['a token that is no text', json({ type: 'auth', data: { token: 7 } })],
  ['a message without data', json({ type: 'auth' })],
])('closes without a word when the first message is %s', async (_, frame) => {
  expect(await answer([frame, AUTH, select({ campaign_id: 1 })])).toEqual({ messages: [], code: 1000 });
});

it.each([
  ['an unknown token', 'nobody'],
  ['an empty token', ''],
  ['a user who has to choose a new password', 'reset'],
])('answers unauthorized to %s', async (_, token) => {
  expect(await answer([json({ type: 'auth', data: { token } })])).toEqual({
    messages: [{ type: 'error', data: 'unauthorized', seq: 0 }],
    code: 1000,
  });
});

it.each([
  ['garbage', 'error reading select_campaign'],
  [json({ type: 'auth', data: { token: 'good' } }), 'expected select_campaign'],
  [select(null), 'error unmarshaling select_campaign data'],
  [select({ campaign_id: '1' }), 'error unmarshaling select_campaign data'],
  [select({ campaign_id: -1 }), 'error unmarshaling select_campaign data'],
  [select({ campaign_id: 1.5 }), 'error unmarshaling select_campaign data'],
  [select({ campaign_id: 1, after: 'x' }), 'error unmarshaling select_campaign data'],
  [select({}), '0 is not a valid campaign ID'],
  [select({ campaign_id: 0 }), '0 is not a valid campaign ID'],
  [select({ campaign_id: 77 }), 'timeout: cannot find campaign for ID 77'],
])('answers to %s with %s, and closes', async (frame, text) => {
  expect(await answer([AUTH, frame])).toEqual({
    messages: [{ type: 'error', data: text, seq: 0 }],
    code: 1000,
  });
});

it('answers forbidden to whoever may not follow the campaign', async () => {
  const client = await overWebSocket(server.url, { token: 'program', campaign: 1 });
  await client.closed;
  expect(client.messages).toEqual([{ type: 'error', data: 'forbidden', seq: 0 }]);
});

it('ignores everything after the selection', async () => {
  const { socket, client } = await rawSocket(server.url);
  for (const text of [AUTH, select({ campaign_id: 1 }), select({ campaign_id: 2 }), 'garbage'])
    socket.send(text);
  await client.result(3);
  socket.ping();
  await once(socket, 'pong');
  expect(client.results).toEqual([1, 2, 3]);
  client.hangUp();
});

it('closes on a frame that is too large', async () => {
  const { messages, code } = await answer([json({ type: 'auth', data: { token: 'x'.repeat(70_000) } })]);
  expect({ messages, code }).toEqual({ messages: [], code: 1009 });
});

it('closes the connection of a client that says nothing', async () => {
  const own = await startLiveServer({ silenceMs: 100 });
  const silent = await rawSocket(own.url);
  const half = await rawSocket(own.url);
  half.socket.send(AUTH);
  expect(await silent.client.closed).toBe(1000);
  await half.client.closed;
  expect(half.client.messages.map(({ data }) => data)).toEqual(['error reading select_campaign']);
  await own.close();
});

it.each([
  ['WebSocket', overWebSocket],
  ['SockJS', overSockJs('xhr-streaming')],
])('ends the subscription over %s when the token is revoked', async (_, connect) => {
  const own = await startLiveServer({ recheckMs: 50, pollMs: 500 });
  own.tokens.give('brief');
  own.campaigns.create(1).add(2);
  const client = await connect(own.url, { token: 'brief', campaign: 1 });
  const other = await overWebSocket(own.url, { campaign: 1 });
  await client.result(2);
  await other.result(2);
  own.tokens.callers.delete('brief');
  await client.closed;
  expect(client.messages.at(-1)).toEqual({ type: 'error', data: 'unauthorized', seq: 2 });
  await until(async () => (await own.subscribers()) === 1);
  other.hangUp();
  await own.close();
});

it('drops a peer that answers no ping', async () => {
  const own = await startLiveServer({ heartbeatMs: 100 });
  own.campaigns.create(1);
  const { socket, client } = await rawSocket(own.url, undefined, { autoPong: false });
  const { client: alive } = await rawSocket(own.url);
  for (const text of words({ campaign: 1 })) socket.send(text);
  expect(await client.closed).toBe(1006);
  await until(async () => (await own.subscribers()) === 0);
  expect(await Promise.race([alive.closed, Promise.resolve('open')])).toBe('open');
  alive.hangUp();
  await own.close();
});
