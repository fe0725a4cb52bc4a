import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type Ending } from '#libs/protocol/index';
import { writeFileAtomically } from '../platform/files.js';
import {
  JournalState,
  type AcceptedOrder,
  type ClosedAttempt,
  type JournalRecord,
  type OpenAttempt,
} from './journal-state.js';
import { LogFile, type LogEntry } from './log-file.js';
import { encodeRecord } from './record.js';
import { Spool } from './spool.js';
import { type OutputReader, type SpoolSummary } from './output.js';
import { type StoredChunk } from './segment.js';

/** When to rewrite: a file this large, most of which nobody needs any more. */
export interface JournalLimits {
  readonly idleBytes: number;
  readonly busyBytes: number;
}

const DEFAULT_LIMITS: JournalLimits = { idleBytes: 512 * 1024, busyBytes: 8 * 1024 * 1024 };

/** How opening went, for the log. */
export interface JournalOpening {
  readonly journal: Journal;
  readonly tornBytes: number;
  /** The journal is a new one: nothing is known of what an earlier one accepted. */
  readonly replaced: boolean;
}

/**
 * The agent's memory of what it was asked to run. It keeps two promises: an attempt it knows is never started again,
 * and nothing it has accepted is forgotten before the server has settled it.
 */
export class Journal {
  private unsyncedTimer: NodeJS.Timeout | null = null;
  private rewriting = false;

  private constructor(
    private readonly directory: string,
    private readonly log: LogFile,
    private readonly state: JournalState,
    private readonly limits: JournalLimits,
  ) {}

  /** Opens the journal in `directory`, creating it when there is none. */
  static open(directory: string, limits: JournalLimits = DEFAULT_LIMITS): JournalOpening {
    fs.mkdirSync(path.join(directory, 'output'), { recursive: true, mode: 0o700 });
    const file = path.join(directory, 'journal.log');
    fs.rmSync(`${file}.new`, { force: true });
    let replaced = false;
    if (!fs.existsSync(file)) {
      replaced = true;
      create(file);
    }
    let state = new JournalState();
    let opened = LogFile.open(file, (record, entry) => state.apply(record.json as JournalRecord, entry));
    if (state.id === '') {
      // Not even the first record is sound: keep the remains for a look, begin anew under a new name.
      replaced = true;
      fs.renameSync(file, `${file}.damaged`);
      create(file);
      state = new JournalState();
      const { tornBytes } = opened;
      opened = {
        ...LogFile.open(file, (record, entry) => state.apply(record.json as JournalRecord, entry)),
        tornBytes,
      };
    } else if (opened.damaged) {
      // Records are missing from the middle: among them may be accepted ones, and the server must not believe that
      // what this journal does not know was never started. A new id says so.
      replaced = true;
      const header: JournalRecord = { t: 'journal', version: 1, id: randomUUID() };
      state.apply(header, opened.log.append(header));
      opened.log.syncNow();
    }
    const journal = new Journal(directory, opened.log, state, limits);
    journal.removeOrphans();
    return { journal, tornBytes: opened.tornBytes, replaced };
  }

  /** Names this journal to the server. */
  get id(): string {
    return this.state.id;
  }

  /** Attempts that are not settled, oldest first. */
  openAttempts(): OpenAttempt[] {
    return [...this.state.open.values()];
  }

  /** How many attempts are not settled. */
  get openCount(): number {
    return this.state.open.size;
  }

  /** An attempt that is not settled. */
  find(attemptId: string): OpenAttempt | undefined {
    return this.state.open.get(attemptId);
  }

  /** An attempt that was refused or is settled. */
  findClosed(attemptId: string): ClosedAttempt | undefined {
    return this.state.closed.get(attemptId);
  }

  /** The attempt of this target that was started here, or still may be. */
  attemptOf(targetId: string): string | undefined {
    return this.state.attemptOf(targetId);
  }

  /** Writes down an order. It may be acknowledged, and started, after `commit`. Throws when it cannot be written. */
  accept(order: AcceptedOrder, at: number): void {
    // A file that failed to sync proves nothing any more; a new one with the same content may.
    if (this.log.failed) this.compact().catch(() => undefined);
    this.record({ t: 'accepted', at, order });
  }

  /** Writes down that this attempt never will be started. */
  refuse(attemptId: string, targetId: string | null, reason: string, message: string, at: number): void {
    const record: JournalRecord = { t: 'refused', a: attemptId, target: targetId, at, reason, message };
    try {
      this.record(record);
    } catch {
      // A full disk keeps us from writing, not from remembering while we live.
      this.state.apply(record, null);
    }
  }

  /** Writes down that a waiting attempt's turn has come. It may be started after `commit`. Throws when it cannot be written. */
  starting(attemptId: string): void {
    this.record({ t: 'starting', a: attemptId });
  }

  /** Writes down which process an attempt became. */
  started(attemptId: string, at: number, process: OpenAttempt['process']): void {
    if (process !== null) this.recordOrRemember({ t: 'started', a: attemptId, at, process });
  }

