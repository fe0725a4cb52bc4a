import * as fs from 'node:fs';
import * as path from 'node:path';
import { ScheduledReport } from '#libs/protocol/index';
import { errorMessage, readTextOr } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';

/** Bytes that reports may take on disk while the server is away; then the oldest give way. */
const SPOOL_BYTES = 32 * 1024 * 1024;
const SPOOL_REPORTS = 50_000;
const DROPPED_FILE = 'dropped';

interface Entry {
  readonly number: number;
  readonly bytes: number;
  /** Only where it could not be written. */
  readonly text: string | null;
}

/** What `first` found: reports in order, and what is to be said of them when the server has them. */
export interface SpooledReports {
  readonly reports: ScheduledReport[];
  /** The last one that was looked at. */
  readonly upTo: number;
}

/** Reports that the server has not acknowledged: one file each, in the order of their numbers. Bounded, and what was dropped is counted. */
export class ReportSpool {
  private entries: Entry[] = [];
  private bytes = 0;
  private nextNumber = 1;
  private droppedCount: number;

  constructor(
    private readonly directory: string,
    private readonly log: AgentLogger,
    private readonly limits = { bytes: SPOOL_BYTES, reports: SPOOL_REPORTS },
  ) {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.droppedCount = Number(readTextOr(path.join(directory, DROPPED_FILE), '0')) || 0;
    for (const name of fs.readdirSync(directory).sort()) {
      const number = /^(\d{12})\.json$/.exec(name)?.[1];
      if (number !== undefined) this.know({ number: Number(number), bytes: this.sizeOf(name), text: null });
    }
    this.bound();
  }

  /** How many were dropped since the server was last told. */
  get dropped(): number {
    return this.droppedCount;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0 && this.droppedCount === 0;
  }

  add(report: ScheduledReport): void {
    const text = JSON.stringify(report);
    const number = this.nextNumber;
    let kept: string | null = null;
    try {
      fs.writeFileSync(this.fileOf(number), text, { mode: 0o600 });
    } catch (error) {
      this.log.warn(
        { err: errorMessage(error) },
        'a report could not be written to disk; it is kept in memory',
      );
      kept = text;
    }
    this.know({ number, bytes: Buffer.byteLength(text), text: kept });
    this.bound();
  }

  /** The oldest ones: one at least, and as many more as fit. */
  first(maxBytes: number, maxCount: number): SpooledReports {
    const reports: ScheduledReport[] = [];
    let [upTo, bytes] = [0, 0];
    for (const entry of this.entries.slice(0, maxCount)) {
      bytes += entry.bytes;
      if (reports.length > 0 && bytes > maxBytes) break;
      upTo = entry.number;
      const report = this.read(entry);
      if (report !== null) reports.push(report);
    }
    return { reports, upTo };
  }

  /** The server has them. @param dropped how many it was told were dropped */
  confirm(upTo: number, dropped: number): void {
    const gone = this.entries.filter(({ number }) => number <= upTo);
    this.entries = this.entries.filter(({ number }) => number > upTo);
    for (const entry of gone) this.forget(entry);
    if (dropped > 0) this.countDropped(-dropped);
  }

  private know(entry: Entry): void {
    this.entries.push(entry);
    this.bytes += entry.bytes;
    this.nextNumber = entry.number + 1;
  }

  private bound(): void {
    let count = 0;
    while (this.bytes > this.limits.bytes || this.entries.length > this.limits.reports) {
      const oldest = this.entries.shift();
      if (oldest === undefined) break;
      this.forget(oldest);
      count += 1;
    }
    if (count === 0) return;
    this.countDropped(count);
    this.log.warn(
      { reports: count },
      'the oldest reports of scheduled queries were dropped: there is no more room for them',
    );
  }

  private countDropped(change: number): void {
    this.droppedCount = Math.max(0, this.droppedCount + change);
    try {
      fs.writeFileSync(path.join(this.directory, DROPPED_FILE), String(this.droppedCount), { mode: 0o600 });
    } catch {
      // Counted in memory as long as this process lives.
    }
  }

  /** Null: a crash tore it, or the disk did. */
  private read(entry: Entry): ScheduledReport | null {
    try {
      const text = entry.text ?? fs.readFileSync(this.fileOf(entry.number), 'utf8');
      return ScheduledReport.parse(JSON.parse(text));
    } catch (error) {
      this.log.warn({ err: errorMessage(error) }, 'a report cannot be read back from disk; it is left out');
      return null;
    }
  }

  private forget({ number, bytes, text }: Entry): void {
    this.bytes -= bytes;
    if (text === null) fs.rmSync(this.fileOf(number), { force: true });
  }

  private sizeOf(name: string): number {
    return fs.statSync(path.join(this.directory, name)).size;
  }

  private fileOf(number: number): string {
    return path.join(this.directory, `${String(number).padStart(12, '0')}.json`);
  }
}
