import { type StandingCheck } from '#libs/protocol/index';
import { type Runner } from '../tables/query/query.js';
import { type CheckKind, type FindingsSender } from './findings-sender.js';
import { yieldsRow } from './standing-query.js';
import { type Timetable } from './timetable.js';

/** Between two evaluations, unless the server says otherwise. */
const DEFAULT_INTERVAL_SECONDS = 3600;
/** By so much, either way, the time to the next evaluation differs: hosts that began together do not go on together. */
const JITTER = 0.1;
/** After a connection; thousands of hosts may have come with this one. */
const CONNECT_JITTER_MS = 2000;
/** A pass that takes longer tells what it has found so far. */
const TELL_AFTER_MS = 1000;

/** The labels, or the policies, that this host evaluates: on connecting, at intervals, and when they change. */
export class Checks {
  private sqlOf = new Map<number, string>();
  /** Not evaluated yet as they are now. */
  private readonly fresh = new Set<number>();
  private intervalMs = DEFAULT_INTERVAL_SECONDS * 1000;
  /** When all of them are due, milliseconds since the epoch. */
  private allDue = 0;

  constructor(
    private readonly kind: CheckKind,
    private readonly timetable: Timetable,
    private readonly sender: FindingsSender,
    private readonly runner: Runner,
    private readonly signal: AbortSignal,
  ) {}

  /** These are the checks from now on; what is new or has changed is evaluated now. */
  define(checks: readonly StandingCheck[]): void {
    const before = this.sqlOf;
    this.sqlOf = new Map(checks.map(({ id, sql }) => [id, sql]));
    for (const [id, sql] of this.sqlOf) if (before.get(id) !== sql) this.fresh.add(id);
    const gone = [...before.keys()].filter((id) => !this.sqlOf.has(id));
    for (const id of gone) this.fresh.delete(id);
    // A verdict about what it was before must not be told any more either.
    this.sender.forget(this.kind, [...gone, ...this.fresh]);
    if (this.sqlOf.size === 0) this.timetable.delete(this.kind);
    else this.timetable.set(this.kind, this.fresh.size > 0 ? Date.now() : this.allDue, () => this.evaluate());
  }

  /** @param seconds null: an hour */
  every(seconds: number | null): void {
    const intervalMs = (seconds ?? DEFAULT_INTERVAL_SECONDS) * 1000;
    if (intervalMs === this.intervalMs) return;
    this.intervalMs = intervalMs;
    this.hasten(intervalMs * Math.random());
  }

  /** A connection begins: the server is told how things stand. */
  connected(): void {
    this.hasten(CONNECT_JITTER_MS * Math.random());
  }

  private hasten(ms: number): void {
    this.allDue = Math.min(this.allDue, Date.now() + ms);
    this.timetable.hasten(this.kind, this.allDue);
  }

  private async evaluate(): Promise<number> {
    const isDue = Date.now() >= this.allDue;
    // Before the first await: a connection that comes meanwhile wants another evaluation.
    if (isDue) this.allDue = Date.now() + this.intervalMs * (1 - JITTER + 2 * JITTER * Math.random());
    await this.pass(isDue ? [...this.sqlOf.keys()] : [...this.fresh]);
    return this.fresh.size > 0 ? Date.now() : this.allDue;
  }

  private async pass(ids: readonly number[]): Promise<void> {
    let found = new Map<number, boolean | null>();
    let toldAt = Date.now();
    for (const id of ids) {
      const sql = this.sqlOf.get(id);
      if (sql === undefined) continue;
      const passes = await yieldsRow(this.runner, sql, this.signal);
      if (passes === undefined) return;
      // It may be another one by now.
      if (this.sqlOf.get(id) !== sql) continue;
      this.fresh.delete(id);
      found.set(id, passes);
      if (Date.now() - toldAt < TELL_AFTER_MS) continue;
      this.sender.tell(this.kind, found);
      found = new Map();
      toldAt = Date.now();
    }
    // What was taken away meanwhile is not told.
    for (const id of found.keys()) if (!this.sqlOf.has(id) || this.fresh.has(id)) found.delete(id);
    this.sender.tell(this.kind, found);
  }
}
