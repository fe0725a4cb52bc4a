import { type Filter, REPLACEMENT, type Sink } from './filter.js';

/** Something of a known shape in a piece of a stream. */
export interface Match {
  readonly kind: 'match';
  readonly start: number;
  readonly end: number;
  /** Bytes of these that follow at once belong to it too, however many; null: none. */
  readonly tail: Uint8Array | null;
}

/** Nothing that is complete; from `start` on something may still begin. */
export interface Nothing {
  readonly kind: 'nothing';
  readonly start: number;
}

/** A shape that can be recognised by looking at a bounded number of bytes. */
export interface Shape {
  /**
   * The first match that begins at or after `from`. `before` is the byte before all of these, 0 at a stream's beginning;
   * `complete` says that no more come. What it wants to see again is never more than 4 KiB.
   */
  next(bytes: Buffer, from: number, before: number, complete: boolean): Match | Nothing;
}

/** Masks what has a shape, one match after the other from the left, also across the borders of what is written. */
export class ShapeFilter implements Filter {
  private held: Buffer = Buffer.alloc(0);
  private before = 0;
  /** A match has been replaced, and what follows may belong to it. */
  private tail: Uint8Array | null = null;

  constructor(
    private readonly shape: Shape,
    private readonly next: Sink,
    private readonly onMasked: () => void,
  ) {}

  readonly write = (data: Buffer): void => {
    this.read(this.held.length === 0 ? data : Buffer.concat([this.held, data]), false);
  };

  end(): void {
    this.read(this.held, true);
  }

  private read(bytes: Buffer, complete: boolean): void {
    let at = this.tail === null ? 0 : this.passOver(bytes, 0, this.tail);
    for (;;) {
      const found = this.shape.next(bytes, at, this.before, complete);
      if (found.start > at) this.next(bytes.subarray(at, found.start));
      if (found.kind === 'nothing') {
        if (found.start > 0) this.before = bytes[found.start - 1] as number;
        this.held = bytes.subarray(found.start);
        return;
      }
      this.next(REPLACEMENT);
      this.onMasked();
      at = found.tail === null ? found.end : this.passOver(bytes, found.end, found.tail);
    }
  }

  private passOver(bytes: Buffer, from: number, tail: Uint8Array): number {
    let at = from;
    while (at < bytes.length && tail[bytes[at] as number] === 1) at += 1;
    this.tail = at === bytes.length ? tail : null;
    return at;
  }
}
