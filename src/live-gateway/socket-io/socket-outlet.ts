import { type Socket } from 'socket.io';

/**
 * What one Socket.IO client is sent: it knows when there is room for more. Socket.IO takes every event and keeps it in memory
 * until the client has taken those before.
 */
export class SocketOutlet {
  private drained: Promise<void> | null = null;

  constructor(private readonly socket: Socket) {}

  /** A promise when there is no room for the next event yet. Never rejects. */
  emit(event: string, body: object): Promise<void> | undefined {
    this.socket.emit(event, body);
    // Looked at each time: the client may have changed from requests to a WebSocket.
    const { conn } = this.socket;
    const queue = (conn as unknown as { readonly writeBuffer: readonly unknown[] }).writeBuffer;
    if (queue.length === 0) return undefined;
    this.drained ??= new Promise((resolve) => {
      const done = (): void => {
        conn.off('drain', done);
        conn.off('close', done);
        this.drained = null;
        resolve();
      };
      conn.on('drain', done);
      conn.on('close', done);
    });
    return this.drained;
  }
}
