import { mkdir, readdir, rm } from 'node:fs/promises';
import { type Stream } from '#libs/protocol/index';
import { Segment, type ChunkRef, type StoredChunk } from './segment.js';
import { type OutputReader, type SpoolSummary } from './output.js';
import { utf8Cut, utf8CutAfter } from './utf8.js';

/** Output up to this size stays in memory until the run has ended, unless the run lives long enough to be spilled. */
export const MEMORY_BYTES = 64 * 1024;
const MIN_SEGMENT = 64 * 1024;
const MAX_SEGMENT = 1024 * 1024;

/**
 * The output of one attempt: its first half-cap bytes (the head) are kept and may be sent as they come; of what follows
 * a rolling tail keeps at least the last half-cap, sent when the run has ended. Memory stays flat whatever is written.
 */
export class Spool implements OutputReader {
  private readonly half: number;
  private readonly segmentBytes: number;
  private readonly head: ChunkRef[] = [];
  private headBase = 0;
  private headBytes = 0;
  private headClosed = false;
  private headBroken = false;
  private headSegments: Segment[] = [];
  private tailSegments: Segment[] = [];
  private tailMemory: ChunkRef[] = [];
  private tailCount = 0;
  private tailBytes = 0;
  private stdoutBytes = 0;
  private stderrBytes = 0;
  private memoryBytes = 0;
  private spilled = false;
  private segmentNumber = 0;
  private sendable = 0;
  private queue: Promise<void> = Promise.resolve();
  private summary: SpoolSummary | null = null;
  private tail: ChunkRef[] = [];
  /** Files that have been released and are on their way out. */
  private removals: Promise<unknown> = Promise.resolve();
  private removed = false;

  constructor(
    private readonly directory: string,
    private readonly capBytes: number,
  ) {
    this.half = Math.max(1, Math.floor(capBytes / 2));
    this.segmentBytes = Math.min(MAX_SEGMENT, Math.max(MIN_SEGMENT, Math.floor(capBytes / 16)));
  }

  get first(): number {
    return this.headBase;
  }

  get available(): number {
    return this.summary?.chunks ?? this.sendable;
  }

  /** Whether anything went to disk. */
  get onDisk(): boolean {
    return this.spilled;
  }

  /** Takes a chunk. A promise comes back when it goes to disk: wait for it, that is the back-pressure. */
  write(stream: Stream, at: number, data: Buffer): Promise<void> | undefined {
    if (data.length === 0 || this.removed) return undefined;
    if (this.spilled) return this.enqueue(() => this.take(stream, at, data));
    const kept = this.split(stream, at, data);
    this.memoryBytes += data.length;
    for (const { ref, head } of kept) (head ? this.head : this.tailMemory).push(ref);
    return this.memoryBytes > MEMORY_BYTES ? this.spill() : undefined;
  }

  /** Moves what is in memory to disk, from where it may be sent, and survives this process. */
  spill(): Promise<void> {
    if (this.spilled || this.summary !== null || this.removed) return this.queue;
    this.spilled = true;
    const heads = this.head.splice(0);
    const tails = this.tailMemory.splice(0);
    return this.enqueue(async () => {
      for (const ref of heads) await this.store(ref, true);
      for (const ref of tails) await this.store(ref, false);
    });
  }

  /** Ends the output: trims the tail to the cap and numbers it. Nothing may be written afterwards. */
  async finish(): Promise<SpoolSummary> {
    await this.queue;
    if (this.summary !== null) return this.summary;
    const tail = this.spilled ? this.tailSegments.flatMap((segment) => segment.refs) : this.tailMemory;
    const total = this.stdoutBytes + this.stderrBytes;
    let skip = 0;
    let kept = tail.reduce((sum, ref) => sum + ref.bytes, 0);
    const cut = total > this.capBytes;
    if (cut) {
      let gone = 0;
      for (; gone < tail.length - 1 && kept - (tail[gone]?.bytes ?? 0) >= this.half; gone += 1) {
        kept -= tail[gone]?.bytes ?? 0;
      }
      tail.splice(0, gone);
      const front = tail[0];
      if (front !== undefined && kept > this.half) {
        skip = utf8Cut((await this.load(front)).data, kept - this.half);
        kept -= skip;
      }
    }
    const head = this.headBase + this.head.length;
    const dropped = total - this.headBytes - kept;
    this.tail = tail;
    return this.settle(head, tail[0]?.note.n ?? this.tailCount, skip, dropped, dropped > 0 ? head : null);
  }

