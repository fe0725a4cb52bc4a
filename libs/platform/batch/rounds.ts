const RETRY_MS = 1_000;

/**
 * Work that comes up at any time and is done in rounds, one after the other: whatever came up since one began is dealt with by the next. A round
 * that fails is begun again after a second.
 */
export class Rounds {
  private working: Promise<void> | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  /**
   * @param isDue whether there is anything to be done
   * @param round does it; what it leaves undone when it fails must be due again
   * @param failed told of it
   */
  constructor(
    private readonly isDue: () => boolean,
    private readonly round: () => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {}

  /** Something has come up. */
  begin(): void {
    if (this.closed || this.working || this.retry || !this.isDue()) return;
    // Whatever comes up in the same go is dealt with together.
    this.working = Promise.resolve()
      .then(() => this.round())
      .catch((error: unknown) => {
        this.failed(error);
        this.retry = setTimeout(() => {
          this.retry = null;
          this.begin();
        }, RETRY_MS);
      })
      .finally(() => {
        this.working = null;
        this.begin();
      });
  }

  /** No round begins any more; resolves when the last one is over. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.retry) clearTimeout(this.retry);
    await this.working;
  }
}
