import { randomUUID } from 'node:crypto';
import { type Order } from '#libs/protocol/index';
import { until } from '#libs/testing/index';
import { add } from '../e2e/saved-scripts.support.js';
import { ask } from '../e2e/live.support.js';
import { ended, firstOutput, outcome, peakMemory, run, sql, startWorld, type World } from '../e2e/support.js';
import { putInstance } from '../contract/ripex2.support.js';
import { ending, RawAgent } from './support/raw-agent.js';

/*
 * An agent that has a node key of its own, and is somebody else's by now. Whatever it says: nothing of other hosts changes, they are served meanwhile, and the server
 * needs no more memory for it than the budget gives ten thousand idle agents (30 KB each).
 */

let world: World;
/** Of the server, before anybody was hostile. */
let quiet: number;
const MEMORY_BAR = 10_000 * 30 * 1024;
/** What changes on the others without anybody's doing. */
const VOLATILE = "'{seen_at,updated_at,facts_at,facts,last_seq}'::text[]";

beforeAll(async () => {
  // Runs keep little, so that there is soon too much of it.
  world = await startWorld({ server: { env: { MUSTER_OUTPUT_CAP_BYTES: String(8 * 1024 * 1024) } } });
  await outcome(world, 'echo warm');
  quiet = peakMemory(world.server.pid);
}, 60_000);

afterEach(() => {
  expect(peakMemory(world.server.pid) - quiet).toBeLessThan(MEMORY_BAR);
});

/** Everything that is about other hosts, or about none, as it is stored. */
async function othersRows({ hostId }: RawAgent): Promise<Record<string, string[]>> {
  const tables = {
    hosts: `SELECT to_jsonb(t) - ${VOLATILE} AS line FROM hosts t WHERE id <> ${hostId}`,
    targets: `SELECT to_jsonb(t) AS line FROM targets t WHERE host_id <> ${hostId}`,
    output_chunks: `SELECT to_jsonb(c) AS line FROM output_chunks c JOIN targets t ON t.id = c.target_id WHERE t.host_id <> ${hostId}`,
    executions: `SELECT to_jsonb(e) - ${VOLATILE} AS line FROM executions e WHERE NOT EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = e.id AND t.host_id = ${hostId})`,
    campaigns: `SELECT to_jsonb(t) AS line FROM campaigns t`,
    labels: `SELECT to_jsonb(t) AS line FROM label_membership t WHERE host_id <> ${hostId}`,
    policies: `SELECT to_jsonb(t) AS line FROM policy_results t WHERE host_id <> ${hostId}`,
    reports: `SELECT to_jsonb(t) AS line FROM query_results t WHERE host_id <> ${hostId}`,
    instances: `SELECT to_jsonb(t) AS line FROM script_instances t`,
    runs: `SELECT to_jsonb(t) AS line FROM instance_runs t`,
    users: `SELECT to_jsonb(t) AS line FROM users t`,
  };
  const rows: Record<string, string[]> = {};
  for (const [name, text] of Object.entries(tables))
    rows[name] = (await sql(world.server, text)).map(({ line }) => JSON.stringify(line)).sort();
  return rows;
}

/** Bytes that have not left this process. */
function unsent({ socket }: RawAgent): number {
  const { ws } = socket.io.engine?.transport as unknown as { ws?: { bufferedAmount: number } };
  return ws?.bufferedAmount ?? 0;
}

async function hostile(): Promise<RawAgent> {
  const agent = await RawAgent.connect(world.server);
  expect(await agent.hello()).toMatchObject({ ok: true });
  return agent;
}

/** The attempt that a target is bound to. */
async function attemptOf(execution: string): Promise<string> {
  const [row] = await sql(
    world.server,
    'SELECT t.attempt_id FROM targets t JOIN executions e ON e.id = t.execution_id WHERE e.uuid = $1',
    [execution],
  );
  return row.attempt_id as string;
}

async function orderFor(agent: RawAgent, contents = 'sleep 60'): Promise<{ id: string; order: Order }> {
  const before = agent.orders.length;
  const id = await run(world.client, agent.hostId, contents);
  const order = await until(async () => agent.orders[before], { what: 'the order' });
  return { id, order };
}

