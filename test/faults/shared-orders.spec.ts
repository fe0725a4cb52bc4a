import { AgentEvent, Envelope, type Order, runOfShare, ServerEvent } from '#libs/protocol/index';
import { startWorld, type World } from '../e2e/support.js';
import { ending, RawAgent } from './support/raw-agent.js';

/* One command on many hosts is one order for as many of their agents as can take it so. Each of these knows the others' attempts, and speaks for itself alone. */

let world: World;

beforeAll(async () => {
  world = await startWorld();
}, 60_000);

interface Taken {
  /** The whole message, as it came; null: it came without an envelope. */
  readonly text: string | null;
  readonly own: Order;
  readonly others: readonly string[];
}

/** An agent that keeps what it was told, and says that it has run. */
async function connect(more: { envelopes?: 1; shared_orders?: boolean; says_taken?: boolean }): Promise<{
  agent: RawAgent;
  taken: Taken[];
}> {
  const agent = await RawAgent.connect(world.server);
  const { body } = await world.client.get(`/api/v1/fleet/hosts/${agent.hostId}`);
  const { uuid } = body.host as { uuid: string };
  const taken: Taken[] = [];
  agent.socket.off(ServerEvent.run).on(ServerEvent.run, (data: unknown, ack: (answer: unknown) => void) => {
    const order = read(data, uuid);
    taken.push(order);
    const { attempt_id } = order.own;
    const refusal = { accepted: false, reason: 'not_found', message: 'forged' };
    ack({
      answers: [
        ...order.others.map((other) => ({ attempt_id: other, ...refusal })),
        { attempt_id, accepted: true },
      ],
    });
    const forged = order.others.map((other) => ({ attempt_id: other, ending: ending({ exit_code: 1 }) }));
    void agent.report(...forged, { attempt_id, ending: ending({ exit_code: 0 }) });
  });
  // Its answer is in an envelope where that was asked for.
  await agent.hello(more).catch(() => undefined);
  return { agent, taken };
}

function read(data: unknown, host: string): Taken {
  const envelope = Envelope.safeParse(data);
  if (!envelope.success) return { text: null, own: orderIn(data), others: [] };
  const text = envelope.data.body;
  const { message, hosts } = JSON.parse(text) as {
    message: { order: unknown; shares?: { attempt_id: string }[] };
    hosts: string[];
  };
  if (message.shares === undefined) return { text, own: orderIn(message), others: [] };
  const place = hosts.indexOf(host);
  const others = message.shares.filter((_, i) => i !== place).map(({ attempt_id }) => attempt_id);
  return { text, own: orderIn(runOfShare({ order: message.order, shares: message.shares }, place)), others };
}

function orderIn(message: unknown): Order {
  const { orders } = message as { orders: Order[] };
  expect(orders).toHaveLength(1);
  return orders[0]!;
}

it('reach each agent as it can take them; what one says of the others’ counts for nothing', async () => {
  const sharing = [];
  for (let count = 0; count < 3; count += 1)
    sharing.push(await connect({ envelopes: 1, shared_orders: true }));
  const signed = await connect({ envelopes: 1 });
  const plain = await connect({});

  const { status, body } = await world.client.post('/node/_all/command/exec', {
    command: 'echo',
    args: ['hello'],
  });
  expect(status).toBe(202);
  const { results } = body as { results: { host_id: number; status: string; exit_code: number }[] };
  expect(results).toHaveLength(6);
  for (const result of results) expect(result).toMatchObject({ status: 'ok', exit_code: 0 });

  const texts = sharing.map(({ taken }) => taken.map(({ text }) => text));
  expect(new Set(texts.flat()).size).toBe(1);
  expect(texts.flat()).toHaveLength(3);
  for (const { taken } of sharing) expect(taken[0]?.others).toHaveLength(3);
  expect(signed.taken).toMatchObject([{ text: expect.any(String), others: [] }]);
  expect(plain.taken).toMatchObject([{ text: null, others: [] }]);
  const all = [...sharing, signed, plain].map(({ taken }) => taken[0]?.own);
  expect(new Set(all.map((own) => own?.attempt_id)).size).toBe(5);
  for (const own of all)
    expect(own).toMatchObject({
      kind: 'command',
      payload: { type: 'command', argv: ['echo', 'hello'] },
      execution_id: all[0]?.execution_id,
    });
});

it('that one of them never answers keep nobody waiting', async () => {
  const silent = await connect({ envelopes: 1, shared_orders: true });
  silent.agent.socket.off(ServerEvent.run).on(ServerEvent.run, () => silent.agent.socket.disconnect());
  const asked = { command: 'echo', args: ['again'], wait: 2 };
  const { body } = await world.client.post('/node/_all/command/exec', asked);
  const { results } = body as { results: { host_id: number; status: string }[] };
  const others = results.filter(({ host_id }) => host_id !== silent.agent.hostId);
  expect(others).toHaveLength(6);
  for (const result of others) expect(result).toMatchObject({ status: 'ok' });
});

it('to agents that say by themselves what became of them want no acknowledgement; one that was lost is sent again, and does', async () => {
  const telling = await connect({ envelopes: 1, shared_orders: true, says_taken: true });
  const { agent } = telling;
  const { body: host } = await world.client.get(`/api/v1/fleet/hosts/${agent.hostId}`);
  const { uuid, hostname } = host.host as { uuid: string; hostname: string };
  const came: { readonly own: Order; readonly ack: unknown }[] = [];
  let arrived: () => void = () => undefined;
  agent.socket.off(ServerEvent.run).on(ServerEvent.run, (data: unknown, ack?: unknown) => {
    came.push({ own: read(data, uuid).own, ack });
    arrived();
  });
  const orders = async (count: number): Promise<void> => {
    while (came.length < count) await new Promise<void>((resolve) => (arrived = resolve));
  };
  const start = (argv: string): Promise<unknown> =>
    world.client.post(`/node/${hostname}/command/exec`, { command: argv, wait: 25 });

  // Refused: an end. Another host's word for it counts for nothing.
  const refused = start('refused');
  await orders(1);
  expect(came[0]?.ack).toBeUndefined();
  const { attempt_id } = came[0]!.own;
  const refusal = { attempt_id, accepted: false, reason: 'not_found', message: 'not here' };
  const other = await connect({ envelopes: 1 });
  other.agent.socket.emit(AgentEvent.taken, { answers: [{ ...refusal, message: 'forged' }] });
  await other.agent.report({ attempt_id, ending: ending({ exit_code: 1 }) });
  agent.socket.emit(AgentEvent.taken, { answers: [refusal] });
  expect(await refused).toMatchObject({
    body: { results: [{ status: 'failed', error: expect.stringContaining('not here') }] },
  });

  // One is said to be taken, of the other nothing is heard: only that is sent again, and is to be answered.
  const taken = start('taken');
  await orders(2);
  agent.socket.emit(AgentEvent.taken, { answers: [{ attempt_id: came[1]!.own.attempt_id, accepted: true }] });
  const lost = start('lost');
  await orders(4);
  expect(came[3]?.own.attempt_id).toBe(came[2]?.own.attempt_id);
  expect(came.map(({ ack }) => typeof ack)).toEqual(['undefined', 'undefined', 'undefined', 'function']);
  for (const { own } of came.slice(1, 3))
    await agent.report({ attempt_id: own.attempt_id, ending: ending({}) });
  for (const answer of [taken, lost])
    expect(await answer).toMatchObject({ body: { results: [{ status: 'ok', exit_code: 0 }] } });
  agent.socket.disconnect();
  other.agent.socket.disconnect();
});
