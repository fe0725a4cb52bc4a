import { MAX_MESSAGE_BYTES } from '../limits.js';

/** A client says who it is and what it wants; whatever comes after is ignored. */
const WANTED = 2;

/**
 * What a client has said and nobody has heard yet. Messages may come before anybody listens; those of a client that
 * talks without end cost nothing.
 */
export class Inbox {
  private readonly waiting: (string | null)[] = [];
  private count = 0;
  private closed = false;
  private wake: () => void = () => undefined;

  /** @param message anything but a text, or too long a one, counts as a message that cannot be read */
  add(message: unknown): void {
    if (this.closed || this.count >= WANTED) return;
    this.count += 1;
    const readable = typeof message === 'string' && Buffer.byteLength(message) <= MAX_MESSAGE_BYTES;
    this.waiting.push(readable ? message : null);
    this.wake();
  }

  /** Nothing more will come. */
  close(): void {
    this.closed = true;
    this.wake();
  }

  /** The next message; null when it cannot be read, and when none has come within that time or before the end. */
  async next(withinMs: number): Promise<string | null> {
    if (this.waiting.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.wake = () => undefined;
    }
    return this.waiting.shift() ?? null;
  }
}
