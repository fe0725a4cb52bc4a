import { randomUUID } from 'node:crypto';
import { startAgent, until } from '#libs/testing/index';
import { countIn, countOf, Lab } from './support/lab.js';
import { ending, RawAgent } from './support/raw-agent.js';
import { expectLawfulTransitions, inDatabase, waitingForLocks } from './support/transitions.js';

/** What a report is answered, with how much output the agent may have on its way from then on. */
const stored = (attempt: string, status: 'ok' | 'stale'): object => ({
  ok: true,
  answers: [{ attempt_id: attempt, status }],
  window_bytes: expect.any(Number) as number,
});

describe('messages that cross', () => {
  let lab: Lab;
  beforeAll(async () => {
    lab = await Lab.open();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  async function rawAgent(): Promise<RawAgent> {
    const agent = await RawAgent.connect(lab.server);
    expect(await agent.hello()).toMatchObject({ ok: true, host_id: agent.hostId, stale: [] });
    return agent;
  }

  /** Has a script ordered from the agent; answers its uuid and its attempt. */
  async function ordered(agent: RawAgent): Promise<{ uuid: string; attempt: string }> {
    const uuid = await lab.run(agent.hostId, 'true\n');
    const order = await until(() => agent.orders.find(({ target_id }) => target_id === uuid), {
      what: 'the order',
    });
    return { uuid, attempt: order.attempt_id };
  }

  it('a cancellation that overtakes the order cancels: nothing failed to start', async () => {
    const agent = await rawAgent();
    // The stop was there first: the agent has never started this, and refuses it with the reason of the stop.
    agent.answerRun = (orders) =>
      orders.map(({ attempt_id }) => ({
        attempt_id,
        accepted: false,
        reason: 'cancel_requested',
        message: 'stopped by admin@example.com',
      }));
    agent.answerStop = () => null;
    const { uuid } = await ordered(agent);
    expect(await lab.ended(uuid)).toMatchObject({ state: 'cancelled', reason: 'cancel_requested' });
  });

  it('what an agent has masked is told with the end, and is null where it masked nothing', async () => {
    const agent = await rawAgent();
    const masked = { secret: 2, card: 1 };
    const blocked = { outcome: 'killed', reason: 'output_blocked', message: 'no' };
    const some = await ordered(agent);
    await agent.report({ attempt_id: some.attempt, ending: ending({ ...blocked, masked }) });
    const { reason, message } = blocked;
    expect(await lab.ended(some.uuid)).toMatchObject({ state: 'killed', reason, message, masked });
    const none = await ordered(agent);
    await agent.report({ attempt_id: none.attempt, ending: ending() });
    expect(await lab.ended(none.uuid)).toMatchObject({ state: 'finished', masked: null });
  });

  it('cancelled at any moment, a script ends as cancelled, killed or finished, and ran at most once', async () => {
    const { id } = await startAgent({ server: lab.server }).online();
    const states = new Map<string, number>();
    // What stands before it in the queue: nothing, or something that ends at about the moment of the cancel, or well after it.
    const before = [null, 'true', 'sleep 0.02', 'sleep 0.3'];
    for (let i = 0; i < 40; i++) {
      const counter = lab.counter(`cancelled-${i}`);
      const first = before[i % before.length];
      if (typeof first === 'string') await lab.run(id, first);
      const uuid = await lab.run(id, countIn(counter));
      for (let turns = 0; turns < i % 12; turns++) await new Promise(setImmediate);
      // On a busy machine all of these come before the start: some are to come after it.
      if (i % 8 === 4) await lab.reaches(uuid, ['running', 'finished']);
      await lab.cancel(uuid);
      const { state, reason } = await lab.ended(uuid);
      expect(['cancelled', 'killed', 'finished']).toContain(state);
      expect(countOf(counter)).toBeLessThanOrEqual(state === 'cancelled' ? 0 : 1);
      if (state === 'cancelled') expect(reason).toBe('cancel_requested');
      states.set(state, (states.get(state) ?? 0) + 1);
    }
    // Both sides of the race were met.
    expect(states.get('cancelled')).toBeGreaterThan(0);
    expect((states.get('finished') ?? 0) + (states.get('killed') ?? 0)).toBeGreaterThan(0);
  }, 120_000);

  it('a script that is asked for while the one before it is being settled starts at once', async () => {
    const agent = await rawAgent();
    for (let round = 0; round < 3; round++) {
      const { attempt } = await ordered(agent);
      const next = await inDatabase(lab.databaseUrl, async (client) => {
        await client.query('BEGIN');
        await client.query('SELECT 1 FROM targets WHERE attempt_id = $1 FOR UPDATE', [attempt]);
        const settled = agent.report({ attempt_id: attempt, ending: ending() });
        await until(async () => (await waitingForLocks(client)) > 0, { what: 'the settlement' });
        const uuid = await lab.run(agent.hostId, 'true\n');
        await client.query('COMMIT');
        expect(await settled).toMatchObject({ ok: true });
        return uuid;
      });
      const settledAt = Date.now();
      const order = await until(() => agent.orders.find(({ target_id }) => target_id === next));
      // Well before the sweep, which covers what is forgotten, every five seconds.
      expect(Date.now() - settledAt).toBeLessThan(1_500);
      expect(await agent.report({ attempt_id: order.attempt_id, ending: ending() })).toMatchObject({
        ok: true,
      });
    }
  });

  it('a report about an attempt of another host changes nothing', async () => {
    const [owner, stranger] = [await rawAgent(), await rawAgent()];
    const { uuid, attempt } = await ordered(owner);
    const report = {
      attempt_id: attempt,
      chunks: [{ seq: 0, stream: 'stdout', at: Date.now(), data: 'not mine\n' }],
      ending: ending({ exit_code: 9, chunks: 1 }),
    };
    const stale = stored(attempt, 'stale');
    expect(await stranger.report(report)).toEqual(stale);
    const again = await RawAgent.dial(lab.server, stranger.hostId, stranger.nodeKey);
    expect(await again.hello({ attempts: [{ attempt_id: attempt, state: 'running' }] })).toMatchObject({
      stale: [attempt],
    });
    expect(await lab.target(uuid)).toMatchObject({ state: 'dispatched' });
    expect(await owner.report({ attempt_id: attempt, ending: ending() })).toMatchObject({ ok: true });
    expect(await lab.target(uuid)).toMatchObject({ state: 'finished', exit_code: 0, stdout_bytes: 0 });
    expect((await lab.output(uuid)).stdout).toBe('');
  });

  it('a result that is told twice, at once or later, is stored once and answered twice', async () => {
    const agent = await rawAgent();
    const { uuid, attempt } = await ordered(agent);
    const report = {
      attempt_id: attempt,
      started_at: Date.now(),
      chunks: [{ seq: 0, stream: 'stdout', at: Date.now(), data: 'once\n' }],
      ending: ending({ stdout_bytes: 5, chunks: 1 }),
    };
    const ok = stored(attempt, 'ok');
    expect(await Promise.all([agent.report(report), agent.report(report)])).toEqual([ok, ok]);
    const told = await lab.target(uuid);
    expect(await agent.report({ ...report, ending: ending({ exit_code: 1 }) })).toEqual(ok);
    expect(await lab.target(uuid)).toEqual(told);
    expect((await lab.output(uuid)).stdout).toBe('once\n');
  });

  it.each([
    ['a chunk number', { chunks: [{ seq: 2 ** 31, stream: 'stdout', at: 1, data: 'x' }] }],
    ['a time', { chunks: [{ seq: 0, stream: 'stdout', at: Number.MAX_SAFE_INTEGER, data: 'x' }] }],
    ['an exit code', { ending: ending({ exit_code: 2 ** 40 }) }],
    ['broken text', { ending: ending({ message: '\ud800' }) }],
  ])('%s that cannot be stored holds up nobody else', async (_, nonsense) => {
    const [good, bad] = [await rawAgent(), await rawAgent()];
    const [mine, theirs] = [await ordered(good), await ordered(bad)];
    // In one batch, again and again, as an agent would that says it until it is believed.
    for (let round = 0; round < 3; round++) {
      const [, answer] = await Promise.all([
        bad.report({ attempt_id: theirs.attempt, ...nonsense }).catch(() => null),
        good.report({ attempt_id: mine.attempt, started_at: Date.now() }),
      ]);
      expect(answer).toMatchObject({ ok: true });
    }
    expect(await good.report({ attempt_id: mine.attempt, ending: ending() })).toMatchObject({ ok: true });
    expect(await lab.target(mine.uuid)).toMatchObject({ state: 'finished' });
  });

  it('what nobody has heard of is stale', async () => {
    const agent = await rawAgent();
    const attempt_id = randomUUID();
    expect(await agent.report({ attempt_id, ending: ending() })).toMatchObject({
      answers: [{ attempt_id, status: 'stale' }],
    });
  });
});