describe('what an agent says about others', () => {
  it('in reports, acknowledgements and a hello changes nothing', async () => {
    const running = await run(world.client, world.host.id, 'echo begun; sleep 300');
    await firstOutput(world, running);
    const done = await run(world.client, world.host.id, 'echo waits');
    const theirs = await attemptOf(running);
    const agent = await hostile();
    const before = await othersRows(agent);
    const chunk = (data: string): object => ({ seq: 1, stream: 'stdout', at: Date.now(), data });
    for (const attempt_id of [theirs, randomUUID()])
      expect(
        await agent.report(
          { attempt_id, started_at: Date.now() },
          { attempt_id, chunks: [chunk('forged')] },
          { attempt_id, chunks: [chunk('forged')], ending: ending({ exit_code: 1 }) },
          { attempt_id, ending: ending({ outcome: 'lost', exit_code: null }) },
        ),
      ).toMatchObject({
        ok: true,
        answers: Array.from({ length: 4 }, () => ({ attempt_id, status: 'stale' })),
      });
    // To an order of its own it answers about another's, and so to the wish to stop it.
    agent.answerRun = (orders) =>
      [theirs, ...orders.map(({ attempt_id }) => attempt_id)].flatMap((attempt_id) => [
        { attempt_id, accepted: true },
        { attempt_id, accepted: false, reason: 'not_found', message: 'forged' },
      ]);
    const { id } = await orderFor(agent);
    agent.answerRun = (orders) => orders.map(({ attempt_id }) => ({ attempt_id, accepted: true }));
    await ended(world.client, id);
    const stopped = await orderFor(agent);
    await agent.report({ attempt_id: stopped.order.attempt_id, started_at: Date.now() });
    const told = new Promise<void>((resolve) => {
      agent.answerStop = () => {
        setTimeout(resolve, 200);
        return (['terminating', 'running', 'not_started', 'ended'] as const).map((state) => ({
          attempt_id: theirs,
          state,
        }));
      };
    });
    await world.client.post(`/api/v1/executions/${stopped.id}/cancel`);
    await told;
    // A hello that names them hears that they are nothing of its business.
    const second = await RawAgent.dial(world.server, agent.hostId, agent.nodeKey);
    const ack = await second.hello({ attempts: [{ attempt_id: theirs, state: 'ended' }] });
    expect(ack).toMatchObject({ ok: true, stale: [theirs] });
    expect(await othersRows(agent)).toEqual(before);
    await world.client.post(`/api/v1/executions/${running}/cancel`);
    expect((await ended(world.client, running)).target.state).toBe('killed');
    expect((await ended(world.client, done)).target).toMatchObject({ state: 'finished', exit_code: 0 });
  });

  it('in answers to queries that it was not asked is passed over', async () => {
    const campaign = await ask(world.client, 'select 1 as one', { hosts: [world.host.id] });
    await until(
      async () =>
        (await sql(world.server, 'SELECT 1 FROM campaigns WHERE id = $1 AND status = 2', [campaign.id]))
          .length > 0,
      { what: 'the end of the campaign' },
    );
    const second = await ask(world.client, 'select pid from processes', { hosts: [world.host.id] });
    const agent = await hostile();
    for (const campaign_id of [campaign.id as number, second.id as number, 2_000_000_000])
      expect(
        await agent.ask('answer', {
          campaign_id,
          part: 0,
          columns: ['one'],
          rows: [['forged']],
          ending: { outcome: 'answered', error: null, stats: null },
        }),
      ).toEqual({ ok: true, status: 'stale' });
    const hosts = await sql(world.server, 'SELECT DISTINCT host_id FROM campaign_results');
    expect(hosts.map(({ host_id }) => host_id as number)).not.toContain(agent.hostId);
    await until(
      async () => (await sql(world.server, 'SELECT 1 FROM campaigns WHERE status < 2')).length === 0,
      { what: 'the end of the campaigns' },
    );
  });

  it('about runs of instances that are not for it is no run', async () => {
    const script = await add(world.client, 'theirs.sh', 'echo theirs\n');
    const instance = await putInstance(world.client, script, 'one', { hosts: [world.agent.hostname] });
    const [row] = await sql(
      world.server,
      'SELECT i.id, encode(s.content_sha256, $1) AS sha FROM script_instances i JOIN scripts s ON s.id = i.script_id',
      ['hex'],
    );
    const agent = await hostile();
    const before = await othersRows(agent);
    const said = (instance_id: number): object => ({
      attempt_id: randomUUID(),
      instance_id,
      content_sha256: row.sha as string,
      arguments: ['forged'],
      trigger: { type: 'schedule', setting: '* * * * *' },
      started_at: Date.now(),
    });
    for (const id of [row.id as number, 2_000_000_000])
      expect(await agent.ask('triggered', said(id))).toEqual({ status: 'gone' });
    expect(instance).toBeDefined();
    expect(await othersRows(agent)).toEqual(before);
    const own = await sql(world.server, 'SELECT 1 FROM targets WHERE host_id = $1', [agent.hostId]);
    expect(own).toEqual([]);
  });

  it('about labels, policies and reports that do not exist, or as another host, is about itself at most', async () => {
    const agent = await hostile();
    const before = await othersRows(agent);
    const found = {
      labels: Array.from({ length: 100 }, (_, i) => ({ id: 1_000_000 + i, member: true })),
      policies: Array.from({ length: 100 }, (_, i) => ({ id: 1_000_000 + i, passes: false })),
      reports: [
        {
          pack: 'Global',
          name: 'nobody asked',
          query_id: 1_000_000,
          at: Date.now(),
          counter: 0,
          columns: ['a'],
          result: { kind: 'snapshot', rows: [['forged']] },
        },
      ],
      dropped_reports: 0,
    };
    expect(await agent.ask('findings', found)).toEqual({ ok: true });
    const [victim] = await sql(world.server, 'SELECT hostname, facts FROM hosts WHERE id = $1', [
      world.host.id,
    ]);
    expect(await agent.ask('facts', { facts: { ...victim.facts, hostname: victim.hostname } })).toEqual({
      ok: true,
    });
    const second = await RawAgent.dial(world.server, agent.hostId, agent.nodeKey);
    expect(await second.hello({ hostname: victim.hostname as string, facts: victim.facts })).toMatchObject({
      ok: true,
      host_id: agent.hostId,
    });
    expect(await othersRows(agent)).toEqual(before);
    // By its id the other host is reached as before.
    expect(await outcome(world, 'hostname >/dev/null; echo me')).toMatchObject({
      exit_code: 0,
      output: 'me\n',
    });
    for (const key of ['', 'x'.repeat(200), world.host.uuid, String(world.host.id)])
      await expect(RawAgent.dial(world.server, world.host.id, key)).rejects.toThrow(
        /unknown_node_key|bad_handshake/,
      );
  });
});

