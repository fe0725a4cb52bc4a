/** How something is done again and again. */
export interface RecurringOptions {
  /** Between the end of one time and the beginning of the next, milliseconds. */
  readonly everyMs: number;
  /** Before the first time, milliseconds; default: `everyMs`. */
  readonly firstMs?: number;
  /** What went wrong; the next time tries again. */
  readonly onError: (error: unknown) => void;
}

/** Something that is done again and again, never twice at once, until it is stopped. It keeps no process alive. */
export class Recurring {
  private isStopped = false;
  private timer: NodeJS.Timeout | undefined;
  private current: Promise<void> = Promise.resolve();

  constructor(
    private readonly work: () => Promise<unknown>,
    private readonly options: RecurringOptions,
  ) {}

  start(): void {
    this.schedule(this.options.firstMs ?? this.options.everyMs);
  }

  /** What is under way may look at it, and end sooner. */
  get stopped(): boolean {
    return this.isStopped;
  }

  /** Not again. Resolves when what is under way has ended. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.current;
  }

  private schedule(ms: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.current = this.once().finally(() => this.schedule(this.options.everyMs));
    }, ms);
    this.timer.unref();
  }

  private async once(): Promise<void> {
    try {
      await this.work();
    } catch (error) {
      this.options.onError(error);
    }
  }
}
