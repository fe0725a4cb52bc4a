import { until } from '#libs/testing/index';
import { liveSocket } from '../testing/clients.js';
import { type LiveServer, startLiveServer } from '../testing/live-server.js';

let server: LiveServer;

beforeAll(async () => {
  server = await startLiveServer();
  server.campaigns.create(1).add(3);
  server.campaigns.create(2).add(2);
  server.tokens.give('program', 'gitops');
  server.tokens.give('reset', 'admin', true);
});

afterAll(() => server.close());

it.each([
  [{}, 'unauthorized', 'credentials_invalid'],
  [{ token: 'nobody' }, 'unauthorized', 'credentials_invalid'],
  [{ token: 'reset' }, 'unauthorized', 'credentials_invalid'],
  [{ token: 7 }, 'token: Invalid input: expected string, received number', 'malformed'],
])('refuses a handshake with %j', async (auth, message, code) => {
  await expect(liveSocket(server.url, auth)).rejects.toMatchObject({ message, data: { code, message } });
});

it('answers what makes no sense with an error that names the field, and goes on', async () => {
  const { socket, client } = await liveSocket(server.url);
  const ask = (event: string, ...body: unknown[]): Promise<unknown> => socket.emitWithAck(event, ...body);
  for (const body of [
    undefined,
    null,
    'x',
    [],
    { campaign_id: '1' },
    { campaign_id: 0 },
    { campaign_id: 1, after: -1 },
  ])
    expect(await ask('select_campaign', body)).toMatchObject({ ok: false, error: { code: 'malformed' } });
  expect(await ask('select_campaign', { campaign_id: 1.5 })).toMatchObject({
    error: { message: expect.stringMatching(/^campaign_id: /) },
  });
  expect(await ask('watch_execution', { execution_id: 7 })).toMatchObject({
    error: { code: 'malformed', message: expect.stringMatching(/^execution_id: /) },
  });
  expect(await ask('select_campaign', { campaign_id: 77 })).toEqual({
    ok: false,
    error: { code: 'not_found', message: 'Campaign 77 was not found in the datastore' },
  });
  socket.emit('error', 'x');
  socket.emit('select_campaign');
  expect(await ask('select_campaign', { campaign_id: 1 })).toEqual({ ok: true, campaign_id: 1 });
  expect(await client.result(3)).toEqual({ type: 'result', seq: 3, data: { n: 3, padding: '' } });
  client.hangUp();
});

it('answers forbidden to whoever may not follow the campaign', async () => {
  const { socket, client } = await liveSocket(server.url, { token: 'program' });
  expect(await socket.emitWithAck('select_campaign', { campaign_id: 1 })).toMatchObject({
    ok: false,
    error: { code: 'forbidden' },
  });
  client.hangUp();
});

it('follows one campaign at a time', async () => {
  const { socket, client } = await liveSocket(server.url);
  const first = server.campaigns.create(3);
  await socket.emitWithAck('select_campaign', { campaign_id: 3 });
  await until(() => first.wakers.size === 1);
  await socket.emitWithAck('select_campaign', { campaign_id: 2 });
  await client.result(2);
  await until(() => first.wakers.size === 0);
  first.add(5);
  await socket.emitWithAck('select_campaign', { campaign_id: 2, after: 1 });
  await client.first(() => client.results.length === 3);
  expect(client.results).toEqual([1, 2, 2]);
  const answers = (await Promise.all([
    socket.emitWithAck('select_campaign', { campaign_id: 1 }),
    socket.emitWithAck('select_campaign', { campaign_id: 2 }),
  ])) as { ok: boolean }[];
  expect(answers[1]).toEqual({ ok: true, campaign_id: 2 });
  await until(async () => (await server.subscribers()) === 1);
  socket.disconnect();
  await until(async () => (await server.subscribers()) === 0);
});

it('ends the connection when its token is revoked, also of an address that shows too many wrong ones', async () => {
  const own = await startLiveServer({ recheckMs: 50 });
  own.tokens.give('brief');
  own.campaigns.create(1).add(1);
  const { socket, client } = await liveSocket(own.url, { token: 'brief' });
  await socket.emitWithAck('select_campaign', { campaign_id: 1 });
  await client.result(1);
  for (let i = 0; i < 10; i++) await own.limiter.refused('127.0.0.1');
  await expect(own.limiter.refused('127.0.0.1')).rejects.toThrow(/limit/);
  own.tokens.callers.delete('brief');
  await client.closed;
  expect(client.messages.at(-1)).toMatchObject({ type: 'error', data: 'unauthorized' });
  expect(own.campaigns.subscribers.size).toBe(0);
  await own.close();
});