describe('what makes no sense', () => {
  const EVENTS = ['hello', 'report', 'answer', 'facts', 'findings', 'triggered'];
  const GARBAGE: unknown[] = [
    undefined,
    null,
    0,
    -1,
    '',
    'x',
    true,
    [],
    {},
    [[]],
    { reports: [] },
    { reports: {} },
    { reports: [null] },
  ];

  it('is refused, and soon the host is not listened to for a while; others are', async () => {
    const agent = await hostile();
    let refused = 0;
    for (const body of GARBAGE)
      for (const event of EVENTS) {
        const reaction = await agent.reaction(event, body);
        if (reaction === 'gone') break;
        expect(reaction).toMatchObject({ ok: false });
        refused += 1;
      }
    expect(refused).toBeGreaterThan(10);
    expect(refused).toBeLessThan(40);
    await agent.gone;
    await expect(RawAgent.dial(world.server, agent.hostId, agent.nodeKey)).rejects.toThrow('unavailable');
    expect(await outcome(world, 'echo served')).toMatchObject({ exit_code: 0 });
  });

  it('before a hello is heard by nobody', async () => {
    const agent = await RawAgent.connect(world.server);
    expect(await agent.ask('facts', { facts: {} })).toMatchObject({ ok: false, error: 'say hello first' });
    expect(await agent.ask('report', { reports: [{ attempt_id: randomUUID() }] })).toMatchObject({
      ok: false,
    });
    expect(await agent.hello()).toMatchObject({ ok: true });
    expect(await agent.ask('report', { reports: [{ attempt_id: randomUUID() }] })).toMatchObject({
      ok: true,
    });
    await expect(agent.hello()).resolves.toMatchObject({ ok: false, error: 'hello was said already' });
  });

  it('costs no more than itself: four megabytes of what is wrong a million times', async () => {
    const zeros = new Array<number>(1_900_000).fill(0);
    const empty = new Array<unknown>(1_000_000).fill([]);
    const keys = Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`k${i}`, 0]));
    const hello = {
      journal_id: randomUUID(),
      hostname: 'x',
      parallel_slots: 1,
      scripts_enabled: true,
      facts: {},
    };
    const bodies: [string, object][] = [
      ['report', { reports: zeros }],
      ['report', { reports: [{ attempt_id: randomUUID(), chunks: zeros }] }],
      ['report', { reports: [{ attempt_id: randomUUID(), ending: ending({ masked: keys }) }] }],
      ['answer', { campaign_id: 1, part: 0, columns: zeros, rows: [] }],
      ['answer', { campaign_id: 1, part: 0, columns: [], rows: zeros }],
      ['answer', { campaign_id: 1, part: 0, columns: [], rows: empty }],
      ['findings', { labels: zeros, policies: [], reports: [], dropped_reports: 0 }],
      ['findings', { labels: [], policies: [], reports: [{ columns: zeros }], dropped_reports: 0 }],
      ['triggered', { arguments: zeros }],
      ['hello', { ...hello, attempts: zeros, labels: {} }],
      ['hello', { ...hello, attempts: [], labels: keys }],
      ['hello', { ...hello, attempts: [], labels: {}, standing: keys }],
    ];
    for (const [event, body] of bodies) {
      const agent = await hostile();
      expect(await agent.reaction(event, body)).toMatchObject(
        event === 'answer' && 'rows' in body && body.rows === empty ? { status: 'stale' } : { ok: false },
      );
      agent.socket.disconnect();
    }
    expect(await outcome(world, 'echo served')).toMatchObject({ exit_code: 0 });
  });

  it('by its size ends the connection', async () => {
    const agent = await hostile();
    expect(await agent.reaction('report', { reports: 'x'.repeat(5 * 1024 * 1024) })).toBe('gone');
    const again = await RawAgent.dial(world.server, agent.hostId, agent.nodeKey);
    expect(await again.reaction('facts', Buffer.alloc(5 * 1024 * 1024))).toBe('gone');
  });

  it('as an event, and as an acknowledgement, ends the connection, too', async () => {
    const agent = await hostile();
    for (let i = 0; i < 25; i++) agent.socket.emit(`event-${i}`, {});
    await agent.gone;
    const other = await hostile();
    other.answerRun = () => new Array<number>(1_000_000).fill(0) as never;
    await run(world.client, other.hostId, 'echo');
    await other.gone;
  });
});

