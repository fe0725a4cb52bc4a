import { REPLACEMENT, type Sink } from './filter.js';

interface Covered {
  start: number;
  end: number;
}

/**
 * Holds the end of a stream back while it is being judged, and lets it go with what is covered replaced. Places are
 * counted from the stream's beginning. What overlaps is one; what only touches is two.
 */
export class Redactor {
  private readonly held: Buffer[] = [];
  /** Of what is held, in order, apart from each other. */
  private readonly covered: Covered[] = [];
  /** Where what is held begins, and where it ends. */
  private left = 0;
  private right = 0;
  /** A covered stretch of which the replacement has left already goes on to here. */
  private openUntil = 0;

  constructor(
    private readonly next: Sink,
    private readonly onMasked: () => void,
  ) {}

  /** Where the next byte will stand. */
  get position(): number {
    return this.right;
  }

  /** Takes bytes; they stay until they are released. */
  hold(data: Buffer): void {
    this.held.push(data);
    this.right += data.length;
  }

  /** None of these bytes may leave. `start` is not before what was released. */
  cover(start: number, end: number): void {
    let from = start;
    let to = end;
    for (let last = this.covered.at(-1); last !== undefined && last.end > from; last = this.covered.at(-1)) {
      from = Math.min(from, last.start);
      to = Math.max(to, last.end);
      this.covered.pop();
    }
    if (from < this.openUntil) this.openUntil = Math.max(this.openUntil, to);
    else this.covered.push({ start: from, end: to });
  }

  /** Lets everything before this place go: nothing that is covered from now on begins before it. */
  release(until: number): void {
    for (;;) {
      if (this.left < this.openUntil) this.take(Math.min(this.openUntil, until), () => undefined);
      const [first] = this.covered;
      if (first === undefined || first.start > until) break;
      this.covered.shift();
      this.take(first.start, this.next);
      this.next(REPLACEMENT);
      this.onMasked();
      this.openUntil = first.end;
    }
    this.take(until, this.next);
  }

  private take(until: number, sink: Sink): void {
    while (this.left < until) {
      const first = this.held[0];
      if (first === undefined) return;
      const wanted = until - this.left;
      if (wanted >= first.length) {
        this.held.shift();
        this.left += first.length;
        sink(first);
      } else {
        this.held[0] = first.subarray(wanted);
        this.left += wanted;
        sink(first.subarray(0, wanted));
      }
    }
  }
}
