import { type IncomingMessage } from 'node:http';
import { Contact, type ContactOptions, isPassing } from './contact.js';
import { type ServerSentEvent, SseParser } from './sse-parser.js';

export interface FollowOptions extends ContactOptions {
  /** A stream that is silent for so long is asked for again: the network may have forgotten it. */
  readonly idleMs?: number;
}

/** A stream of server-sent events that can be asked for again from any event on. */
export interface EventSource<T> {
  /** @param lastEventId of the last event that was taken; empty: none */
  open(lastEventId: string, signal: AbortSignal): Promise<IncomingMessage>;
  /** What an event means; undefined: nothing, or what was taken already. `last`: nothing comes after it. */
  read(event: ServerSentEvent): { readonly value?: T; readonly last?: boolean } | undefined;
  /** What a person is told when contact does not come back. */
  readonly givenUp: string;
}

/** What comes over a stream, in order, whatever happens to the connection, until it says that it has ended. */
export async function* followEvents<T>(
  source: EventSource<T>,
  options: FollowOptions = {},
): AsyncGenerator<T, void> {
  const { idleMs = 60_000, signal } = options;
  const contact = new Contact(options, source.givenUp);
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
      const body = await source.open(cursor, connection.signal);
      alive();
      contact.made();
      const parser = new SseParser();
      for await (const bytes of body) {
        alive();
        contact.heard();
        for (const event of parser.push(bytes as Buffer)) {
          const { value, last } = source.read(event) ?? {};
          if (value !== undefined) {
            clearTimeout(idle);
            yield value;
            alive();
            contact.heard();
          }
          if (last) return;
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
