/** Looked at even without a hint, so that a lost one costs seconds, not the answer. */
const POLL_MS = 5_000;

/** Who wants to hear that something has changed, by its key. A hint says "look", never what there is to see. */
export class Watchers<Key> {
  private readonly listeners = new Map<Key, Set<() => void>>();

  /** These have changed. Call it after the commit. */
  changed(keys: Iterable<Key>): void {
    for (const key of new Set(keys)) for (const listener of this.listeners.get(key) ?? []) listener();
  }

  /** Calls back on every change until the returned function is called. */
  watch(key: Key, listener: () => void): () => void {
    const set = this.listeners.get(key) ?? new Set();
    this.listeners.set(key, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.listeners.get(key) === set) this.listeners.delete(key);
    };
  }

  /**
   * Yields once at the start (unless it is to `listen` first), whenever the thing may have changed, and every five seconds,
   * until the signal aborts. Changes that come while the consumer is busy are folded into one.
   */
  async *changes(key: Key, signal: AbortSignal, first: 'look' | 'listen' = 'look'): AsyncGenerator<void> {
    let wake: () => void = () => undefined;
    let pending = first === 'look';
    const notice = (): void => {
      pending = true;
      wake();
    };
    const unwatch = this.watch(key, notice);
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
}
