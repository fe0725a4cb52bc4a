/** Steps in which time is told; fine enough for delays of agents. Milliseconds. */
const TICK_MS = 5;

/**
 * Calls back later, for very many at once: all that is due in one step of 5 ms is one list, and one timer of the process
 * serves them all. Nothing can be cancelled: who is called asks itself whether it still matters.
 */
export class TimerWheel {
  private readonly steps = new Map<number, (() => void)[]>();
  private timer: NodeJS.Timeout | null = null;
  private reached = 0;

  /** @param now milliseconds that only grow */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Calls `task` after so many milliseconds, up to a step late; at the next step when there are none. */
  after(ms: number, task: () => void): void {
    if (this.timer === null) {
      this.reached = this.step(this.now());
      this.timer = setInterval(() => this.turn(), TICK_MS);
    }
    const step = Math.max(this.reached + 1, this.step(this.now() + ms) + 1);
    const tasks = this.steps.get(step);
    if (tasks === undefined) this.steps.set(step, [task]);
    else tasks.push(task);
  }

  /** Forgets whatever waits. */
  stop(): void {
    this.steps.clear();
    this.rest();
  }

  /** Runs what is due; the timer calls it. */
  turn(): void {
    const until = this.step(this.now());
    while (this.reached < until) {
      this.reached += 1;
      const tasks = this.steps.get(this.reached);
      if (tasks === undefined) continue;
      this.steps.delete(this.reached);
      for (const task of tasks) task();
    }
    if (this.steps.size === 0) this.rest();
  }

  private step(time: number): number {
    return Math.floor(time / TICK_MS);
  }

  private rest(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
