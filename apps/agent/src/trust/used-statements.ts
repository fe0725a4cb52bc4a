import { type Statement } from '#libs/protocol/index';
import { LogFile, type LogEntry } from '../journal/log-file.js';

/** The first record of a file: before `since` nothing is remembered, and of what was good until `forgotten` nothing is any more. */
interface Beginning {
  readonly since: number;
  readonly forgotten: number;
}

/** A statement that was used. */
interface Use {
  readonly nonce: string;
  readonly until: number;
}

interface Remembered {
  readonly until: number;
  readonly entry: LogEntry;
}

/** Rewritten when so many records are in the file, most of which are of no use any more. */
const REWRITE_AT = 4096;

/**
 * Which statements this host has acted upon: each is good for one run. On disk, so that a restart forgets nothing, for as long as a statement is good by
 * this host's own clock; a clock that is set back makes none good again.
 */
export class UsedStatements {
  private readonly uses = new Map<string, Remembered>();

  private constructor(
    private readonly log: LogFile,
    private beginning: Beginning,
    private beginningEntry: LogEntry,
    private records: number,
  ) {}

  /**
   * Opens the file, or begins one. Where something of it is lost, or there was none, what was signed before now counts as used.
   * @param now this host's clock, milliseconds
   */
  static open(file: string, now: number): UsedStatements {
    let last: { beginning: Beginning; entry: LogEntry } | null = null;
    let records = 0;
    const found = new Map<string, Remembered>();
    const { log, damaged } = LogFile.open(file, ({ json }, entry) => {
      records += 1;
      if (isUse(json)) found.set(json.nonce, { until: json.until, entry });
      else if (isBeginning(json)) last = { beginning: json, entry };
    });
    const before = last as { beginning: Beginning; entry: LogEntry } | null;
    if (before !== null && !damaged) {
      const known = new UsedStatements(log, before.beginning, before.entry, records);
      for (const [nonce, use] of found) known.uses.set(nonce, use);
      return known;
    }
    const beginning = { since: now, forgotten: before?.beginning.forgotten ?? 0 };
    const entry = log.append(beginning);
    log.syncNow();
    const fresh = new UsedStatements(log, beginning, entry, records + 1);
    for (const [nonce, use] of found) fresh.uses.set(nonce, use);
    return fresh;
  }

  /** Why this statement cannot be used, for people; null: it can. */
  refusal({ nonce, not_before, expires }: Statement): string | null {
    if (this.uses.has(nonce))
      return 'this host has run what was signed already; each statement is good for one run';
    if (expires <= this.beginning.forgotten)
      return 'this host has seen a time at which this statement was over, and does not know any more whether it has run it';
    if (not_before < this.beginning.since)
      return `it was signed before ${new Date(this.beginning.since).toISOString()}, from when on this host knows what it has run: sign it again`;
    return null;
  }

  /** Remembers a use; it is certain after `commit`. Throws when it cannot be written. */
  remember({ nonce, expires }: Statement, now: number): void {
    this.forget(now);
    const use: Use = { nonce, until: expires };
    this.uses.set(nonce, { until: expires, entry: this.log.append(use) });
    this.records += 1;
  }

  /** Resolves when all that was remembered is on the disk. */
  commit(): Promise<void> {
    return this.log.sync();
  }

  /** Syncs and closes. */
  close(): Promise<void> {
    return this.log.close();
  }

  /** Statements that are over need not be remembered one by one: nothing that ended before them is believed any more. */
  private forget(now: number): void {
    if (this.records < REWRITE_AT) return;
    let { forgotten } = this.beginning;
    const over = [...this.uses].filter(([, { until }]) => until <= now);
    if (2 * over.length < this.records) return;
    for (const [nonce, { until }] of over) {
      forgotten = Math.max(forgotten, until);
      this.uses.delete(nonce);
    }
    this.beginning = { ...this.beginning, forgotten };
    this.beginningEntry = this.log.append(this.beginning);
    this.records = this.uses.size + 1;
    this.log
      .rewrite(() => [this.beginningEntry, ...[...this.uses.values()].map(({ entry }) => entry)])
      .catch(() => undefined);
  }
}

function isUse(json: unknown): json is Use {
  return typeof json === 'object' && json !== null && 'nonce' in json && 'until' in json;
}

function isBeginning(json: unknown): json is Beginning {
  return typeof json === 'object' && json !== null && 'since' in json && 'forgotten' in json;
}
