import { type INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { type MessageMappingProperties } from '@nestjs/websockets';
import { isObservable, type Observable } from 'rxjs';
import { type Server, type ServerOptions, type Socket } from 'socket.io';
import { Limits } from '#libs/protocol/index';

/** Where Socket.IO answers, upgrades included; a prefix. */
export const SOCKET_IO_PATH = '/socket.io/';

/** What a handler may return for an event to be emitted instead of an acknowledgement. */
interface Emitted {
  readonly event?: string;
  readonly data?: unknown;
}

/** One Socket.IO server for all namespaces. Its pings are the agents' heartbeat. */
export class SocketIoAdapter extends IoAdapter {
  constructor(
    app: INestApplication,
    private readonly heartbeatSeconds: number,
  ) {
    super(app);
  }

  override createIOServer(port: number, options?: ServerOptions): Server {
    const ours: Partial<ServerOptions> = {
      ...options,
      path: SOCKET_IO_PATH,
      // Silent for one interval and one timeout, two beats, means gone.
      pingInterval: this.heartbeatSeconds * 1000,
      pingTimeout: this.heartbeatSeconds * 1000,
      maxHttpBufferSize: Limits.messageBytes,
      // Other WebSocket endpoints live on the same port; `Upgrades` ends what nobody wants.
      destroyUpgrade: false,
      serveClient: false,
    };
    return super.createIOServer(port, ours as ServerOptions);
  }

  /**
   * Does what Nest's own does, by one plain listener per event: its pipeline of observables for each event of each socket
   * was half of what a connected agent cost (28 KB of heap without this, 13 KB with it).
   */
  override bindMessageHandlers(
    socket: Socket,
    handlers: MessageMappingProperties[],
    transform: (data: unknown) => Observable<Emitted>,
  ): void {
    for (const handler of handlers)
      socket.on(String(handler.message), (...payload: unknown[]) =>
        this.handle(socket, handler, transform, payload),
      );
  }

  private handle(
    socket: Socket,
    handler: MessageMappingProperties,
    transform: (data: unknown) => Observable<Emitted>,
    payload: unknown[],
  ): void {
    const callback = handler.callback as (data: unknown, ack: unknown) => unknown;
    const { data, ack } = this.mapPayload(payload.length > 1 ? payload : payload[0]) as {
      data: unknown;
      ack?: (answer: unknown) => void;
    };
    const respond = (response: Emitted | null | undefined): void => {
      if (response === undefined || response === null || socket.disconnected) return;
      if (response.event) socket.emit(response.event, response.data);
      else if (!handler.isAckHandledManually) ack?.(response);
    };
    const failed = (error: unknown): void => this.logger.error(error);
    // An observable of one promise costs as much as handling a small message does.
    new Promise((resolve) => resolve(callback(data, ack))).then((result) => {
      if (isObservable(result)) transform(result).subscribe({ next: respond, error: failed });
      else respond(result as Emitted | undefined);
    }, failed);
  }
}
