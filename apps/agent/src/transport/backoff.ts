/** Exponential backoff with jitter: many agents that lost one server do not come back in step. */
export class Backoff {
  private failures = 0;

  constructor(
    private readonly leastMs: number,
    private readonly baseMs: number,
    private readonly capMs: number,
  ) {}

  /** How long to wait before the next try. */
  next(): number {
    const ceiling = Math.min(this.capMs, this.baseMs * 2 ** this.failures);
    this.failures = Math.min(this.failures + 1, 20);
    return this.leastMs + Math.random() * Math.max(0, ceiling - this.leastMs);
  }

  /** Things went well for a while. */
  reset(): void {
    this.failures = 0;
  }
}
