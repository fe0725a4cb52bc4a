import { once } from 'node:events';
import { type Request, type Response } from 'express';

const KEEP_ALIVE_MS = 15_000;

export interface ServerSentEvent {
  readonly id: number;
  readonly event: string;
  readonly data: unknown;
}

/** A reason of our own: without one each answer, which ends with this, would make an exception with its stack. */
const GONE = new Error('the client has gone');

/** Aborts when the client has gone. */
export function closed(request: Request): AbortSignal {
  const controller = new AbortController();
  request.res?.once('close', () => controller.abort(GONE));
  return controller.signal;
}

/** Writes what the source yields as server-sent events and ends the response; a slow reader holds the source back. */
export async function sendEvents<T>(
  response: Response,
  source: AsyncGenerator<T>,
  toEvents: (item: T) => Iterable<ServerSentEvent>,
): Promise<void> {
  response.status(200).set({
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
    'X-Accel-Buffering': 'no',
  });
  response.flushHeaders();
  const keepAlive = setInterval(() => response.write(': keep-alive\n\n'), KEEP_ALIVE_MS);
  try {
    for await (const item of source) {
      for (const { id, event, data } of toEvents(item)) {
        if (
          !response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`) &&
          !response.destroyed
        ) {
          await writable(response);
        }
      }
      if (response.destroyed) return;
    }
  } finally {
    clearInterval(keepAlive);
    response.end();
  }
}

/** Resolves when there is room again, or nobody to write to. */
async function writable(response: Response): Promise<void> {
  const settled = new AbortController();
  const { signal } = settled;
  try {
    await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]);
  } finally {
    // Takes the other one's listeners away.
    settled.abort(GONE);
  }
}