  async read(seq: number): Promise<StoredChunk> {
    const layout = this.summary?.layout;
    if (layout === undefined || seq < layout.head) {
      const ref = this.head[seq - this.headBase];
      if (ref === undefined) throw new Error(`chunk ${seq} is not there`);
      return this.load(ref);
    }
    const index = seq - layout.head;
    const ref = this.tail[index];
    if (ref === undefined) throw new Error(`chunk ${seq} is not there`);
    const chunk = await this.load(ref);
    return index === 0 && layout.skip > 0 ? { ...chunk, data: chunk.data.subarray(layout.skip) } : chunk;
  }

  release(seq: number): void {
    // The newest segment of the head stays: after a crash it tells how many chunks there were.
    while (this.headSegments.length > 1) {
      const [oldest] = this.headSegments;
      const last = oldest?.refs.at(-1);
      if (oldest === undefined || last === undefined || last.note.n >= seq) return;
      this.headSegments.shift();
      this.head.splice(0, oldest.refs.length);
      this.headBase += oldest.refs.length;
      this.removals = Promise.all([this.removals, oldest.remove()]);
    }
  }

  async remove(): Promise<void> {
    this.removed = true;
    await Promise.all([this.queue, this.removals]);
    for (const segment of [...this.headSegments, ...this.tailSegments]) await segment.remove();
    if (this.spilled) await rm(this.directory, { recursive: true, force: true });
  }

  /** Closes files, and waits until those that are not needed have gone; reading opens them again. */
  async idle(): Promise<void> {
    await this.removals;
    for (const segment of [...this.headSegments, ...this.tailSegments]) await segment.close();
  }

  /** The output that an earlier process spooled; with the layout of its ending when it got that far. */
  static async recover(directory: string, capBytes: number, ended?: SpoolSummary): Promise<Spool> {
    const spool = new Spool(directory, capBytes);
    const names = await readdir(directory).catch(() => [] as string[]);
    spool.spilled = true;
    const load = async (kind: 'h' | 't'): Promise<Segment[]> => {
      const own = names
        .filter((name) => name.startsWith(kind))
        .sort((a, b) => Number(a.slice(1)) - Number(b.slice(1)));
      const segments = own.map((name) => new Segment(directory, name));
      for (const segment of segments) await segment.load();
      return segments.filter((segment) => segment.refs.length > 0);
    };
    spool.headSegments = await load('h');
    spool.tailSegments = await load('t');
    for (const ref of spool.headSegments.flatMap((segment) => segment.refs)) {
      if (spool.head.length === 0) spool.headBase = ref.note.n;
      // A hole (power cut: segments are not synced) ends what can be told in order.
      if (ref.note.n !== spool.headBase + spool.head.length) break;
      spool.head.push(ref);
    }
    const lastHead = spool.head.at(-1)?.note;
    const last = spool.tailSegments.at(-1)?.refs.at(-1)?.note ?? lastHead;
    spool.headBytes = lastHead === undefined ? 0 : lastHead.so + lastHead.se;
    spool.stdoutBytes = last?.so ?? 0;
    spool.stderrBytes = last?.se ?? 0;
    spool.tailCount = (spool.tailSegments.at(-1)?.refs.at(-1)?.note.n ?? -1) + 1;
    if (ended !== undefined) {
      spool.tail = spool.tailSegments
        .flatMap((segment) => segment.refs)
        .filter((ref) => ref.note.n >= ended.layout.tailFirst);
      spool.summary = ended;
    }
    return spool;
  }

