import { setTimeout as delay } from 'node:timers/promises';

export interface UntilOptions {
  /** Milliseconds until it counts as failed; generous, since on a busy machine the start of an agent alone may take ten seconds. */
  timeout?: number;
  /** Milliseconds between two looks. */
  interval?: number;
  /** What is waited for, for the error message. */
  what?: string;
  /** Ends the waiting early, with the signal's reason. */
  signal?: AbortSignal;
}

/**
 * Looks again and again until `look` answers something truthy, and returns that. For the state of other processes,
 * which can only be looked at; what this process does itself is awaited. A throwing look counts as "not yet".
 */
export async function until<T>(
  look: () => T | Promise<T>,
  { timeout = 30_000, interval = 25, what = 'the condition', signal }: UntilOptions = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + timeout;
  for (;;) {
    let last: string;
    try {
      const seen = await look();
      if (seen) return seen;
      last = `last seen: ${JSON.stringify(seen)}`;
    } catch (error) {
      last = `last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (Date.now() >= deadline) throw new Error(`${what} did not come true within ${timeout} ms (${last})`);
    signal?.throwIfAborted();
    await delay(interval);
  }
}
