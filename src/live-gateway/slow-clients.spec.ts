import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { until } from '#libs/testing/index';
import { liveSocket, overWebSocket, rawSocket, type Wish, words } from './testing/clients.js';
import { type LiveServer, startLiveServer } from './testing/live-server.js';
import { type MemoryCampaign } from './testing/memory-campaigns.js';

/** Starts to follow and takes nothing any more. */
type Lazy = (url: string, wish: Wish) => Promise<{ resume(): void; readonly closed: Promise<unknown> }>;

const overWs: Lazy = async (url, wish) => {
  const { socket, client } = await rawSocket(url);
  socket.pause();
  for (const text of words(wish)) socket.send(text);
  return { resume: () => socket.resume(), closed: client.closed };
};

const overSockJsWebSocket: Lazy = async (url, wish) => {
  const { socket, client } = await rawSocket(url, '/api/v1/fleet/results/000/lazy/websocket');
  socket.pause();
  socket.send(JSON.stringify(words(wish)));
  return { resume: () => socket.resume(), closed: client.closed };
};

const overXhrStreaming: Lazy = async (url, wish) => {
  const base = `${url}/api/v1/fleet/results/000/lazy-${wish.campaign}`;
  const outgoing = request(`${base}/xhr_streaming`, { method: 'POST', agent: false }).end();
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  answer.pause();
  const closed = once(answer, 'close').catch(() => undefined);
  const sent = await fetch(`${base}/xhr_send`, {
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: JSON.stringify(words(wish)),
  });
  expect(sent.status).toBe(204);
  return { resume: () => answer.resume(), closed };
};

const overSocketIo: Lazy = async (url, { campaign }) => {
  const { socket, client } = await liveSocket(url);
  const answer: unknown = await socket.emitWithAck('select_campaign', { campaign_id: campaign });
  expect(answer).toMatchObject({ ok: true });
  const { ws } = socket.io.engine.transport as unknown as { ws: { pause(): void; resume(): void } };
  ws.pause();
  return { resume: () => ws.resume(), closed: client.closed };
};

let server: LiveServer;
let campaign: MemoryCampaign;

beforeEach(async () => {
  server = await startLiveServer({ stallMs: 1_000, pollMs: 500 });
  campaign = server.campaigns.create(1);
});

afterEach(() => server.close());

it.each([
  ['WebSocket', overWs],
  ['SockJS websocket', overSockJsWebSocket],
  ['SockJS xhr-streaming', overXhrStreaming],
  ['Socket.IO', overSocketIo],
])(
  'reads no more for a client on %s that takes nothing, keeps nobody waiting, drops it',
  async (_, connect) => {
    const lazy = await connect(server.url, { campaign: 1 });
    await until(() => server.campaigns.subscribers.size === 1);
    const [subscriber] = server.campaigns.subscribers;
    campaign.add(2_000, 32_000);
    const eager = await overWebSocket(server.url, { campaign: 1 });
    await eager.result(2_000);
    await until(() => !server.campaigns.subscribers.has(subscriber!));
    // What has left for it is in the buffers of the kernel, and bounded; 64 MB were there.
    expect(subscriber!.read).toBeLessThan(1_000);
    expect(await server.subscribers()).toBe(1);
    lazy.resume();
    await lazy.closed;
    eager.hangUp();
  },
);

it('keeps little for a client that polls and does not come back', async () => {
  campaign.add(2_000, 32_000);
  const base = `${server.url}/api/v1/fleet/results/000/gone`;
  const post = (path: string, body = ''): Promise<Response> =>
    fetch(`${base}/${path}`, { method: 'POST', body, headers: { 'content-type': 'text/plain' } });
  expect(await (await post('xhr')).text()).toBe('o\n');
  await post('xhr_send', JSON.stringify(words({ campaign: 1 })));
  await until(() => server.campaigns.subscribers.size === 1);
  const [subscriber] = server.campaigns.subscribers;
  await until(() => server.campaigns.subscribers.size === 0);
  expect(subscriber!.read).toBe(50);
});
