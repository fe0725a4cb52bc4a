import { Inbox } from './inbox.js';

/** Why the server ends a connection: everything is said, or the server goes down. */
export type CloseReason = 'done' | 'shutdown';

/** One client that speaks Fleet's messages, over a WebSocket or SockJS. */
export abstract class Connection {
  readonly inbox = new Inbox();
  private readonly ending = new AbortController();

  /** @param address of the client */
  constructor(readonly address: string) {}

  /** Aborts when the connection has ended, or has begun to. */
  get ended(): AbortSignal {
    return this.ending.signal;
  }

  /** Hands one message over; a promise when there is no room for the next one yet. Never rejects. */
  abstract send(text: string): Promise<void> | undefined;

  /** Ends the connection after what was sent before. */
  close(reason: CloseReason): void {
    if (this.ended.aborted) return;
    this.end();
    this.sayGoodbye(reason);
  }

  /** Ends the connection of a client that takes nothing: at once, whatever was sent before. */
  terminate(): void {
    this.end();
    this.cut();
  }

  /** For the transport: the client has gone, or is about to. */
  protected end(): void {
    this.ending.abort();
    this.inbox.close();
  }

  protected abstract sayGoodbye(reason: CloseReason): void;
  protected abstract cut(): void;
}
