import { type Server, type Socket } from 'socket.io';
import { Decoder, Encoder } from 'socket.io-parser';

/** The most that is held of one client's message, bytes; of a client that nobody knows yet, too. */
export const CLIENT_BYTES = 64 * 1024;

/**
 * A decoder that holds no more of one message than it may have, its attachments included: they come one by one, and those of
 * a message that never becomes whole would stay. More than that ends the connection.
 */
class BoundedDecoder extends Decoder {
  most = CLIENT_BYTES;
  private held = 0;

  constructor() {
    super();
    // Before anybody else hears of it.
    this.on('decoded', () => (this.held = 0));
  }

  override add(data: string | Buffer): void {
    this.held += data.length;
    if (this.held > this.most) throw new Error('the message is too large');
    super.add(data);
  }
}

/** For the `parser` option. */
export const boundedParser = { Encoder, Decoder: BoundedDecoder };

/** Parts of a socket that its types do not tell of. */
interface Insides {
  readonly client: { readonly decoder: BoundedDecoder };
  readonly conn: { readonly transport: { readonly socket: { readonly _receiver: { _maxPayload: number } } } };
}

/** Lets a client that is known now, and that came by a WebSocket, send messages of so many bytes. */
export function raiseBounds(socket: Pick<Socket, 'client' | 'conn'>, bytes: number): void {
  const { client, conn } = socket as unknown as Insides;
  client.decoder.most = bytes;
  conn.transport.socket._receiver._maxPayload = bytes;
}

/** After the refusal that is being said: who was refused does not stay, and asks again with a new connection. */
export function hangUp({ conn }: Pick<Socket, 'conn'>): void {
  setImmediate(() => conn.close());
}

/** There is nothing in the namespace that everybody has; who joins it would be known as somebody. */
export function closeMainNamespace(server: Server): void {
  server.of('/').use((socket, next) => {
    next(new Error('there is nothing here'));
    hangUp(socket);
  });
}