describe('too much', () => {
  it('of everything: the flood waits, the others do not', async () => {
    const agents = await Promise.all([hostile(), hostile(), hostile()]);
    const rows = [new Array<string>(60_000).fill('0123456789')];
    let sent = 0;
    const flood = async (agent: RawAgent): Promise<void> => {
      while (agent.socket.connected) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        // What the server does not read piles up here.
        if (unsent(agent) > 32 * 1024 * 1024) continue;
        agent.socket.emit('report', {
          reports: Array.from({ length: 256 }, () => ({
            attempt_id: randomUUID(),
            chunks: [{ seq: 0, stream: 'stdout', at: 1, data: 'x'.repeat(1000) }],
          })),
        });
        agent.socket.emit('answer', { campaign_id: 1, part: 0, columns: ['a'], rows });
        agent.socket.emit('facts', {
          facts: { hostname: `h${sent}`, platform: 'x', os_version: '1', arch: 'x' },
        });
        sent += 3;
      }
    };
    const floods = agents.map(flood);
    for (let i = 0; i < 20; i++)
      expect(await outcome(world, `echo ${i}`)).toMatchObject({ exit_code: 0, output: `${i}\n` });
    // It is soon known that nobody waits for any of it.
    await Promise.all(floods);
    for (const { hostId, nodeKey } of agents)
      await expect(RawAgent.dial(world.server, hostId, nodeKey)).rejects.toThrow('unavailable');
    expect(sent).toBeGreaterThan(100);
    expect(agents.every(({ hostId }) => hostId !== world.host.id)).toBe(true);
  });

  it('of refusals: the record takes few of one host, however often it comes back', async () => {
    let agent = await hostile();
    const { hostId, nodeKey } = agent;
    const refusal = {
      code: 'bad_signature',
      type: 'run',
      message: 'forged',
      attempt_id: null,
      digest: null,
      key: null,
      at: 0,
      count: 3,
    };
    const refusals = Array.from({ length: 50 }, () => refusal);
    for (let i = 0; i < 10; i++) {
      expect(await agent.ask('refused', { refusals })).toEqual({ ok: true });
      agent.socket.disconnect();
      agent = await RawAgent.dial(world.server, hostId, nodeKey);
      expect(await agent.ask('refused', { refusals })).toMatchObject({ ok: false, error: 'say hello first' });
      await agent.hello();
    }
    const rows = `SELECT details FROM audit WHERE act = 'refused_order' AND host_id = ${hostId}`;
    expect(await sql(world.server, rows)).toHaveLength(200);
    for (let i = 0; i < 200 && agent.socket.connected; i++) await agent.reaction('refused', { refusals });
    await expect(RawAgent.dial(world.server, hostId, nodeKey)).rejects.toThrow('unavailable');
  });

  it('of questions for the time: they are answered as long as they are few', async () => {
    const agent = await hostile();
    let answered = 0;
    for (; answered < 1_000; answered++)
      if ((await agent.reaction('time', { challenge: randomUUID() })) === 'gone') break;
    expect(answered).toBeGreaterThan(50);
    expect(answered).toBeLessThan(1_000);
  });

  it('of connections: a few stay', async () => {
    const first = await hostile();
    const more = await Promise.all(
      Array.from({ length: 100 }, () => RawAgent.dial(world.server, first.hostId, first.nodeKey)),
    );
    await until(async () => [first, ...more].filter(({ socket }) => socket.connected).length <= 4, {
      what: 'most of them to be ended',
    });
    const last = await RawAgent.dial(world.server, first.hostId, first.nodeKey);
    expect(await last.hello()).toMatchObject({ ok: true });
  });

  it('of hellos: one at a time', async () => {
    const agent = await RawAgent.connect(world.server);
    const answers = await Promise.all(Array.from({ length: 15 }, () => agent.hello()));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('of output: what a run may have, and not without end', async () => {
    const agent = await hostile();
    const { order, id } = await orderFor(agent);
    const { attempt_id } = order;
    const data = 'x'.repeat(60_000);
    const cap = 2 * order.output_cap_bytes + 4 * 1024 * 1024;
    let seq = 0;
    let stored = 0;
    for (; stored < 2 * cap + 1_000_000; seq += 8) {
      const chunks = Array.from({ length: 8 }, (_, i) => ({
        seq: seq + i,
        stream: 'stdout',
        at: Date.now(),
        data,
      }));
      const reaction = await agent.reaction('report', { reports: [{ attempt_id, chunks }] });
      if (reaction === 'gone' || (reaction as { ok: boolean }).ok === false) break;
      stored += 8 * data.length;
    }
    expect(stored).toBeLessThanOrEqual(cap);
    const [row] = await sql(
      world.server,
      'SELECT sum(length(c.data))::int AS bytes FROM output_chunks c JOIN executions e ON e.id = c.execution_id WHERE e.uuid = $1',
      [id],
    );
    expect(row.bytes).toBeLessThanOrEqual(cap);
    expect(row.bytes).toBeGreaterThan(order.output_cap_bytes);
  });

  it.each([-1, 0.5, 2 ** 31, 2 ** 53, '0', null])('of numbers: chunk %j is none', async (seq) => {
    const agent = await hostile();
    const { order } = await orderFor(agent);
    const { attempt_id } = order;
    const chunks = [{ seq, stream: 'stdout', at: Date.now(), data: 'x' }];
    expect(await agent.ask('report', { reports: [{ attempt_id, chunks }] })).toMatchObject({ ok: false });
    const good = [{ seq: 2 ** 31 - 1, stream: 'stdout', at: Date.now(), data: 'x' }];
    expect(
      await agent.ask('report', { reports: [{ attempt_id, started_at: 0, chunks: good }] }),
    ).toMatchObject({ ok: true });
    expect(await agent.report({ attempt_id, ending: ending() })).toMatchObject({ ok: true });
  });
});

it('is served as everybody else once it behaves', async () => {
  const agent = await hostile();
  agent.answerRun = (orders) => orders.map(({ attempt_id }) => ({ attempt_id, accepted: true }));
  const { id, order } = await orderFor(agent, 'echo');
  expect(
    await agent.report({ attempt_id: order.attempt_id, started_at: Date.now(), ending: ending() }),
  ).toMatchObject({ ok: true });
  expect((await ended(world.client, id)).target).toMatchObject({ state: 'finished', exit_code: 0 });
});
