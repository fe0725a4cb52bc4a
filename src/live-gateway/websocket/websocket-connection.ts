import { type Duplex } from 'node:stream';
import { type WebSocket } from 'ws';
import { type CloseReason, Connection } from '../fleet/connection.js';
import { HIGH_WATER_BYTES } from '../limits.js';

const CLOSE_CODES: Readonly<Record<CloseReason, [number, string]>> = {
  done: [1000, 'none'],
  shutdown: [1001, 'the server is shutting down'],
};

/** A client on a WebSocket of its own: one frame is one message. */
export class WebSocketConnection extends Connection {
  private answered = true;
  private gathering = false;

  constructor(
    private readonly socket: WebSocket,
    /** What the WebSocket writes to. */
    private readonly stream: Duplex,
    address: string,
  ) {
    super(address);
    socket.on('message', (data: Buffer) => this.inbox.add(data.toString()));
    socket.on('pong', () => (this.answered = true));
    socket.on('close', () => this.end());
    // A frame that is too large or none at all; `ws` closes the socket, with the code that says why.
    socket.on('error', () => this.end());
  }

  override send(text: string): Promise<void> | undefined {
    this.gather();
    let written: () => void = () => undefined;
    const writing = new Promise<void>((resolve) => (written = resolve));
    this.socket.send(text, () => written());
    return this.socket.bufferedAmount > HIGH_WATER_BYTES ? writing : undefined;
  }

  /** To be called once per heartbeat: asks whether the client is still there, and drops it when the last question has no answer. */
  beat(): void {
    // Behind what it has not read yet the client cannot see a ping: then the pump says when it has waited too long.
    if (this.socket.bufferedAmount > 0) return;
    if (!this.answered) return this.terminate();
    this.answered = false;
    this.socket.ping();
  }

  /** Messages of one go leave in one write: apart, ten thousand of them are a tenth of a second in system calls. */
  private gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    this.stream.cork();
    process.nextTick(() => {
      this.gathering = false;
      this.stream.uncork();
    });
  }

  protected override sayGoodbye(reason: CloseReason): void {
    this.socket.close(...CLOSE_CODES[reason]);
  }

  protected override cut(): void {
    this.socket.terminate();
  }
}
