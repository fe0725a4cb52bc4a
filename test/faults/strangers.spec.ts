import { once } from 'node:events';
import { io } from 'socket.io-client';
import { WebSocket } from 'ws';
import { AGENTS_NAMESPACE, PROTOCOL_VERSION } from '#libs/protocol/index';
import { atEnd, startServer, type ServerFixture } from '#libs/testing/index';
import { logLines, peakMemory } from '../e2e/support.js';
import { RawAgent } from './support/raw-agent.js';

/*
 * Somebody at the door of the agents, and of the live clients, who has no key: what is held of what they say is little, and they do not stay.
 */

let server: ServerFixture;
/** Has a key. */
let known: RawAgent;
const MiB = 1024 * 1024;

beforeAll(async () => {
  // Ten in ten seconds.
  server = await startServer({ env: { MUSTER_REFUSED_RATE: '1' } });
  known = await RawAgent.connect(server);
});

/** A connection that nobody has joined anything with yet. */
async function stranger(): Promise<{
  say: (data: string | Buffer) => void;
  said: string[];
  gone: Promise<void>;
}> {
  const socket = new WebSocket(`${server.url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`);
  atEnd(() => socket.terminate());
  socket.on('error', () => undefined);
  const gone = once(socket, 'close').then(() => undefined);
  const said: string[] = [];
  socket.on('message', (data: Buffer) => said.push(data.toString()));
  await once(socket, 'message');
  return { say: (data) => socket.send(data), said, gone };
}

it('joins nothing but what there is, and does not stay', async () => {
  const { say, said, gone } = await stranger();
  say('40');
  await gone;
  expect(said.slice(1)).toEqual(['44{"message":"there is nothing here"}']);
});

it.each([
  ['in one message', ['4'.padEnd(100_000, 'x')]],
  [
    'in attachments of an event that never becomes whole',
    [
      '453-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1},{"_placeholder":true,"num":2}]',
      Buffer.alloc(40_000),
      Buffer.alloc(40_000),
    ],
  ],
])('says no more than a little: %s', async (_, messages) => {
  const { say, gone } = await stranger();
  for (const message of messages) say(message);
  await gone;
});

it('holds no memory, however many they are', async () => {
  const before = peakMemory(server.pid);
  const all = await Promise.all(Array.from({ length: 40 }, () => stranger()));
  for (const { say } of all) {
    say(
      `4510-["x",${Array.from({ length: 10 }, (_, num) => `{"_placeholder":true,"num":${num}}`).join(',')}]`,
    );
    for (let i = 0; i < 9; i++) say(Buffer.alloc(MiB));
  }
  await Promise.all(all.map(({ gone }) => gone));
  // Of 360 MiB.
  expect(peakMemory(server.pid) - before).toBeLessThan(100 * MiB);
});

it('is refused once per connection, and after some time without a word in the log', async () => {
  const auth = JSON.stringify({ node_key: 'x'.repeat(43), protocol: PROTOCOL_VERSION, agent_version: '0' });
  const answers: string[] = [];
  for (let i = 0; i < 14; i++) {
    const { say, said, gone } = await stranger();
    say(`40/agents,${auth}`);
    say(`40/agents,${auth}`);
    await gone;
    expect(said.length).toBeLessThanOrEqual(3);
    answers.push(/"message":"(\w+)"/.exec(said[1] ?? '')?.[1] ?? '');
  }
  expect(answers.slice(0, 4)).toEqual(Array.from({ length: 4 }, () => 'unknown_node_key'));
  expect(answers.at(-1)).toBe('unavailable');
  expect(logLines(server).filter(({ msg }) => /node key is not known/.test(msg as string)).length).toBe(10);
  // Who has a key comes in from the same address.
  const agent = await RawAgent.dial(server, known.hostId, known.nodeKey);
  expect(await agent.hello()).toMatchObject({ ok: true });
});

it('comes to the agents by a WebSocket only', async () => {
  const socket = io(server.url + AGENTS_NAMESPACE, {
    transports: ['polling'],
    forceNew: true,
    reconnection: false,
    auth: { node_key: known.nodeKey, protocol: PROTOCOL_VERSION, agent_version: '0.0.0' },
  });
  atEnd(() => {
    socket.disconnect();
  });
  const error = await new Promise<Error>((resolve) => socket.once('connect_error', resolve));
  expect(error.message).toBe('bad_handshake');
});

it('as an agent is held no more of one message than of its largest, attachments and all', async () => {
  const agent = await RawAgent.dial(server, known.hostId, known.nodeKey);
  await agent.hello();
  const facts = (length: number): object => ({ facts: Array.from({ length }, () => Buffer.alloc(MiB)) });
  expect(await agent.reaction('facts', facts(3))).toMatchObject({ ok: false });
  expect(await agent.reaction('facts', facts(5))).toBe('gone');
});
