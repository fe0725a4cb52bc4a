import {
  type Aggregation,
  type AggregateHost,
  type AggregateResult,
  type AggregateRow,
} from './aggregation-types.js';

/** Time as far as the feed needs it. */
export interface FeedClock {
  /** Milliseconds that only grow. */
  now(): number;
  /** Calls once, later. @returns a function that calls it off */
  after(milliseconds: number, call: () => void): () => void;
}

/** Takes a result; `final`: nothing will change it any more. The next evaluation waits for the promise. */
export type AggregateListener = (result: AggregateResult, final: boolean) => void | Promise<void>;

/** Five results a second at most. */
const INTERVAL_MS = 200;
/** Evaluations may take this part of the time at most: the pause after one is so many times as long as it took. */
const PAUSE_FACTOR = 3;

const CLOCK: FeedClock = {
  now: () => performance.now(),
  after: (milliseconds, call) => {
    const timer = setTimeout(call, milliseconds);
    return () => clearTimeout(timer);
  },
};

/**
 * Tells results while rows arrive: a fresh one at most five times a second, never two evaluations at once, and at the end exactly one over
 * everything. What a listener throws ends the feed: `finish` throws it.
 */
export class AggregateFeed {
  private changed = false;
  private earliest = -Infinity;
  private callOff: (() => void) | null = null;
  private running: Promise<void> | null = null;
  private finished: Promise<void> | null = null;
  private closed = false;
  private failure: { readonly error: unknown } | null = null;

  constructor(
    private readonly aggregation: Aggregation,
    private readonly listener: AggregateListener,
    private readonly clock: FeedClock = CLOCK,
  ) {}

  /** Hands rows to the aggregation and, in its time, a result to the listener. */
  async add(columns: readonly string[], rows: readonly AggregateRow[], host: AggregateHost): Promise<void> {
    if (this.closed || this.finished) return;
    await this.aggregation.add(columns, rows, host);
    this.changed = true;
    this.schedule();
  }

  /** Resolves when the listener has taken the last result, which is over everything added before. Twice is once. */
  finish(): Promise<void> {
    return (this.finished ??= this.end());
  }

  /** Tells nothing any more, and closes the aggregation. */
  close(): void {
    this.closed = true;
    this.callOff?.();
    this.callOff = null;
    this.aggregation.close();
  }

  private async end(): Promise<void> {
    this.callOff?.();
    this.callOff = null;
    await this.running;
    if (!this.failure) await this.tell(true);
    if (this.failure) throw this.failure.error;
  }

  private schedule(): void {
    if (!this.changed || this.running || this.callOff || this.closed || this.finished || this.failure) return;
    this.callOff = this.clock.after(Math.max(0, this.earliest - this.clock.now()), () => {
      this.callOff = null;
      this.running = this.tell(false).finally(() => {
        this.running = null;
        this.schedule();
      });
    });
  }

  /** Never rejects. */
  private async tell(final: boolean): Promise<void> {
    this.changed = false;
    const begun = this.clock.now();
    try {
      const result = await this.aggregation.result();
      const took = this.clock.now() - begun;
      this.earliest = begun + Math.max(INTERVAL_MS, took * (1 + PAUSE_FACTOR));
      if (!this.closed) await this.listener(result, final);
    } catch (error) {
      this.failure = { error };
    }
  }
}
