import { Injectable } from '@nestjs/common';

/**
 * Hints that rows have changed, sent after the commit. A lost hint costs time, never truth: sweeps and polls
 * find what it was about.
 */
@Injectable()
export class Nudges {
  private readonly watchers = new Map<string, Set<() => void>>();
  private readonly lastWake = new Map<number, number>();
  private wakes = 0;
  private wakeDispatcher: (hostIds: readonly number[]) => void = () => undefined;

  /** These hosts may have work to send, or room for more. */
  wake(hostIds: readonly number[]): void {
    if (hostIds.length === 0) return;
    this.wakes += 1;
    for (const id of hostIds) this.lastWake.set(id, this.wakes);
    this.wakeDispatcher(hostIds);
  }

  /** A point in time, for `wokenSince`. */
  mark(): number {
    return this.wakes;
  }

  /** Whether this host was woken after the mark was taken. */
  wokenSince(hostId: number, mark: number): boolean {
    return (this.lastWake.get(hostId) ?? 0) > mark;
  }

  /** The dispatcher listens here. */
  onWake(listener: (hostIds: readonly number[]) => void): void {
    this.wakeDispatcher = listener;
  }

  /** Output or states of these executions (by their internal id) have changed. */
  changed(executionIds: Iterable<string>): void {
    for (const id of new Set(executionIds)) for (const listener of this.watchers.get(id) ?? []) listener();
  }

  /** Calls back on every change until the returned function is called. */
  watch(executionId: string, listener: () => void): () => void {
    const set = this.watchers.get(executionId) ?? new Set();
    this.watchers.set(executionId, set.add(listener));
    return () => {
      set.delete(listener);
      if (set.size === 0 && this.watchers.get(executionId) === set) this.watchers.delete(executionId);
    };
  }
}
