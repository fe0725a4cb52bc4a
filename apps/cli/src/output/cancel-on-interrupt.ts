import { type Io, line, printable } from '../terminal/io.js';

/** How what is watched can be ended, and what to say when it is left instead. */
export interface Watched {
  readonly cancel: () => Promise<void>;
  /** What shows how it goes on. */
  readonly command: string;
}

/**
 * While somebody watches an execution: the first Ctrl-C asks the server to end it and goes on watching, the second leaves.
 * @param left aborted when nobody watches any more
 */
export function cancelOnInterrupt(io: Io, watched: Watched, left: AbortController): { stop: () => void } {
  let asked = false;
  const interrupt = (): void => {
    if (asked) {
      line(io.stderr, `left; it goes on there: \`${watched.command}\``);
      left.abort();
      return;
    }
    asked = true;
    line(io.stderr, '\ncancelling… (Ctrl-C again to leave without waiting)');
    watched.cancel().catch((error: unknown) => {
      const why = error instanceof Error ? error.message : String(error);
      line(io.stderr, `could not cancel: ${printable(why)}`);
    });
  };
  io.signals.on('SIGINT', interrupt);
  io.signals.on('SIGTERM', interrupt);
  return {
    stop: () => {
      io.signals.off('SIGINT', interrupt);
      io.signals.off('SIGTERM', interrupt);
    },
  };
}
