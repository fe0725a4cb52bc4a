import { type Nudges } from './nudges.js';

/** Looked at even without a nudge, so that a lost one costs seconds, not the answer. */
const POLL_MS = 5_000;

/**
 * Yields once at the start (unless it is to `listen` first) and then whenever the execution may have changed, until the
 * signal aborts.
 * Changes that come while the consumer is busy are folded into one.
 */
export async function* changes(
  nudges: Nudges,
  executionId: string,
  signal: AbortSignal,
  first: 'look' | 'listen' = 'look',
): AsyncGenerator<void> {
  let wake: () => void = () => undefined;
  let pending = first === 'look';
  const notice = (): void => {
    pending = true;
    wake();
  };
  const unwatch = nudges.watch(executionId, notice);
  const poll = setInterval(notice, POLL_MS);
  signal.addEventListener('abort', notice);
  try {
    while (!signal.aborted) {
      if (!pending) await new Promise<void>((resolve) => (wake = resolve));
      if (signal.aborted) return;
      pending = false;
      yield;
    }
  } finally {
    unwatch();
    clearInterval(poll);
    signal.removeEventListener('abort', notice);
  }
}
