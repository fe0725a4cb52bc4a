import { type Ending, ENVELOPE_AFTER_MS, ENVELOPE_BEFORE_MS, type Stream } from '#libs/protocol/index';
import { type LogEntry } from './log-file.js';
import { type SpoolSummary } from './output.js';

/** Tells a process from a later one with the same number. */
export interface ProcessMark {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat, clock ticks since boot; 0 where there is no /proc. */
  readonly startTime: number;
  readonly bootId: string;
}

/** What made the agent start a run by itself: what the server is told of it, and what the trigger had seen. */
export interface TriggeredMark {
  readonly trigger: { readonly type: 'xpath' | 'schedule'; readonly setting: string };
  /** When it fired, milliseconds since the epoch. */
  readonly at: number;
  /** Handled with this run: a restart does not fire for it again. */
  readonly seen: string;
  readonly contentSha256: string;
  readonly arguments: readonly string[];
}

/** Whose run it is, of those that run one at a time. */
export interface InstanceMark {
  readonly id: number;
  /** Absent: a person started it. */
  readonly triggered?: TriggeredMark;
}

/** What the journal keeps of an order. Never contents, environment values, standard input or secrets. */
export interface AcceptedOrder {
  readonly attemptId: string;
  readonly targetId: string;
  readonly executionId: string;
  readonly kind: string;
  readonly capBytes: number;
  /** It brought secrets and waits for its turn: it has not been started before `starting` is written down. */
  readonly waiting?: true;
  readonly instance?: InstanceMark;
}

/** Where an ended attempt's output is: in the journal's own record, or in the spool. */
export type OutputPlace =
  | { readonly kind: 'inline'; readonly chunks: readonly (readonly [Stream, number, number])[] }
  | { readonly kind: 'spool'; readonly summary: SpoolSummary };

export type JournalRecord =
  | { readonly t: 'journal'; readonly version: 1; readonly id: string }
  | { readonly t: 'accepted'; readonly at: number; readonly order: AcceptedOrder }
  | {
      readonly t: 'refused';
      readonly a: string;
      readonly target: string | null;
      readonly at: number;
      readonly reason: string;
      readonly message: string;
    }
  | { readonly t: 'starting'; readonly a: string }
  /** The server knows this run, which a trigger started. */
  | { readonly t: 'announced'; readonly a: string }
  | { readonly t: 'started'; readonly a: string; readonly at: number; readonly process: ProcessMark }
  | { readonly t: 'ended'; readonly a: string; readonly ending: Ending; readonly output: OutputPlace }
  | { readonly t: 'settled'; readonly a: string; readonly target: string; readonly started: boolean };

/** An attempt that is not settled. */
export interface OpenAttempt {
  readonly order: AcceptedOrder;
  state: 'accepted' | 'running' | 'ended';
  /** Its turn has come; only written down of one that is `waiting`. */
  starting: boolean;
  /** The server knows of it: reports may follow. */
  announced: boolean;
  startedAt: number | null;
  process: ProcessMark | null;
  ending: Ending | null;
  output: OutputPlace | null;
  readonly entries: LogEntry[];
}

/** An attempt of which only the id is remembered, so that it is never started again. */
export interface ClosedAttempt {
  readonly state: 'refused' | 'settled';
  readonly targetId: string | null;
  readonly started: boolean;
  readonly reason: string;
  readonly message: string;
  readonly entry: LogEntry | null;
  /** When this process came to know it, milliseconds since the epoch. */
  readonly closedAt: number;
}

/** How many closed attempts are remembered. The server sends none of them again; this is the belt to its braces. */
export const REMEMBERED = 4096;
/** However many there are: as long as the envelope that brought the order could come again. */
const REMEMBERED_MS = ENVELOPE_BEFORE_MS + ENVELOPE_AFTER_MS;

