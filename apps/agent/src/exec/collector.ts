import { type Readable } from 'node:stream';
import { Limits, type Stream } from '#libs/protocol/index';
import { type Filter, type Sink } from './masking/filter.js';
import { utf8Cut } from '../journal/utf8.js';

/** Takes a chunk; a promise means: wait before you bring the next. */
export type ChunkSink = (stream: Stream, at: number, data: Buffer) => Promise<void> | undefined;

const FLUSH_AFTER_MS = 20;

interface Pending {
  at: number;
  order: number;
  size: number;
  parts: Buffer[];
}

/**
 * Gathers what both pipes of a process bring into chunks: handed on at 64 KiB or after 20 ms, in the order in which
 * their first bytes came, cut where no UTF-8 character is split. While the sink is busy the pipes are paused, so a
 * process that writes faster than the disk waits for the disk.
 */
export class OutputCollector {
  private readonly pending = new Map<Stream, Pending>();
  private readonly sources: Readable[] = [];
  private readonly filters: Filter[] = [];
  private timer: NodeJS.Timeout | null = null;
  private busy: Promise<void> | null = null;
  private arrivals = 0;

  /** @param filter what every stream passes before it is gathered; null: nothing */
  constructor(
    private readonly sink: ChunkSink,
    private readonly filter: ((next: Sink) => Filter) | null = null,
  ) {}

  /** Reads a pipe to its end. */
  attach(stream: Stream, source: Readable): void {
    this.sources.push(source);
    const filter = this.filter?.((data) => this.take(stream, data));
    if (filter !== undefined) this.filters.push(filter);
    source.on('data', filter?.write ?? ((data: Buffer) => this.take(stream, data)));
    source.on('error', () => undefined);
    if (this.busy !== null) source.pause();
  }

  /** Whether the sink is behind and the pipes wait for it. */
  get waiting(): boolean {
    return this.busy !== null;
  }

  /** Hands on all that is left; resolves when the sink has taken it. */
  async finish(): Promise<void> {
    for (const filter of this.filters) filter.end();
    this.flush(true);
    while (this.busy !== null) await this.busy;
  }

  private take(stream: Stream, data: Buffer): void {
    let pending = this.pending.get(stream);
    if (pending === undefined) {
      this.arrivals += 1;
      pending = { at: Date.now(), order: this.arrivals, size: 0, parts: [] };
      this.pending.set(stream, pending);
    }
    pending.parts.push(data);
    pending.size += data.length;
    if (pending.size >= Limits.chunkBytes) this.flush(false);
    else this.timer ??= setTimeout(() => this.flush(false), FLUSH_AFTER_MS);
  }

  private flush(final: boolean): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const ready = [...this.pending.entries()].sort(([, a], [, b]) => a.order - b.order);
    for (const [stream, pending] of ready) {
      this.pending.delete(stream);
      let rest =
        pending.parts.length === 1 ? (pending.parts[0] ?? Buffer.alloc(0)) : Buffer.concat(pending.parts);
      while (rest.length > 0) {
        let cut = Math.min(rest.length, Limits.chunkBytes);
        if (!final || cut < rest.length) cut = utf8Cut(rest, cut);
        // Only the first bytes of a character have come: they wait for the others.
        if (cut === 0) break;
        this.hand(stream, pending.at, rest.subarray(0, cut));
        rest = rest.subarray(cut);
      }
      if (rest.length > 0) {
        this.arrivals += 1;
        this.pending.set(stream, { at: pending.at, order: this.arrivals, size: rest.length, parts: [rest] });
      }
    }
  }

  private hand(stream: Stream, at: number, data: Buffer): void {
    const taken = this.sink(stream, at, data);
    if (taken === undefined) return;
    for (const source of this.sources) source.pause();
    const done = (): void => {
      if (this.busy !== busy) return;
      this.busy = null;
      for (const source of this.sources) source.resume();
    };
    const busy: Promise<void> = taken.then(done, done);
    this.busy = busy;
  }
}
