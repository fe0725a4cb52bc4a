import { AggregateFeed, type FeedClock } from './aggregate-feed.js';
import { type Aggregation, type AggregateResult } from './aggregation-types.js';

const HOST = { id: 1, hostname: 'one', displayName: 'One' };

/** Time that goes on when it is told to. */
class Clock implements FeedClock {
  private time = 0;
  private timers: { at: number; call: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(milliseconds: number, call: () => void): () => void {
    const timer = { at: this.time + milliseconds, call };
    this.timers.push(timer);
    return () => void (this.timers = this.timers.filter((other) => other !== timer));
  }

  async pass(milliseconds: number): Promise<void> {
    for (const end = this.time + milliseconds; this.time < end;) {
      this.time += 1;
      const due = this.timers.filter(({ at }) => at <= this.time);
      this.timers = this.timers.filter(({ at }) => at > this.time);
      for (const { call } of due) call();
      await settled();
    }
  }
}

/** Whatever can go on without time has gone on. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Counts rows; evaluations end when they are let. */
class Counting implements Aggregation {
  readonly kind = 'incremental';
  private count = 0;
  evaluations = 0;
  running = 0;
  mostRunning = 0;
  closed = false;
  /** Told for every evaluation under way; null: they end at once. */
  gates: (() => void)[] | null = null;

  add(_: readonly string[], rows: readonly (readonly (string | null)[])[]): void {
    this.count += rows.length;
  }

  async result(): Promise<AggregateResult> {
    const { count, gates } = this;
    this.evaluations += 1;
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    if (gates) await new Promise<void>((resolve) => gates.push(resolve));
    this.running -= 1;
    return { columns: ['n'], rows: [[String(count)]] };
  }

  close(): void {
    this.closed = true;
  }
}

function feed() {
  const clock = new Clock();
  const aggregation = new Counting();
  const told: string[] = [];
  const listener = (result: AggregateResult, final: boolean): void => {
    const count = 'rows' in result ? result.rows[0]?.[0] : result.error;
    told.push(`${count}${final ? ' in the end' : ''} at ${clock.now()}`);
  };
  const tell = new AggregateFeed(aggregation, listener, clock);
  const add = (): Promise<void> => tell.add(['n'], [['1']], HOST);
  return { clock, aggregation, told, feed: tell, add };
}

it('tells at most five times a second, and everything in the end', async () => {
  const { clock, told, feed: tell, add } = feed();
  for (let i = 0; i < 50; i++) {
    await add();
    await clock.pass(10);
  }
  await tell.finish();
  expect(told).toEqual(['1 at 1', '21 at 201', '41 at 401', '50 in the end at 500']);
});

it('is silent while nothing comes', async () => {
  const { clock, told, add } = feed();
  await clock.pass(1000);
  await add();
  await clock.pass(1000);
  expect(told).toEqual(['1 at 1001']);
});

it('never evaluates twice at once, and rests longer after a long evaluation', async () => {
  const { clock, aggregation, told, feed: tell, add } = feed();
  const gates: (() => void)[] = (aggregation.gates = []);
  await add();
  await clock.pass(1);
  await add();
  await clock.pass(499);
  expect(aggregation.evaluations).toBe(1);
  gates[0]?.();
  await clock.pass(1499);
  expect(aggregation.evaluations).toBe(1);
  await clock.pass(100);
  expect(aggregation.evaluations).toBe(2);
  await add();
  const finished = tell.finish();
  await settled();
  expect(aggregation.evaluations).toBe(2);
  gates[1]?.();
  await settled();
  gates[2]?.();
  await finished;
  expect(aggregation.mostRunning).toBe(1);
  expect(told.map((line) => line.replace(/ at .*/, ''))).toEqual(['1', '2', '3 in the end']);
});

it('tells the end once, also when nothing ever came', async () => {
  const { clock, told, feed: tell, add } = feed();
  await Promise.all([tell.finish(), tell.finish()]);
  await add();
  await clock.pass(1000);
  expect(told).toEqual(['0 in the end at 0']);
});

it('tells nothing after it was closed', async () => {
  const { clock, aggregation, told, feed: tell, add } = feed();
  await add();
  tell.close();
  await clock.pass(1000);
  expect(told).toEqual([]);
  expect(aggregation.closed).toBe(true);
});

it('ends with what its listener throws', async () => {
  const clock = new Clock();
  const thrown = new Error('gone');
  const tell = new AggregateFeed(
    new Counting(),
    () => {
      throw thrown;
    },
    clock,
  );
  await tell.add(['n'], [['1']], HOST);
  await clock.pass(300);
  await expect(tell.finish()).rejects.toBe(thrown);
});