  /**
   * Writes down how an attempt ended; output that never left memory goes along. False when it could only be
   * remembered: then the output is where it was, and nowhere else.
   */
  ended(attemptId: string, ending: Ending, output: SpoolSummary | readonly StoredChunk[]): boolean {
    if ('layout' in output) {
      return this.recordOrRemember({
        t: 'ended',
        a: attemptId,
        ending,
        output: { kind: 'spool', summary: output },
      });
    }
    const chunks = output.map(({ stream, at, data }) => [stream, at, data.length] as const);
    const blob = Buffer.concat(output.map(({ data }) => data));
    return this.recordOrRemember(
      { t: 'ended', a: attemptId, ending, output: { kind: 'inline', chunks } },
      blob,
    );
  }

  /** The server has it all: only the id stays. */
  settle(attemptId: string): void {
    const attempt = this.state.open.get(attemptId);
    if (attempt === undefined) return;
    const started = attempt.startedAt !== null;
    this.recordOrRemember({ t: 'settled', a: attemptId, target: attempt.order.targetId, started });
    this.compactWhenWorthIt();
  }

  /** Writes down that the server knows this run, which a trigger started. */
  announced(attemptId: string): void {
    this.recordOrRemember({ t: 'announced', a: attemptId });
  }

  /** Resolves when everything written so far is on the disk. */
  commit(): Promise<void> {
    return this.log.sync();
  }

  /** Where an attempt's output is spooled. */
  outputDirectory(attemptId: string): string {
    return path.join(this.directory, 'output', attemptId);
  }

  /** The output that an ended attempt left. */
  async output(attempt: OpenAttempt): Promise<OutputReader> {
    const place = attempt.output;
    if (place?.kind === 'inline') {
      const entry = attempt.entries.at(-1);
      return new InlineOutput(place.chunks, () =>
        entry === undefined ? Buffer.alloc(0) : this.log.read(entry).blob,
      );
    }
    return Spool.recover(
      this.outputDirectory(attempt.order.attemptId),
      attempt.order.capBytes,
      place?.summary,
    );
  }

  /** Rewrites the file with what is still needed. */
  async compact(): Promise<void> {
    if (this.rewriting) return;
    this.rewriting = true;
    try {
      await this.log.rewrite(() => this.state.liveEntries());
    } finally {
      this.rewriting = false;
    }
  }

  /** Bytes of the journal file. */
  get size(): number {
    return this.log.size;
  }

  /** Syncs and closes. */
  async close(): Promise<void> {
    if (this.unsyncedTimer !== null) clearTimeout(this.unsyncedTimer);
    while (this.rewriting) await new Promise((resolve) => setTimeout(resolve, 1));
    await this.log.close();
  }

  private record(record: JournalRecord, blob?: Buffer): LogEntry {
    const entry = this.log.append(record, blob);
    this.state.apply(record, entry);
    // Nobody waits for these; still, a power cut shall not cost more than a moment of them.
    this.unsyncedTimer ??= setTimeout(() => {
      this.unsyncedTimer = null;
      this.log.sync().catch(() => undefined);
    }, 100).unref();
    return entry;
  }

  private recordOrRemember(record: JournalRecord, blob?: Buffer): boolean {
    try {
      this.record(record, blob);
      return true;
    } catch {
      this.state.apply(record, null);
      return false;
    }
  }

  private compactWhenWorthIt(): void {
    const idle = this.state.open.size === 0;
    if (this.rewriting || this.log.size < (idle ? this.limits.idleBytes : this.limits.busyBytes)) return;
    if (this.log.isWorthRewriting(() => this.state.liveEntries())) this.compact().catch(() => undefined);
  }

  private removeOrphans(): void {
    const root = path.join(this.directory, 'output');
    for (const name of fs.readdirSync(root)) {
      if (!this.state.open.has(name)) fs.rmSync(path.join(root, name), { recursive: true, force: true });
    }
  }
}

/** Small output, read from the journal's own record when it is asked for. */
class InlineOutput implements OutputReader {
  readonly first = 0;
  readonly available: number;

  constructor(
    private readonly chunks: readonly (readonly [StoredChunk['stream'], number, number])[],
    private readonly blob: () => Buffer,
  ) {
    this.available = chunks.length;
  }

  async read(seq: number): Promise<StoredChunk> {
    const chunk = this.chunks[seq];
    if (chunk === undefined) throw new Error(`chunk ${seq} is not there`);
    const [stream, at, length] = chunk;
    const start = this.chunks.slice(0, seq).reduce((sum, [, , size]) => sum + size, 0);
    return { stream, at, data: this.blob().subarray(start, start + length) };
  }

  release(): void {
    // It is forgotten with the attempt.
  }

  async remove(): Promise<void> {
    // It is forgotten with the attempt.
  }
}

function create(file: string): void {
  const header: JournalRecord = { t: 'journal', version: 1, id: randomUUID() };
  writeFileAtomically(file, encodeRecord(header));
}
