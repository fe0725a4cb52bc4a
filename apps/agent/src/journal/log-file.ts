import * as fs from 'node:fs';
import * as path from 'node:path';
import { syncDirectory } from '../platform/files.js';
import { decodeRecord, encodeRecord, hasRecordAfter, scanRecords, type FoundRecord } from './record.js';

/** A record that was appended; it knows where it stands, also after the file was rewritten. */
export interface LogEntry {
  offset: number;
  readonly length: number;
  /** Holds the bytes while the file is being replaced and the record is not on disk yet. */
  parked: Buffer | null;
}

/** What opening found. */
export interface LogOpening {
  readonly log: LogFile;
  /** Bytes after the last sound record: what a crash tore. */
  readonly tornBytes: number;
  /** Sound records stand behind the damage, so this was no torn tail: something is lost. */
  readonly damaged: boolean;
}

const ADD_UP_EVERY_MS = 1_000;

/**
 * An append-only file of records with group commit. Appending is a synchronous write into the page cache (about 10 µs;
 * a round trip through the thread pool costs more); making it durable is one fdatasync shared by all who wait.
 */
export class LogFile {
  private unsynced = false;
  private running: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private parking: LogEntry[] | null = null;
  private rewriting = false;
  private failure: Error | null = null;
  /** Of what was needed when that was added up last. */
  private twiceLive = 0;
  private addedUpAt = -Infinity;

  private constructor(
    private readonly file: string,
    private fd: number,
    private end: number,
  ) {}

  /** Opens or creates the file and hands each sound record to `onRecord`; a torn tail is cut off. */
  static open(file: string, onRecord: (record: FoundRecord, entry: LogEntry) => void): LogOpening {
    const fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
    const bytes = fs.readFileSync(fd);
    let end = 0;
    for (const record of scanRecords(bytes)) {
      onRecord(record, { offset: record.offset, length: record.length, parked: null });
      end = record.offset + record.length;
    }
    const damaged = end < bytes.length && hasRecordAfter(bytes, end + 1);
    if (end < bytes.length) {
      fs.ftruncateSync(fd, end);
      fs.fdatasyncSync(fd);
    }
    return { log: new LogFile(file, fd, end), tornBytes: bytes.length - end, damaged };
  }

  /** Bytes in the file. */
  get size(): number {
    return this.end;
  }

  /** Nothing can be promised until a rewrite has succeeded. */
  get failed(): boolean {
    return this.failure !== null;
  }

  /** Like `sync`, for the start, when nobody else waits. */
  syncNow(): void {
    fs.fdatasyncSync(this.fd);
    this.unsynced = false;
  }

  /** Writes a record. It survives the death of this process from now on, that of the machine after `sync`. */
  append(json: unknown, blob?: Buffer): LogEntry {
    if (this.failure !== null) throw this.failure;
    const frame = encodeRecord(json, blob);
    if (this.parking !== null) {
      const entry: LogEntry = { offset: -1, length: frame.length, parked: frame };
      this.parking.push(entry);
      return entry;
    }
    const entry: LogEntry = { offset: this.end, length: frame.length, parked: null };
    this.write(frame);
    return entry;
  }

