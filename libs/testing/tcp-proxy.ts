import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { atEnd } from './managed-process.js';

/** Which bytes: what the client (an agent, say) sends, what the server sends, or all of them. */
export type Direction = 'fromClient' | 'fromServer' | 'both';

/** A TCP proxy between programs under test, whose connections can be cut, frozen and refused. */
export interface TcpProxy {
  /** Where clients connect to instead of the server. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** What went through towards the clients so far, over all connections; for tests that look for a message. */
  sentToClient(): string;
  /** Ends every connection with a reset; new ones are welcome. Bytes that were frozen never arrive. */
  cut(): void;
  /** Holds bytes back, of new connections too: the peers notice nothing but silence. */
  freeze(direction?: Direction): void;
  /** Lets the held bytes and all later ones through. */
  thaw(): void;
  /** Turns new connections away from now on; `cut` ends the old ones. */
  refuse(): void;
  /** Takes new connections again. */
  accept(): void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** Starts a proxy to `target` (a URL with a port); it ends with the tests of this file. */
export async function startProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target);
  const pairs = new Set<Pair>();
  let frozen: Direction | null = null;
  let refusing = false;
  let sent = '';

  const holds = (direction: Exclude<Direction, 'both'>): boolean => frozen === direction || frozen === 'both';
  const flow = (): void => {
    for (const { client, server } of pairs) {
      if (holds('fromClient')) client.pause();
      else client.resume();
      if (holds('fromServer')) server.pause();
      else server.resume();
    }
  };
  const forward = (from: Socket, to: Socket, direction: Exclude<Direction, 'both'>): void => {
    from.on('data', (data: Buffer) => {
      if (direction === 'fromServer') sent += data.toString('latin1');
      if (to.write(data)) return;
      from.pause();
      to.once('drain', () => {
        if (!holds(direction)) from.resume();
      });
    });
  };
  const cut = (): void => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  };

  const listener = createServer((client) => {
    if (refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect(Number(port), hostname);
    const pair = { client, server };
    pairs.add(pair);
    for (const [socket, peer] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.setNoDelay(true);
      socket.on('error', () => undefined); // the close that follows says it all
      socket.on('close', () => {
        pairs.delete(pair);
        peer.destroy();
      });
    }
    forward(client, server, 'fromClient');
    forward(server, client, 'fromServer');
    flow();
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    const closed = new Promise((resolve) => listener.close(resolve));
    cut();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    get connections() {
      return pairs.size;
    },
    sentToClient: () => sent,
    cut,
    freeze: (direction = 'both') => {
      frozen = direction;
      flow();
    },
    thaw: () => {
      frozen = null;
      flow();
    },
    refuse: () => {
      refusing = true;
    },
    accept: () => {
      refusing = false;
    },
  };
}