  /** The chunks of an ended run that never left memory, for the journal to keep. */
  async chunksInMemory(): Promise<StoredChunk[]> {
    const { chunks } = await this.finish();
    const all: StoredChunk[] = [];
    for (let seq = 0; seq < chunks; seq += 1) all.push(await this.read(seq));
    return all;
  }

  private settle(
    head: number,
    tailFirst: number,
    skip: number,
    droppedBytes: number,
    gapSeq: number | null,
  ): SpoolSummary {
    this.summary = {
      chunks: head + this.tail.length,
      gapSeq,
      droppedBytes,
      stdoutBytes: this.stdoutBytes,
      stderrBytes: this.stderrBytes,
      layout: { head, tailFirst, skip },
    };
    return this.summary;
  }

  private enqueue(work: () => Promise<void>): Promise<void> {
    this.queue = this.queue.then(work);
    return this.queue;
  }

  private async take(stream: Stream, at: number, data: Buffer): Promise<void> {
    for (const { ref, head } of this.split(stream, at, data)) await this.store(ref, head);
  }

  /** Divides a chunk between head and tail, and counts it. */
  private split(stream: Stream, at: number, data: Buffer): { ref: ChunkRef; head: boolean }[] {
    const parts: { ref: ChunkRef; head: boolean }[] = [];
    const room = this.headClosed ? 0 : this.half - this.headBytes;
    const cut = room <= 0 ? 0 : room >= data.length ? data.length : utf8CutAfter(data, room);
    if (cut > 0) {
      this.headBytes += cut;
      parts.push({ ref: this.refFor(stream, at, data.subarray(0, cut), this.nextHead()), head: true });
    }
    if (cut < data.length) {
      this.headClosed = true;
      parts.push({ ref: this.refFor(stream, at, data.subarray(cut), this.tailCount), head: false });
      this.tailCount += 1;
    }
    return parts;
  }

  private nextHead(): number {
    return this.headBase + this.head.length;
  }

  private refFor(stream: Stream, at: number, data: Buffer, n: number): ChunkRef {
    if (stream === 'stdout') this.stdoutBytes += data.length;
    else this.stderrBytes += data.length;
    const note = { n, s: stream, at, so: this.stdoutBytes, se: this.stderrBytes };
    return { note, bytes: data.length, data, segment: null, offset: 0, length: 0 };
  }

  private async store(ref: ChunkRef, head: boolean): Promise<void> {
    const data = ref.data;
    if (this.removed || data === null) return;
    if (head && this.headBroken) return this.lose(ref, true);
    const segments = head ? this.headSegments : this.tailSegments;
    let segment = segments.at(-1);
    if (segment === undefined || segment.bytes >= this.segmentBytes) {
      segment = new Segment(this.directory, `${head ? 'h' : 't'}${this.segmentNumber}`);
      this.segmentNumber += 1;
      if (this.segmentNumber === 1)
        await mkdir(this.directory, { recursive: true, mode: 0o700 }).catch(() => undefined);
      await segments.at(-1)?.close();
      segments.push(segment);
    }
    try {
      await segment.append(ref, data);
    } catch {
      // The disk is full, say: this output is lost, and said to be; the run goes on.
      if (head) this.headBroken = this.headClosed = true;
      return this.lose(ref, head);
    }
    if (head) {
      this.head.push(ref);
      this.sendable = this.headBase + this.head.length;
      return;
    }
    this.tailBytes += data.length;
    await this.dropOldTail();
  }

  private lose(ref: ChunkRef, head: boolean): void {
    ref.data = null;
    if (head) this.headBytes -= ref.bytes;
  }

  private async dropOldTail(): Promise<void> {
    for (;;) {
      const [oldest, second] = this.tailSegments;
      if (oldest === undefined || second === undefined || this.tailBytes - oldest.bytes < this.half) return;
      this.tailSegments.shift();
      this.tailBytes -= oldest.bytes;
      await oldest.remove();
    }
  }

  private async load(ref: ChunkRef): Promise<StoredChunk> {
    if (ref.data !== null) return { stream: ref.note.s, at: ref.note.at, data: ref.data };
    if (ref.segment === null) throw new Error('this chunk is gone');
    return ref.segment.read(ref);
  }
}
