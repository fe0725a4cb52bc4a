import { constants, open, readFile, unlink, type FileHandle } from 'node:fs/promises';
import * as path from 'node:path';
import { type Stream } from '#libs/protocol/index';
import { decodeRecord, encodeRecord, scanRecords } from './record.js';

/** A piece of output as the spool keeps it. */
export interface StoredChunk {
  readonly stream: Stream;
  readonly at: number;
  readonly data: Buffer;
}

/** What stands beside the bytes of a chunk on disk. `so` and `se` are the totals of both streams up to its end. */
export interface ChunkNote {
  /** Position among the head's, or the tail's, chunks. */
  readonly n: number;
  readonly s: Stream;
  readonly at: number;
  readonly so: number;
  readonly se: number;
}

/** Where a chunk is: in memory, or in a segment. */
export interface ChunkRef {
  readonly note: ChunkNote;
  readonly bytes: number;
  data: Buffer | null;
  segment: Segment | null;
  offset: number;
  length: number;
}

/** One file of consecutive chunks. Not synced: it outlives this process, and the machine's end ends the run anyway. */
export class Segment {
  readonly refs: ChunkRef[] = [];
  /** Bytes of output in it. */
  bytes = 0;
  private end = 0;
  private handle: FileHandle | null = null;

  constructor(
    readonly directory: string,
    readonly name: string,
  ) {}

  /** Appends a chunk; on failure the segment is as it was before. */
  async append(ref: ChunkRef, data: Buffer): Promise<void> {
    const frame = encodeRecord(ref.note, data);
    this.handle ??= await open(this.file, constants.O_RDWR | constants.O_CREAT, 0o600);
    for (let written = 0; written < frame.length;) {
      const { bytesWritten } = await this.handle.write(
        frame,
        written,
        frame.length - written,
        this.end + written,
      );
      written += bytesWritten;
    }
    ref.segment = this;
    ref.offset = this.end;
    ref.length = frame.length;
    ref.data = null;
    this.end += frame.length;
    this.bytes += data.length;
    this.refs.push(ref);
  }

  /** Reads one of its chunks back. */
  async read(ref: ChunkRef): Promise<StoredChunk> {
    this.handle ??= await open(this.file, 'r+');
    const bytes = Buffer.allocUnsafe(ref.length);
    await this.handle.read(bytes, 0, ref.length, ref.offset);
    const record = decodeRecord(bytes, 0);
    if (record === null) throw new Error(`spooled output in ${this.name} is damaged`);
    return { stream: ref.note.s, at: ref.note.at, data: record.blob };
  }

  /** Finds the chunks of a segment that an earlier process wrote. */
  async load(): Promise<void> {
    const bytes = await readFile(this.file);
    for (const record of scanRecords(bytes)) {
      const note = record.json as ChunkNote;
      const size = record.blob.length;
      this.refs.push({
        note,
        bytes: size,
        data: null,
        segment: this,
        offset: record.offset,
        length: record.length,
      });
      this.bytes += size;
      this.end = record.offset + record.length;
    }
  }

  /** Closes the file; it is opened again when it is needed again. */
  async close(): Promise<void> {
    const handle = this.handle;
    this.handle = null;
    await handle?.close();
  }

  /** Closes and deletes it. */
  async remove(): Promise<void> {
    await this.close().catch(() => undefined);
    await unlink(this.file).catch(() => undefined);
  }

  private get file(): string {
    return path.join(this.directory, this.name);
  }
}
