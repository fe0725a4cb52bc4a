/** What is done at its time. Returns when it is due again, milliseconds since the epoch, or null: no more. */
export type Job = () => Promise<number | null>;

interface Entry {
  due: number;
  readonly job: Job;
}

/** Longest time that a timer can be set to, and a bound for how late a clock that was set forward is noticed. */
const LONGEST_SLEEP_MS = 60_000;

/** Does jobs when they are due, one at a time and the longest due first: standing work takes one query's share of the host. */
export class Timetable {
  private readonly entries = new Map<string, Entry>();
  private timer: NodeJS.Timeout | null = null;
  private working: Promise<void> | null = null;
  private closed = false;

  /** @param failed told when a job throws; it is not done again then */
  constructor(private readonly failed: (key: string, error: unknown) => void) {}

  /** Sets or replaces a job. One that is under way goes on, and what it returns is passed over. */
  set(key: string, due: number, job: Job): void {
    this.entries.set(key, { due, job });
    this.wind();
  }

  /** A job of this name is due at this time or sooner. */
  hasten(key: string, due: number): void {
    const entry = this.entries.get(key);
    if (entry === undefined || entry.due <= due) return;
    entry.due = due;
    this.wind();
  }

  delete(key: string): void {
    this.entries.delete(key);
  }

  /** Nothing more is begun; resolves when what is under way has ended. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await this.working;
  }

  private wind(): void {
    if (this.closed || this.working !== null) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const next = this.next();
    if (next === null) return;
    const wait = Math.min(Math.max(0, next.entry.due - Date.now()), LONGEST_SLEEP_MS);
    this.timer = setTimeout(() => this.work(), wait).unref();
  }

  private work(): void {
    this.timer = null;
    this.working = this.workAll().finally(() => {
      this.working = null;
      this.wind();
    });
  }

  private async workAll(): Promise<void> {
    for (let next = this.next(); next !== null && !this.closed; next = this.next()) {
      const { key, entry } = next;
      if (entry.due > Date.now()) return;
      // Until it is known better: a job that is hastened meanwhile is due again.
      entry.due = Infinity;
      const due = await this.do(key, entry.job);
      if (this.entries.get(key) !== entry) continue;
      if (due === null) this.entries.delete(key);
      else entry.due = Math.min(entry.due, due);
    }
  }

  private async do(key: string, job: Job): Promise<number | null> {
    try {
      return await job();
    } catch (error) {
      this.failed(key, error);
      return null;
    }
  }

  private next(): { key: string; entry: Entry } | null {
    let found: { key: string; entry: Entry } | null = null;
    for (const [key, entry] of this.entries)
      if (entry.due !== Infinity && (found === null || entry.due < found.entry.due)) found = { key, entry };
    return found;
  }
}
