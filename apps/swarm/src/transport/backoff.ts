import { type Random } from '../platform/random.js';

/** Growth stops far below the numbers that a double cannot hold. */
const MOST_FAILURES = 20;

/** Exponential backoff with jitter as the real agent has it: how long to wait, and no state but the count of failures. */
export class Backoff {
  constructor(
    private readonly leastMs: number,
    private readonly baseMs: number,
    private readonly capMs: number,
  ) {}

  /** @param failures in a row before this one. @returns milliseconds */
  after(failures: number, random: Random): number {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** Math.min(failures, MOST_FAILURES));
    return random.within({ from: this.leastMs, to: Math.max(this.leastMs, ceiling) });
  }
}

/** The real agent's: between connections, and between enrolments. */
export const DIALING = new Backoff(200, 500, 30_000);
export const ENROLLING = new Backoff(200, 1000, 60_000);

/** A connection that lasted longer than this was a good one: the next loss begins with short waits again. */
export const GOOD_CONNECTION_MS = 10_000;
