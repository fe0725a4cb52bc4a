/** A range of numbers, both ends included. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Pseudorandom numbers that are the same for the same seed: xorshift, 32 bits. */
export class Random {
  private state: number;

  constructor(seed: number) {
    // Neighbouring seeds are to begin far apart, and zero would stay zero.
    this.state = Math.imul(seed + 1, 0x9e3779b1) | 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** From 0, below 1. */
  next(): number {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.state = x;
    return (x >>> 0) / 0x1_0000_0000;
  }

  /** True in this share of the calls. */
  happens(share: number): boolean {
    return share > 0 && this.next() < share;
  }

  /** Evenly from the range. */
  within({ from, to }: Range): number {
    return from === to ? from : from + this.next() * (to - from);
  }
}
