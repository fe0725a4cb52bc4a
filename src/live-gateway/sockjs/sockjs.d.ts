/** As much of sockjs as is used here, its sessions included: they alone know whether a client takes what it is sent. */
declare module 'sockjs' {
  import { type EventEmitter } from 'node:events';
  import { type IncomingMessage, type ServerResponse } from 'node:http';
  import { type Socket } from 'node:net';
  import { type Duplex } from 'node:stream';

  namespace sockjs {
    interface Options {
      /** A path; becomes part of a regular expression. */
      readonly prefix: string;
      /** Milliseconds. */
      readonly heartbeat_delay: number;
      /** Milliseconds that a session without a request is kept. */
      readonly disconnect_delay: number;
      readonly log: (severity: string, line: string) => void;
      readonly faye_server_options: { readonly maxLength: number };
    }

    type Handler = (request: IncomingMessage, response: ServerResponse | Duplex, head?: Buffer) => boolean;

    interface Server extends EventEmitter {
      on(event: 'connection', listener: (connection: Connection) => void): this;
      listener(): { getHandler(): Handler };
    }

    interface Connection extends EventEmitter {
      readonly remoteAddress?: string;
      readonly _session: Session;
      write(text: string): boolean;
      close(code: number, reason: string): boolean;
      on(event: 'data', listener: (message: unknown) => void): this;
      on(event: 'close', listener: () => void): this;
    }

    /** The request or WebSocket that a session sends through at the moment. */
    interface Receiver {
      /** Of a client that polls or streams. */
      readonly response?: ServerResponse | null;
      /** Of a client on a WebSocket. */
      readonly connection?: Socket | null;
      heartbeat(): void;
      doSendFrame(frame: string): boolean;
    }

    interface Session {
      /** null between two requests of a client that polls. */
      readonly recv: Receiver | null;
      /** What waits for the next request. */
      readonly send_buffer: readonly string[];
      /** A request or WebSocket of the session has come. */
      register(request: IncomingMessage, receiver: Receiver): void;
    }
  }

  const sockjs: { createServer(options: sockjs.Options): sockjs.Server };
  export = sockjs;
}
