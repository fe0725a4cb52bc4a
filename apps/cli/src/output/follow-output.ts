import { type MusterApi } from '../api/muster-api.js';
import { type Chunk, readChunk } from '../api/shapes.js';
import { Contact, type ContactOptions, isPassing } from '../http/contact.js';
import { SseParser } from '../http/sse-parser.js';

export interface FollowOptions extends ContactOptions {
  /** A stream that is silent for so long is asked for again: the network may have forgotten it. */
  readonly idleMs?: number;
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
  const { idleMs = 60_000, signal } = options;
  const contact = new Contact(
    options,
    `lost contact with ${api.url}; the execution goes on there: \`muster logs ${executionId} --follow\``,
  );
  /** Per target: a server that replays a chunk after a drop must not print it twice. */
  const seen = new Map<string, number>();
  let cursor = '';

  for (;;) {
    const connection = new AbortController();
    const abort = (): void => connection.abort();
    signal?.addEventListener('abort', abort);
    let idle: NodeJS.Timeout | undefined;
    let silent = false;
    const alive = (): void => {
      clearTimeout(idle);
      idle = setTimeout(() => {
        silent = true;
        connection.abort();
      }, idleMs);
    };
    try {
      signal?.throwIfAborted();
      const body = await api.outputEvents(executionId, cursor, connection.signal);
      alive();
      contact.made();
      const parser = new SseParser();
      for await (const bytes of body) {
        alive();
        contact.heard();
        for (const event of parser.push(bytes as Buffer)) {
          if (event.event === 'done') return;
          if (event.event === 'chunk') {
            const chunk = parseChunk(event.data);
            if (chunk.seq > (seen.get(chunk.targetId) ?? -1)) {
              seen.set(chunk.targetId, chunk.seq);
              clearTimeout(idle);
              yield chunk;
              alive();
              contact.heard();
            }
          }
          // After the yield: what was not taken is asked for again.
          if (event.lastEventId) cursor = event.lastEventId;
        }
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      if (!isPassing(error)) throw error;
    } finally {
      clearTimeout(idle);
      signal?.removeEventListener('abort', abort);
      connection.abort();
    }
    if (!silent) await contact.lost();
  }
}

function parseChunk(data: string): Chunk {
  return readChunk(JSON.parse(data), 'chunk');
}
