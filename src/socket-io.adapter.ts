import { type INestApplication } from '@nestjs/common';
import { IoAdapter } from '@nestjs/platform-socket.io';
import { type Server, type ServerOptions } from 'socket.io';
import { boundedParser, CLIENT_BYTES, closeMainNamespace } from './socket-io-bounds.js';

/** Where Socket.IO answers, upgrades included; a prefix. */
export const SOCKET_IO_PATH = '/socket.io/';

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
      // Agents may say more, once they are known.
      maxHttpBufferSize: CLIENT_BYTES,
      parser: boundedParser,
      // To say who one is, and to be answered.
      connectTimeout: 20_000,
      // Other WebSocket endpoints live on the same port; `Upgrades` ends what nobody wants.
      destroyUpgrade: false,
      serveClient: false,
    };
    const server = super.createIOServer(port, ours as ServerOptions);
    closeMainNamespace(server);
    return server;
  }
}
