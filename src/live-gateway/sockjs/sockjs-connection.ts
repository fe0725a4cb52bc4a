import { type Connection as SockJs, type Session } from 'sockjs';
import { type CloseReason, Connection } from '../fleet/connection.js';
import { HIGH_WATER_BYTES } from '../limits.js';
import { addressOfPeer } from '../upgrades/peer.js';

const CLOSE_CODES: Readonly<Record<CloseReason, [number, string]>> = {
  // Fleet's.
  done: [0, 'none'],
  shutdown: [1001, 'the server is shutting down'],
};

/** A client on SockJS, by whatever transport it found. */
export class SockJsConnection extends Connection {
  private readonly session: Session;
  private waiting: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(private readonly connection: SockJs) {
    super(addressOfPeer(connection));
    this.session = connection._session;
    // A session that is over forgets its connection, and the transport what it was sending through.
    connection.on('data', (message) => this.inbox.add(message));
    connection.on('close', () => this.end());
    this.sendHeartbeatFrames();
    this.listenForRequests();
  }

  override send(text: string): Promise<void> | undefined {
    this.connection.write(text);
    return this.room();
  }

  protected override sayGoodbye(reason: CloseReason): void {
    this.connection.close(...CLOSE_CODES[reason]);
  }

  protected override cut(): void {
    const { recv } = this.session;
    (recv?.response?.socket ?? recv?.connection)?.destroy();
    // Between two requests there is nothing to destroy: the session ends when the next one does not come.
    this.connection.close(...CLOSE_CODES.done);
  }

  /** Undefined when there is room; SockJS takes everything and tells nobody how much waits. */
  private room(): Promise<void> | undefined {
    const { recv, send_buffer: queue } = this.session;
    const out = recv?.response ?? recv?.connection;
    if (out ? !out.writableNeedDrain : size(queue) < HIGH_WATER_BYTES) return undefined;
    if (this.waiting) return this.waiting.promise;
    const waiting = this.wait();
    if (out) {
      out.once('drain', waiting.resolve);
      out.once('close', waiting.resolve);
      void waiting.promise.then(() => {
        out.off('drain', waiting.resolve);
        out.off('close', waiting.resolve);
      });
    }
    return waiting.promise;
  }

  private wait(): { readonly promise: Promise<void>; readonly resolve: () => void } {
    let wake: () => void = () => undefined;
    const promise = new Promise<void>((resolve) => (wake = resolve));
    const resolve = (): void => {
      this.waiting = null;
      wake();
    };
    return (this.waiting = { promise, resolve });
  }

  /** Each request of a client that polls takes what waits; there is no event that says so. */
  private listenForRequests(): void {
    const { session } = this;
    const register = session.register.bind(session);
    session.register = (request, receiver) => {
      register(request, receiver);
      this.waiting?.resolve();
    };
  }

  /** On a WebSocket sockjs sends pings; Fleet's clients know the frame `h`. */
  private sendHeartbeatFrames(): void {
    const { recv } = this.session;
    if (!recv?.connection) return;
    const ping = recv.heartbeat.bind(recv);
    recv.heartbeat = () => {
      recv.doSendFrame('h');
      ping();
    };
  }
}

function size(queue: readonly string[]): number {
  return queue.reduce((sum, text) => sum + text.length, 0);
}
