/** Takes one item; a promise when there is no room for the next one yet. */
export type Send<T> = (item: T) => Promise<void> | undefined;

/**
 * Moves everything from the source to one receiver, as fast as the receiver takes it and no faster: the source is asked for
 * more only then. Ends with the source, or when the signal aborts, whatever the receiver does.
 * @param stalled called when the receiver has taken nothing for `stallMs`; is to abort the signal
 * @throws what the source throws
 */
export async function pump<T>(
  source: AsyncIterable<Iterable<T>>,
  send: Send<T>,
  { signal, stallMs, stalled }: { signal: AbortSignal; stallMs: number; stalled: () => void },
): Promise<void> {
  for await (const items of source) {
    for (const item of items) {
      if (signal.aborted) return;
      const room = send(item);
      if (!room) continue;
      const watchdog = setTimeout(stalled, stallMs);
      await settledOrAborted(room, signal);
      clearTimeout(watchdog);
    }
    if (signal.aborted) return;
  }
}

function settledOrAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    signal.addEventListener('abort', done);
    work.then(done, done);
    if (signal.aborted) done();
  });
}
