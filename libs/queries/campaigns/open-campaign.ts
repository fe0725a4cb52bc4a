import { type AnswerOutcome, type QueryOrder } from '#libs/protocol/index';
import { type KeptStatement } from '#libs/agents/index';
import { type Campaign } from './campaign.entity.js';
import { type HostAnswer } from './campaigns.repository.js';
import { type StreamEvent } from './stream-event.js';

/** What subscribers that keep up are given without a look into the store. */
const RECENT_BYTES = 2 * 1024 * 1024;
const MEGABYTE = 1024 * 1024;
/** Memory that a query may need on a host. */
const HOST_MEMORY_BYTES = 256 * MEGABYTE;

/** A stored part of an answer. */
export interface StoredPart {
  readonly seq: number;
  readonly hostId: number;
  readonly part: number;
  /** null while more parts follow. */
  readonly outcome: AnswerOutcome | null;
  readonly rowCount: number;
  readonly json: string;
}

/** What has been heard so far. */
export interface Tally {
  answered: number;
  withRows: number;
  withoutRows: number;
  lastSeq: number;
}

/**
 * A campaign that is not over: whom it waits for, and what those who listen need. Everything here can be read from the
 * rows again; it follows them, never the other way round.
 */
export class OpenCampaign {
  /** Hosts whose answer has not ended. */
  readonly pending: Set<number>;
  /** Targets not seen for thirty days, as they were when somebody first asked. */
  missing: number | null = null;
  readonly tally: Tally = { answered: 0, withRows: 0, withoutRows: 0, lastSeq: 0 };
  /** Once nobody who is connected owes an answer; it stays so. */
  finished = false;
  /** What people have signed of it; null: nobody has. */
  signed: KeptStatement | null = null;
  /** No answer counts any more, and everything about it is known. */
  over = false;
  /** The last result of the aggregate. */
  aggregate: StreamEvent | null = null;
  /** Number of the last result that is surely in it. */
  aggregated = 0;
  /** It will not change any more. */
  aggregateDone = false;
  /** Parts stored of answers that have not ended, by host. */
  private readonly parts = new Map<number, number>();
  /** Rows of answers that have not ended, by host. */
  private readonly rows = new Map<number, number>();
  private subscribers = 0;
  private idleSince = performance.now();
  private recent: StreamEvent[] = [];
  private recentBytes = 0;

  /** @param settledAt until then hosts that are not connected may still come back: milliseconds of `performance.now()` */
  constructor(
    readonly row: Campaign,
    private readonly settledAt = 0,
  ) {
    this.pending = new Set(row.targets);
  }

  /** Becomes what the rows say: what is at hand is forgotten. */
  follow(answers: readonly HostAnswer[], lastSeq: number): void {
    this.tally.lastSeq = lastSeq;
    this.tally.answered = this.tally.withRows = this.tally.withoutRows = 0;
    this.parts.clear();
    this.rows.clear();
    this.recent = [];
    this.recentBytes = 0;
    for (const { hostId, parts, rows, outcome } of answers) {
      if (outcome !== null) this.ended(hostId, outcome, rows);
      else {
        this.parts.set(hostId, parts);
        this.rows.set(hostId, rows);
      }
    }
  }

  get id(): number {
    return this.row.id;
  }

  /** Somebody listens. */
  arrive(): void {
    this.subscribers += 1;
  }

  /** Somebody no longer listens. */
  leave(): void {
    this.subscribers -= 1;
    this.idleSince = performance.now();
  }

  /** Milliseconds since somebody listened last; 0 while somebody does. */
  get idleMs(): number {
    return this.subscribers > 0 ? 0 : performance.now() - this.idleSince;
  }

  /** Whether the aggregate, if there is one, has all that can be in it. */
  get isAggregated(): boolean {
    return this.row.aggregate === null || this.aggregateDone;
  }

  /** Whether it can be said that nobody owes an answer: also the aggregate holds all of them. */
  get isToldFinished(): boolean {
    return (
      this.finished &&
      (this.isAggregated || (this.aggregate !== null && this.aggregated >= this.tally.lastSeq))
    );
  }

  /** Whether being away means something: agents need a while to come back to a server that has just started. */
  get isSettled(): boolean {
    return performance.now() >= this.settledAt;
  }

  /** What the hosts are told. */
  order(): QueryOrder {
    const { id, sql, hostSeconds, hostRows } = this.row;
    return {
      campaign_id: id,
      sql,
      limits: { milliseconds: hostSeconds * 1000, memory_bytes: HOST_MEMORY_BYTES, rows: hostRows },
    };
  }

  /** Whether this is the part of this host's answer that comes next, within the rows that it may answer. */
  expects(hostId: number, part: number, rows: number): boolean {
    return (
      this.pending.has(hostId) &&
      part === (this.parts.get(hostId) ?? 0) &&
      (this.rows.get(hostId) ?? 0) + rows <= this.row.hostRows
    );
  }

  /** How many parts are stored of an answer that has begun and not ended; 0 for all others. */
  begun(hostId: number): number {
    return this.parts.get(hostId) ?? 0;
  }

  /** Parts that have been committed, in the order of their numbers. */
  stored(parts: readonly StoredPart[]): void {
    for (const part of parts) this.count(part);
    this.recent.push(...parts.map(({ seq, json }) => ({ type: 'result' as const, seq, json })));
    for (const { json } of parts) this.recentBytes += json.length;
    this.forgetOld();
  }

  /** The results after this number, as far as they are at hand; null when the store has to be asked. */
  after(seq: number): readonly StreamEvent[] | null {
    if (seq >= this.tally.lastSeq) return [];
    const first = this.recent[0]?.seq ?? Infinity;
    return seq + 1 < first ? null : this.recent.slice(seq + 1 - first);
  }

  private count({ hostId, part, outcome, rowCount, seq }: StoredPart): void {
    this.tally.lastSeq = seq;
    const rows = (this.rows.get(hostId) ?? 0) + rowCount;
    if (outcome === null) {
      this.parts.set(hostId, part + 1);
      this.rows.set(hostId, rows);
      return;
    }
    this.parts.delete(hostId);
    this.rows.delete(hostId);
    this.ended(hostId, outcome, rows);
  }

  private ended(hostId: number, outcome: AnswerOutcome, rows: number): void {
    this.pending.delete(hostId);
    this.tally.answered += 1;
    if (outcome !== 'answered') return;
    if (rows > 0) this.tally.withRows += 1;
    else this.tally.withoutRows += 1;
  }

  private forgetOld(): void {
    let drop = 0;
    while (this.recentBytes > RECENT_BYTES && drop < this.recent.length)
      this.recentBytes -= this.recent[drop++]?.json.length ?? 0;
    if (drop > 0) this.recent = this.recent.slice(drop);
  }
}
