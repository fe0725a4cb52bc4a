import { type MusterApi } from '../api/muster-api.js';
import { UnexpectedShape } from '../api/read.js';
import { type Chunk, readChunk } from '../api/shapes.js';
import { CliError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { SseParser } from '../http/sse-parser.js';

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** Called when contact was lost and is sought again. */
  readonly onDrop?: () => void;
  /** Called when it is back. */
  readonly onResume?: () => void;
  /** A stream that is silent for so long is asked for again: the network may have forgotten it. */
  readonly idleMs?: number;
  /** Without contact for so long: give up. */
  readonly giveUpMs?: number;
  readonly firstDelayMs?: number;
}

/**
 * An execution's output as it comes, each chunk once and in order, whatever happens to the connection; ends when
 * there will be no more.
 */
export async function* followOutput(
  api: MusterApi,
  executionId: string,
  options: FollowOptions = {},
): AsyncGenerator<Chunk, void> {
  const { idleMs = 60_000, giveUpMs = 300_000, firstDelayMs = 200 } = options;
  /** Per target: a server that replays a chunk after a drop must not print it twice. */
  const seen = new Map<string, number>();
  let cursor = '';
  let delay = firstDelayMs;
  let lastContact = Date.now();
  let dropped = false;

  for (;;) {
    const connection = new AbortController();
    const abort = (): void => connection.abort();
    options.signal?.addEventListener('abort', abort);
    let idle: NodeJS.Timeout | undefined;
    let silent = false;
    const alive = (): void => {
      lastContact = Date.now();
      clearTimeout(idle);
      idle = setTimeout(() => {
        silent = true;
        connection.abort();
      }, idleMs);
    };
    try {
      options.signal?.throwIfAborted();
      const body = await api.outputEvents(executionId, cursor, connection.signal);
      alive();
      if (dropped) options.onResume?.();
      dropped = false;
      const parser = new SseParser();
      for await (const bytes of body) {
        alive();
        delay = firstDelayMs;
        for (const event of parser.push(bytes as Buffer)) {
          if (event.event === 'done') return;
          if (event.event === 'chunk') {
            const chunk = parseChunk(event.data);
            if (chunk.seq > (seen.get(chunk.targetId) ?? -1)) {
              seen.set(chunk.targetId, chunk.seq);
              clearTimeout(idle);
              yield chunk;
              alive();
            }
          }
          // After the yield: what was not taken is asked for again.
          if (event.lastEventId) cursor = event.lastEventId;
        }
      }
    } catch (error) {
      if (options.signal?.aborted) throw error;
      if (!isPassing(error)) throw error;
    } finally {
      clearTimeout(idle);
      options.signal?.removeEventListener('abort', abort);
      connection.abort();
    }

    if (silent) continue;
    if (Date.now() - lastContact > giveUpMs) {
      throw new CliError(
        `lost contact with ${api.url}; the execution goes on there: \`muster logs ${executionId} --follow\``,
      );
    }
    if (!dropped) options.onDrop?.();
    dropped = true;
    await pause(delay * (0.75 + Math.random() / 2), options.signal);
    delay = Math.min(delay * 2, 5_000);
  }
}

/** A restart, an overload, a cut line: worth another try. A refusal or an answer of another kind: not. */
function isPassing(error: unknown): boolean {
  if (error instanceof ApiError) return error.status >= 500 || error.status === 429 || error.status === 408;
  return !(error instanceof UnexpectedShape) && !(error instanceof SyntaxError);
}

function parseChunk(data: string): Chunk {
  return readChunk(JSON.parse(data), 'chunk');
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancelled = (): void => {
      clearTimeout(timer);
      reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', cancelled);
      resolve();
    }, ms);
    signal?.addEventListener('abort', cancelled, { once: true });
  });
}