/** The journal's content, as the records in their order make it. Knows no file. */
export class JournalState {
  id = '';
  header: LogEntry | null = null;
  readonly open = new Map<string, OpenAttempt>();
  readonly closed = new Map<string, ClosedAttempt>();
  /** Target → the attempt of it that was started here, or still may be. */
  private readonly targets = new Map<string, string>();

  /** Applies one record. Records that make no sense (a damaged file's) change nothing. */
  apply(record: JournalRecord, entry: LogEntry | null): void {
    switch (record.t) {
      case 'journal':
        this.id = record.id;
        this.header = entry;
        return;
      case 'accepted': {
        const { order } = record;
        if (this.open.has(order.attemptId) || this.closed.has(order.attemptId)) return;
        const entries = entry === null ? [] : [entry];
        this.open.set(order.attemptId, {
          order,
          state: 'accepted',
          starting: false,
          announced: order.instance?.triggered === undefined,
          startedAt: null,
          process: null,
          ending: null,
          output: null,
          entries,
        });
        this.targets.set(order.targetId, order.attemptId);
        return;
      }
      case 'refused':
        if (this.open.get(record.a)?.state === 'accepted') this.open.delete(record.a);
        if (this.open.has(record.a)) return;
        this.releaseTarget(record.target, record.a);
        this.close(record.a, {
          state: 'refused',
          targetId: record.target,
          started: false,
          reason: record.reason,
          message: record.message,
          entry,
        });
        return;
      case 'starting': {
        const attempt = this.open.get(record.a);
        if (attempt === undefined) return;
        attempt.starting = true;
        if (entry !== null) attempt.entries.push(entry);
        return;
      }
      case 'announced': {
        const attempt = this.open.get(record.a);
        if (attempt === undefined) return;
        attempt.announced = true;
        if (entry !== null) attempt.entries.push(entry);
        return;
      }
      case 'started': {
        const attempt = this.open.get(record.a);
        if (attempt?.state !== 'accepted') return;
        attempt.state = 'running';
        attempt.startedAt = record.at;
        attempt.process = record.process;
        if (entry !== null) attempt.entries.push(entry);
        return;
      }
      case 'ended': {
        const attempt = this.open.get(record.a);
        if (attempt === undefined || attempt.state === 'ended') return;
        attempt.state = 'ended';
        attempt.ending = record.ending;
        attempt.output = record.output;
        if (entry !== null) attempt.entries.push(entry);
        return;
      }
      case 'settled':
        this.open.delete(record.a);
        this.close(record.a, {
          state: 'settled',
          targetId: record.target,
          started: record.started,
          reason: '',
          message: '',
          entry,
        });
        if (record.started) this.targets.set(record.target, record.a);
        else this.releaseTarget(record.target, record.a);
        return;
    }
  }

  /** The attempt of this target that was started here, or may be; when there is one. */
  attemptOf(targetId: string): string | undefined {
    return this.targets.get(targetId);
  }

  /** The records that say all of this: what a rewritten file holds. */
  liveEntries(): LogEntry[] {
    const closed = [...this.closed.values()].map((attempt) => attempt.entry);
    const open = [...this.open.values()].flatMap((attempt) => attempt.entries);
    return [this.header, ...closed, ...open].filter((entry) => entry !== null);
  }

  private close(attemptId: string, closed: Omit<ClosedAttempt, 'closedAt'>): void {
    const now = Date.now();
    this.closed.delete(attemptId);
    this.closed.set(attemptId, { closedAt: now, ...closed });
    for (const [oldest, { targetId, closedAt }] of this.closed) {
      // A clock that was set back must not keep them for ever.
      if (this.closed.size <= REMEMBERED || Math.abs(now - closedAt) < REMEMBERED_MS) return;
      this.closed.delete(oldest);
      this.releaseTarget(targetId, oldest);
    }
  }

  private releaseTarget(targetId: string | null, attemptId: string): void {
    if (targetId !== null && this.targets.get(targetId) === attemptId) this.targets.delete(targetId);
  }
}