  /** Resolves when everything appended so far is on the disk. */
  sync(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure);
    if (!this.unsynced && this.parking === null && this.running === null) return Promise.resolve();
    if (this.running === null) return this.startSync();
    // A sync under way may have begun before the caller's record was written: wait for the one after it.
    this.next ??= this.running.then(
      () => this.startSync(),
      () => this.startSync(),
    );
    return this.next;
  }

  /**
   * Whether most of the file is not needed any more. Adding up what is needed takes as long as there are records: it is done again only when the
   * file has grown to twice of what it was, or a second has passed.
   */
  isWorthRewriting(live: () => readonly LogEntry[]): boolean {
    const now = performance.now();
    if (this.end <= this.twiceLive && now - this.addedUpAt < ADD_UP_EVERY_MS) return false;
    this.addedUpAt = now;
    this.twiceLive = 2 * live().reduce((sum, { length }) => sum + length, 0);
    return this.end > this.twiceLive;
  }

  /** Reads a record back. */
  read(entry: LogEntry): FoundRecord {
    const bytes = entry.parked ?? this.readBytes(entry);
    const record = decodeRecord(bytes, 0);
    if (record === null) throw new Error(`the journal record at ${entry.offset} is damaged`);
    return record;
  }

  /**
   * Replaces the file by one that holds only `live()`, in that order: new file, fsync, rename, fsync of the directory.
   * Records appended meanwhile wait in memory and follow, so callers never see a gap.
   */
  async rewrite(live: () => LogEntry[]): Promise<void> {
    if (this.rewriting) return;
    this.rewriting = true;
    const temporary = `${this.file}.new`;
    let fd: number | null = null;
    try {
      while (this.running !== null) await this.running.catch(() => undefined);
      this.parking = [];
      const entries = live();
      fd = fs.openSync(temporary, 'w+', 0o600);
      const offsets: number[] = [];
      let end = 0;
      for (const [index, entry] of entries.entries()) {
        offsets.push(end);
        end += writeAll(fd, this.readBytes(entry), end);
        // Large rewrites give way to the event loop; small ones are over before anybody waits.
        if (index % 256 === 255) await new Promise(setImmediate);
      }
      await fsync(fd);
      fs.renameSync(temporary, this.file);
      syncDirectory(path.dirname(this.file));
      fs.closeSync(this.fd);
      this.fd = fd;
      this.end = end;
      this.unsynced = false;
      this.failure = null;
      for (const [index, entry] of entries.entries()) {
        entry.offset = offsets[index] ?? 0;
        entry.parked = null;
      }
    } catch (error) {
      if (fd !== null && fd !== this.fd) fs.closeSync(fd);
      fs.rmSync(temporary, { force: true });
      throw error;
    } finally {
      this.unpark();
      this.rewriting = false;
    }
  }

  /** Syncs and closes. */
  async close(): Promise<void> {
    await this.sync().catch(() => undefined);
    fs.closeSync(this.fd);
    this.failure = new Error('the journal is closed');
  }

  private write(frame: Buffer): void {
    // Positional writes: what a failed write left behind is overwritten by the next one, and never counted.
    writeAll(this.fd, frame, this.end);
    this.end += frame.length;
    this.unsynced = true;
  }

  private unpark(): void {
    const parked = this.parking ?? [];
    this.parking = null;
    for (const entry of parked) {
      if (entry.parked === null) continue;
      try {
        entry.offset = this.end;
        this.write(entry.parked);
        entry.parked = null;
      } catch (error) {
        // These were promised to be written: from here on nothing may be promised until a rewrite has succeeded.
        this.failure = error as Error;
        return;
      }
    }
  }

  private startSync(): Promise<void> {
    this.next = null;
    const run = (async (): Promise<void> => {
      while (this.parking !== null) await new Promise((resolve) => setTimeout(resolve, 1));
      if (this.failure !== null) throw this.failure;
      this.unsynced = false;
      const fd = this.fd;
      await new Promise<void>((resolve, reject) =>
        fs.fdatasync(fd, (error) => (error === null ? resolve() : reject(error))),
      );
    })();
    this.running = run;
    const done = (error?: unknown): void => {
      if (this.running === run) this.running = null;
      // After a failed fdatasync the kernel may have dropped the pages: no later success would prove anything.
      if (error !== undefined) this.failure ??= error as Error;
    };
    run.then(() => done(), done);
    return run;
  }

  private readBytes(entry: LogEntry): Buffer {
    if (entry.parked !== null) return entry.parked;
    const bytes = Buffer.allocUnsafe(entry.length);
    const read = fs.readSync(this.fd, bytes, 0, entry.length, entry.offset);
    if (read !== entry.length) throw new Error(`the journal ends inside the record at ${entry.offset}`);
    return bytes;
  }
}

function writeAll(fd: number, bytes: Buffer, position: number): number {
  for (let written = 0; written < bytes.length;) {
    written += fs.writeSync(fd, bytes, written, bytes.length - written, position + written);
  }
  return bytes.length;
}

function fsync(fd: number): Promise<void> {
  return new Promise((resolve, reject) =>
    fs.fsync(fd, (error) => (error === null ? resolve() : reject(error))),
  );
}
