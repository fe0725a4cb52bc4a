const LEAST_MS = 0.01;
const GROWTH = Math.log(1.04);
const BUCKETS = 512;

/** How long things took. Forgets the single values: percentiles are right to 4 %, in a few kilobytes for any count. */
export class Histogram {
  private readonly buckets = new Uint32Array(BUCKETS);
  private most = 0;
  count = 0;

  /** @param ms milliseconds */
  add(ms: number): void {
    const bucket = ms <= LEAST_MS ? 0 : Math.ceil(Math.log(ms / LEAST_MS) / GROWTH);
    const index = Math.min(bucket, BUCKETS - 1);
    this.buckets[index] = (this.buckets[index] ?? 0) + 1;
    this.count += 1;
    if (ms > this.most) this.most = ms;
  }

  /** The value below or at which this share of all lies, milliseconds; null when there is none. */
  percentile(share: number): number | null {
    if (this.count === 0) return null;
    let left = Math.max(1, Math.ceil(this.count * share));
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.buckets[i] ?? 0;
      if (left <= 0) return Math.min(this.most, LEAST_MS * Math.exp(i * GROWTH));
    }
    return this.most;
  }

  /** The largest, milliseconds. */
  get max(): number {
    return this.most;
  }

  reset(): void {
    this.buckets.fill(0);
    this.most = 0;
    this.count = 0;
  }
}
