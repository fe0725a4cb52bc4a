import { type Socket } from 'socket.io';
import { DomainError } from '#libs/platform/errors/index';
import { type Caller } from '#libs/platform/auth/index';
import { SocketOutlet } from './socket-outlet.js';

const MAX_SUBSCRIPTIONS = 64;

/** One Socket.IO client: who it is, and what it follows, by a name for each. */
export class LiveClient {
  readonly outlet: SocketOutlet;
  private readonly subscriptions = new Map<string, AbortController>();
  private readonly gone = new AbortController();

  constructor(
    readonly socket: Socket,
    readonly caller: Caller,
  ) {
    this.outlet = new SocketOutlet(socket);
  }

  /** Aborts when the client has gone. */
  get ended(): AbortSignal {
    return this.gone.signal;
  }

  /** The client has gone: it follows nothing any more. */
  end(): void {
    this.gone.abort();
  }

  /**
   * A signal for a new subscription of this name, which replaces the one before.
   * @throws DomainError refused when there are too many
   */
  subscribe(name: string): { readonly signal: AbortSignal; readonly done: () => void } {
    this.subscriptions.get(name)?.abort();
    if (!this.subscriptions.has(name) && this.subscriptions.size >= MAX_SUBSCRIPTIONS)
      throw new DomainError(
        'refused',
        `one client may follow ${MAX_SUBSCRIPTIONS} streams at a time; open another connection`,
      );
    const controller = new AbortController();
    this.subscriptions.set(name, controller);
    return {
      signal: AbortSignal.any([controller.signal, this.ended]),
      done: () => {
        controller.abort();
        if (this.subscriptions.get(name) === controller) this.subscriptions.delete(name);
      },
    };
  }
}
