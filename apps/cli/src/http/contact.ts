import { UnexpectedShape } from '../api/read.js';
import { CliError } from '../errors.js';
import { ApiError } from './api-error.js';
import { UnreachableError } from './http-client.js';

export interface ContactOptions {
  readonly signal?: AbortSignal;
  /** Called when contact was lost and is sought again. */
  readonly onDrop?: () => void;
  /** Called when it is back. */
  readonly onResume?: () => void;
  /** Without contact for so long: give up. */
  readonly giveUpMs?: number;
  readonly firstDelayMs?: number;
}

const MOST_DELAY_MS = 5_000;

/** How it stands with a server whose stream is to be followed whatever happens to the connection. */
export class Contact {
  private readonly firstDelayMs: number;
  private readonly giveUpMs: number;
  private delay: number;
  private last = Date.now();
  private dropped = false;

  /** @param givenUp what a person is told when it does not come back */
  constructor(
    private readonly options: ContactOptions,
    private readonly givenUp: string,
  ) {
    this.giveUpMs = options.giveUpMs ?? 300_000;
    this.firstDelayMs = this.delay = options.firstDelayMs ?? 200;
  }

  /** A connection stands. */
  made(): void {
    this.last = Date.now();
    if (this.dropped) this.options.onResume?.();
    this.dropped = false;
  }

  /** Something came over it. */
  heard(): void {
    this.last = Date.now();
    this.delay = this.firstDelayMs;
  }

  /**
   * The connection has ended: waits before the next one, each time longer; at most until the signal aborts.
   * @throws CliError after too long without contact
   */
  async lost(): Promise<void> {
    if (Date.now() - this.last > this.giveUpMs) throw new CliError(this.givenUp);
    if (!this.dropped) this.options.onDrop?.();
    this.dropped = true;
    await pause(this.delay * (0.75 + Math.random() / 2), this.options.signal);
    this.delay = Math.min(this.delay * 2, MOST_DELAY_MS);
  }
}

/** A restart, an overload, a cut line: worth another try. A refusal or an answer of another kind: not. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ApiError) return error.status >= 500 || error.status === 429 || error.status === 408;
  if (error instanceof CliError) return error instanceof UnreachableError;
  return !(error instanceof UnexpectedShape) && !(error instanceof SyntaxError);
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    if (signal?.aborted) done();
  });
}
