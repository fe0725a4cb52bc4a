import { Injectable } from '@nestjs/common';
import { Watchers } from '#libs/platform/streams/index';

/**
 * Hints that rows have changed, sent after the commit: to the dispatcher by host, to watchers, rollouts and reviews by the internal id
 * of the execution. A lost hint costs time, never truth: sweeps and polls find what it was about.
 */
@Injectable()
export class Nudges extends Watchers<string> {
  private readonly lastWake = new Map<number, number>();
  private wakes = 0;
  private wakeDispatcher: (hostIds: readonly number[]) => void = () => undefined;
  private readonly endListeners: ((executionIds: readonly string[]) => void)[] = [];

  /** These hosts may have work to send, or room for more. */
  wake(hostIds: readonly number[]): void {
    if (hostIds.length === 0) return;
    this.wakes += 1;
    for (const id of hostIds) this.lastWake.set(id, this.wakes);
    this.wakeDispatcher(hostIds);
  }

  /** Targets of these have ended: they have changed, and where hosts take turns it may be the next one's. */
  ended(executionIds: readonly string[]): void {
    this.changed(executionIds);
    for (const tell of this.endListeners) tell(executionIds);
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

  /** Rollouts and reviews listen here. */
  onEnd(listener: (executionIds: readonly string[]) => void): void {
    this.endListeners.push(listener);
  }
}
