import { CHUNKS_AHEAD } from './messages.js';
import { type QuerySink } from './query.js';

type Rows = Parameters<QuerySink['rows']>[0];

interface Listener {
  /** A chunk has been taken. */
  more(): void;
  /** The query waits for its reader, or does not any more. */
  heldUp(isHeldUp: boolean): void;
  /** The sink failed; it is given nothing more. */
  refused(error: unknown): void;
}

/** Gives a sink one chunk of rows after another, while its query computes the next. */
export class Taking {
  private waiting = 0;
  private closed = false;
  private done = Promise.resolve();

  constructor(
    private readonly sink: QuerySink,
    private readonly listener: Listener,
  ) {}

  take(rows: Rows): void {
    this.waiting += 1;
    if (this.waiting === CHUNKS_AHEAD) this.listener.heldUp(true);
    this.done = this.done.then(() => this.give(rows));
  }

  /** Calls back when the sink has taken everything, unless it is closed before: the query has nothing more to compute. */
  end(then: () => void): void {
    this.listener.heldUp(true);
    this.waiting = Infinity;
    void this.done.then(() => {
      if (!this.closed) then();
    });
  }

  /** Nothing is given or said any more. */
  close(): void {
    this.closed = true;
  }

  private async give(rows: Rows): Promise<void> {
    if (this.closed) return;
    try {
      await this.sink.rows(rows);
    } catch (error) {
      if (!this.closed) this.listener.refused(error);
      return;
    }
    if (this.closed) return;
    if (this.waiting === CHUNKS_AHEAD) this.listener.heldUp(false);
    this.waiting -= 1;
    this.listener.more();
  }
}
