import { Injectable } from '@nestjs/common';
import { Limits, type Report } from '#libs/protocol/index';

/** Output on its way into the store that all agents together may have, bytes. */
const IN_ALL = 32 * 1024 * 1024;
/** Of one agent before it is read from no further. */
const OF_ONE = Limits.messageBytes;
/**
 * What one agent is told that it may have on its way. All of it is stored by one statement, for which the results of others wait: half a megabyte
 * takes 10-20 ms, and four of them made a flood on one host felt on all.
 */
const SHARE_OF_ONE = Limits.windowBytes;
/** Whoever brought output within the last one to two of these shares in it. */
const PERIOD_MS = Limits.windowIdleMs;

/** The part of a connection that can be left unread for a while. */
export interface Source {
  pause(): void;
  resume(): void;
}

/**
 * How much output is in the server's memory at once, whoever sends it. Agents are told their share with each answer and keep to
 * it; before the first one they send a chunk each. So it is `IN_ALL` bytes at most, or one chunk per agent where more than 512 send
 * at the same time. Connections that bring more than that are left unread until what is here has been stored.
 */
@Injectable()
export class OutputIntake {
  private held = 0;
  private readonly heldOf = new Map<Source, number>();
  private readonly paused = new Set<Source>();
  private senders = new Set<Source>();
  private sendersBefore = new Set<Source>();
  private periodEnds = 0;

  /** Bytes that are being stored or wait for it. */
  get bytes(): number {
    return this.held;
  }

  /** Counts what an agent brought until `work` is through, whichever way. */
  async hold<T>(source: Source, reports: readonly Report[], work: () => Promise<T>): Promise<T> {
    const bytes = outputBytes(reports);
    if (bytes === 0) return work();
    this.add(source, bytes);
    try {
      return await work();
    } finally {
      this.remove(source, bytes);
    }
  }

  /** What the agents that send output may each have on its way from now on. */
  share(now = performance.now()): number {
    this.turn(now);
    const senders = Math.max(1, this.senders.size, this.sendersBefore.size);
    return Math.max(Limits.firstWindowBytes, Math.min(SHARE_OF_ONE, Math.floor(IN_ALL / senders)));
  }

  private add(source: Source, bytes: number): void {
    this.turn(performance.now());
    this.senders.add(source);
    this.held += bytes;
    const own = (this.heldOf.get(source) ?? 0) + bytes;
    this.heldOf.set(source, own);
    if ((this.held <= IN_ALL && own <= OF_ONE) || this.paused.has(source)) return;
    this.paused.add(source);
    source.pause();
  }

  private remove(source: Source, bytes: number): void {
    this.held -= bytes;
    const own = (this.heldOf.get(source) ?? 0) - bytes;
    if (own > 0) this.heldOf.set(source, own);
    else this.heldOf.delete(source);
    if (this.held > IN_ALL) return;
    for (const each of this.paused) {
      if ((this.heldOf.get(each) ?? 0) > OF_ONE) continue;
      this.paused.delete(each);
      each.resume();
    }
  }

  private turn(now: number): void {
    if (now < this.periodEnds) return;
    // After a long silence both are of the past.
    this.sendersBefore = now - this.periodEnds < PERIOD_MS ? this.senders : new Set();
    this.senders = new Set();
    this.periodEnds = now + PERIOD_MS;
  }
}

function outputBytes(reports: readonly Report[]): number {
  let bytes = 0;
  for (const { chunks = [] } of reports) for (const { data } of chunks) bytes += data.length;
  return bytes;
}
