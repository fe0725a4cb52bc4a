import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { type Hello } from '#libs/protocol/index';
import { until } from '#libs/testing/index';
import { ask } from '../e2e/live.support.js';
import { ended, outcome, run, startWorld, type World } from '../e2e/support.js';
import { ending, RawAgent } from '../faults/support/raw-agent.js';
import { anything, garbageLike } from './garbage.js';

/*
 * Everything that an agent can say, with something wrong in it, over a real socket: each is answered or ends the connection, within its time; the server goes on, and
 * another host is served.
 */

let world: World;
let campaign: number;

beforeAll(async () => {
  world = await startWorld();
  campaign = (await ask(world.client, 'select 1', { hosts: [world.host.id] })).id as number;
}, 60_000);

const CASES = 700;
const now = Date.now();
const attempt_id = randomUUID();

const FACTS: Hello['facts'] = JSON.parse(
  JSON.stringify({
    hostname: 'fuzz',
    platform: 'debian',
    os_version: '12',
    arch: 'x64',
    memory: 1,
    uptime_seconds: 1.5,
    addresses: [{ interface: 'eth0', address: '10.0.0.1', family: 'IPv4', mac: '', internal: false }],
  }),
);
const chunk = { seq: 0, stream: 'stdout', at: now, data: 'hello' };
const SAMPLES: Record<string, unknown[]> = {
  hello: [
    {
      journal_id: randomUUID(),
      hostname: 'fuzz',
      parallel_slots: 4,
      scripts_enabled: true,
      keeps_secrets: true,
      labels: { group: 'web', role: 'db' },
      attempts: [
        { attempt_id, state: 'running' },
        { attempt_id: randomUUID(), state: 'ended', unannounced: true },
      ],
      facts: FACTS,
      standing: { labels: 'abc', 'pack/1': 'def' },
      instances_revision: null,
    },
  ],
  report: [
    {
      reports: [
        {
          attempt_id,
          started_at: now,
          chunks: [chunk, { ...chunk, seq: 1, data: Buffer.from([0, 255]) }],
          ending: ending(),
        },
      ],
    },
    {
      reports: [
        {
          attempt_id,
          ending: ending({
            masked: { secret: 2 },
            stop_trigger: { type: 'xpath', setting: '/a' },
            reason: 'timeout',
            outcome: 'timed_out',
          }),
        },
      ],
    },
  ],
  answer: [
    {
      campaign_id: 1,
      part: 0,
      columns: ['a', 'b'],
      rows: [
        ['1', null],
        ['2', 'x'],
      ],
      ending: {
        outcome: 'answered',
        error: null,
        stats: { wall_time_ms: 1, user_time: 1, system_time: 1, memory: 1, warnings: ['w'] },
      },
    },
  ],
  facts: [{ facts: FACTS }],
  findings: [
    {
      labels: [{ id: 1, member: true }],
      policies: [{ id: 1, passes: null }],
      reports: [
        {
          pack: 'Global',
          name: 'q',
          query_id: 1,
          at: now,
          counter: 0,
          columns: ['a'],
          result: { kind: 'snapshot', rows: [['1']] },
        },
        {
          pack: 'Global',
          name: 'd',
          query_id: null,
          at: now,
          counter: 3,
          columns: ['a'],
          result: { kind: 'differential', added: [['1']], removed: [] },
        },
        {
          pack: 'Global',
          name: 'f',
          query_id: 2,
          at: now,
          counter: 0,
          columns: [],
          result: { kind: 'failed', error: 'no' },
        },
      ],
      dropped_reports: 0,
    },
  ],
  refused: [
    {
      refusals: [
        {
          code: 'bad_signature',
          type: 'run',
          message: 'm',
          attempt_id,
          digest: 'a'.repeat(64),
          key: 'b'.repeat(16),
          at: now,
          count: 2,
        },
        {
          code: 'unsigned',
          type: 'stop',
          message: '',
          attempt_id: null,
          digest: null,
          key: null,
          at: now,
          count: 1,
        },
      ],
    },
  ],
  time: [{ challenge: 'c'.repeat(32) }],
  triggered: [
    {
      attempt_id,
      instance_id: 1,
      content_sha256: 'a'.repeat(64),
      arguments: ['-v'],
      trigger: { type: 'schedule', setting: '* * * * *' },
      started_at: now,
    },
  ],
};

/** Hosts enough that none is silenced for long: each connection takes a few messages, then another host goes on. */
class Crowd {
  private readonly agents: RawAgent[] = [];
  private at = 0;

  /** A host that has said hello. */
  async next(): Promise<RawAgent> {
    const index = this.at++ % 40;
    const agent = this.agents[index];
    if (agent?.socket.connected) return agent;
    const fresh = await RawAgent.connect(world.server);
    await fresh.hello();
    return (this.agents[index] = fresh);
  }

