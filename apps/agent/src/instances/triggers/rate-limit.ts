const MINUTE_MS = 60_000;

/** So many starts within any minute. */
export class RateLimit {
  private starts: number[] = [];

  constructor(private readonly perMinute: number) {}

  /** How long to wait before the next start, milliseconds; 0: not at all. */
  wait(now: number): number {
    this.starts = this.starts.filter((at) => at > now - MINUTE_MS && at <= now);
    if (this.starts.length < this.perMinute) return 0;
    return (this.starts[this.starts.length - this.perMinute] ?? now) + MINUTE_MS - now;
  }

  take(now: number): void {
    this.starts.push(now);
  }
}
