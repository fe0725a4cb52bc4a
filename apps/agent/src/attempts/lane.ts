/** Something that waits for its turn. */
export interface LaneJob {
  /** Runs it; never rejects. */
  readonly start: () => Promise<void>;
}

/** First come, first served, at most `slots` at once. */
export class Lane {
  private readonly waiting: LaneJob[] = [];
  private active = 0;
  private held = true;

  constructor(private readonly slots: number) {}

  /** Nothing starts before this: what an earlier process left behind is ended first. */
  open(): void {
    this.held = false;
    this.next();
  }

  /** Whether a job would start at once. */
  get isFree(): boolean {
    return !this.held && this.active < this.slots && this.waiting.length === 0;
  }

  /** Queues a job; it starts at once when there is room. */
  submit(job: LaneJob): void {
    this.waiting.push(job);
    this.next();
  }

  /** Takes a job out of the queue; false when it has started. */
  withdraw(job: LaneJob): boolean {
    const index = this.waiting.indexOf(job);
    if (index >= 0) this.waiting.splice(index, 1);
    return index >= 0;
  }

  private next(): void {
    while (!this.held && this.active < this.slots) {
      const job = this.waiting.shift();
      if (job === undefined) return;
      this.active += 1;
      void job.start().finally(() => {
        this.active -= 1;
        this.next();
      });
    }
  }
}