  /** A host on a new connection, which has not said hello. */
  async newcomer(): Promise<RawAgent> {
    const index = this.at++ % 40;
    const before = this.agents[index];
    before?.socket.disconnect();
    const again =
      before && (await RawAgent.dial(world.server, before.hostId, before.nodeKey).catch(() => null));
    return (this.agents[index] = again ?? (await RawAgent.connect(world.server)));
  }
}

async function serves(): Promise<void> {
  expect(await outcome(world, 'echo still here')).toMatchObject({ exit_code: 0, output: 'still here\n' });
}

describe.each(Object.keys(SAMPLES))('%s', (event) => {
  it(`is answered, whatever is wrong with it (${CASES} cases)`, async () => {
    const crowd = new Crowd();
    const samples =
      event === 'answer'
        ? [...(SAMPLES[event] ?? []), { ...(SAMPLES[event]?.[0] as object), campaign_id: campaign }]
        : (SAMPLES[event] ?? []);
    await fc.assert(
      fc.asyncProperty(garbageLike(samples), async (message) => {
        const agent = await (event === 'hello' ? crowd.newcomer() : crowd.next());
        const reaction = await agent.reaction(event, message);
        expect(reaction === 'gone' || (typeof reaction === 'object' && reaction !== null)).toBe(true);
      }),
      { numRuns: CASES, endOnFailure: true },
    );
    await serves();
  });
});

it('an event that does not exist, or with other arguments than one, does no harm', async () => {
  const crowd = new Crowd();
  const events = fc.oneof(
    fc.constantFrom(...Object.keys(SAMPLES)),
    fc
      .string({ maxLength: 30 })
      .filter(
        (name) =>
          ![
            'connect',
            'connect_error',
            'disconnect',
            'disconnecting',
            'newListener',
            'removeListener',
          ].includes(name),
      ),
  );
  await fc.assert(
    fc.asyncProperty(events, fc.array(anything, { maxLength: 4 }), async (event, bodies) => {
      const agent = await crowd.next();
      agent.socket.emit(event, ...bodies);
      expect(await Promise.race([agent.ask('facts', { facts: FACTS }), agent.gone])).not.toBeNull();
    }),
    { numRuns: 500, endOnFailure: true },
  );
  await serves();
});

it('whatever an order, or the wish to stop one, is acknowledged with, the server goes on', async () => {
  const crowd = new Crowd();
  const answers = garbageLike([
    [
      { attempt_id, accepted: true },
      { attempt_id, accepted: false, reason: 'not_found', message: 'no' },
    ],
  ]);
  const stops = garbageLike([
    [
      { attempt_id, state: 'terminating' },
      { attempt_id, state: 'not_started' },
    ],
  ]);
  await fc.assert(
    fc.asyncProperty(answers, stops, async (answer, stop) => {
      const agent = await crowd.next();
      agent.answerRun = () => answer as never;
      const stopped = new Promise<void>((resolve) => {
        agent.answerStop = () => {
          setTimeout(resolve, 5);
          return stop as never;
        };
      });
      const before = agent.orders.length;
      const id = await run(world.client, agent.hostId, 'echo');
      await until(async () => agent.orders.length > before || !agent.socket.connected, { what: 'the order' });
      await world.client.post(`/api/v1/executions/${id}/cancel`);
      await Promise.race([stopped, agent.gone, ended(world.client, id, 1).catch(() => undefined)]);
      agent.socket.disconnect();
    }),
    { numRuns: 150, endOnFailure: true },
  );
  await serves();
});

it('packets that are no Socket.IO end their connection and nothing else', async () => {
  const WebSocket = (await import('ws')).default;
  const packet = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }),
    fc
      .tuple(
        fc.constantFrom(
          '0',
          '1',
          '2',
          '3',
          '4',
          '40',
          '41',
          '42',
          '43',
          '45',
          '46',
          '451-',
          '46999-',
          '42/agents,',
          '45999999-/agents,',
          '40/agents,',
        ),
        fc.string({ maxLength: 80 }),
      )
      .map(([type, rest]) => type + rest),
    fc
      .tuple(
        fc.constantFrom(
          '42/agents,0',
          '42/agents,["hello",',
          '40/agents,{"node_key":',
          '4599-/agents,["report",{"_placeholder":true,"num":',
        ),
        fc.json(),
      )
      .map(([begin, rest]) => begin + rest),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(packet, { minLength: 1, maxLength: 10 }), async (packets) => {
      const socket = new WebSocket(
        `${world.server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
      );
      socket.on('error', () => undefined);
      await new Promise<void>((resolve) => socket.once('open', resolve).once('close', () => resolve()));
      for (const each of packets) if (socket.readyState === WebSocket.OPEN) socket.send(each);
      socket.terminate();
    }),
    { numRuns: 500, endOnFailure: true },
  );
  await serves();
});
