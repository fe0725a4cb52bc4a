/** The time that something has, and has used. While it is held up by others the clock stands still. */
export class Deadline {
  private used = 0;
  /** Since when the clock runs; null while it stands still. */
  private since: number | null = null;
  private timer: NodeJS.Timeout | undefined;

  /** Begins at once. @param onEnd called when the time is over */
  constructor(
    private readonly milliseconds: number,
    private readonly onEnd: () => void,
  ) {
    this.resume();
  }

  /** Milliseconds used. */
  get elapsed(): number {
    return this.used + (this.since === null ? 0 : performance.now() - this.since);
  }

  /** Stops the clock, for now or for good. */
  pause(): void {
    this.used = this.elapsed;
    this.since = null;
    clearTimeout(this.timer);
  }

  resume(): void {
    if (this.since !== null) return;
    this.since = performance.now();
    this.timer = setTimeout(this.onEnd, Math.max(0, this.milliseconds - this.used));
  }
}
