import { Decoder, type Packet as SocketPacket } from 'socket.io-parser';
import WebSocket from 'ws';
import { Limits } from '#libs/protocol/index';
import {
  ackPacket,
  connectPacket,
  Engine,
  eventPacket,
  type EventReader,
  type IncomingEvent,
  Packet,
  PONG,
  readAck,
  readData,
  readPatience,
} from './packets.js';

/*
 * Measured for this design, against a bare Socket.IO server that sends one order to all and acknowledges one answer of each;
 * resident memory, CPU to connect, CPU for an order and its answer, per agent:
 *   socket.io-client           25 KB   0.73 ms   70-150 µs
 *   `ws` and text, as here     12 KB   0.30 ms       40 µs
 *   frames by hand on net       5 KB   0.18 ms       30 µs
 * The last step is not worth a WebSocket implementation of our own, without TLS.
 */

const CONNECT_TIMEOUT_MS = 15_000;
/** As long as an agent waits for what the server has to store. */
const ACK_TIMEOUT_MS = 30_000;

/** How a connection came to its end. */
export type ConnectionEnd =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'lost'; readonly message: string; readonly lastedMs: number };

/** Whom a connection tells. One object per host, and no closures: there are thousands. */
export interface ConnectionListener {
  /** The namespace was joined: the hello may leave. */
  joined(connection: Connection): void;
  /** @returns JSON of the acknowledgement, when one is wanted; null: none is given */
  received(connection: Connection, event: IncomingEvent): string | null;
  /** Once, whatever happened; nothing else follows. */
  ended(connection: Connection, end: ConnectionEnd): void;
}

interface Question {
  readonly since: number;
  readonly answered: (args: string | null) => void;
}

/** One connection to the agents' namespace, from the dial to the loss: WebSocket, Engine.IO and Socket.IO. */
export class Connection {
  private readonly socket: WebSocket;
  private phase: 'dialing' | 'joined' | 'ended' = 'dialing';
  private since = performance.now();
  private heardAt = this.since;
  /** Silence that means that the server has gone, milliseconds. */
  private patience = Infinity;
  private nextId = 0;
  /** Questions without an answer, in the order asked. Most of the time there are none. */
  private questions: Map<number, Question> | null = null;
  private decoder: Decoder | null = null;
  private failure = '';

  /** @param auth JSON of the handshake */
  constructor(
    url: string,
    private readonly auth: string,
    private readonly reader: EventReader,
    private readonly listener: ConnectionListener,
  ) {
    this.socket = new WebSocket(url, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      maxPayload: 64 * Limits.messageBytes,
    });
    this.socket.on('message', (data: Buffer, isBinary: boolean) => this.receive(data, isBinary));
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.failure = error.code ?? error.message;
    });
    this.socket.on('close', (code) => this.end(this.failure || `closed (${code})`));
  }

  /**
   * Asks the server; `answered` gets the arguments of its acknowledgement as JSON text, or null when there was none
   * within 30 s. It is not called any more when the connection has ended.
   * @param body JSON
   */
  ask(event: string, body: string, answered: (args: string | null) => void): void {
    if (this.phase !== 'joined') return;
    const id = this.nextId++;
    (this.questions ??= new Map()).set(id, { since: performance.now(), answered });
    this.socket.send(eventPacket(event, id, body));
  }

  /**
   * Tells the server what it does not answer.
   * @param body JSON
   */
  tell(event: string, body: string): void {
    if (this.isOpen) this.socket.send(eventPacket(event, null, body));
  }

  /** Hangs up. */
  close(): void {
    this.end('closed');
  }

  /** Looks for what took too long; to be called about once a second. */
  sweep(now: number): void {
    if (this.phase === 'dialing') {
      if (now - this.since > CONNECT_TIMEOUT_MS) this.end('no answer to the handshake');
      return;
    }
    if (now - this.heardAt > this.patience) return this.end('the server is silent');
    for (const [id, { since, answered }] of this.questions ?? []) {
      if (now - since < ACK_TIMEOUT_MS) return;
      this.questions?.delete(id);
      answered(null);
    }
  }

  private receive(data: Buffer, isBinary: boolean): void {
    if (this.phase === 'ended') return;
    this.heardAt = performance.now();
    if (isBinary) return this.decode(data);
    switch (data[0] ?? 0) {
      case Engine.message:
        return this.message(data);
      case Engine.ping:
        return this.socket.send(PONG);
      case Engine.open:
        return this.opened(data.toString());
      case Engine.close:
        return this.end('closed by the server');
    }
  }

  private opened(text: string): void {
    this.patience = readPatience(text);
    this.socket.send(connectPacket(this.auth));
  }

  private message(data: Buffer): void {
    switch (data[1] ?? 0) {
      case Packet.event: {
        const event = this.reader.read(data);
        if (event !== null) this.dispatch(event);
        return;
      }
      case Packet.ack:
        return this.acknowledged(data.toString());
      case Packet.connect:
        this.phase = 'joined';
        this.since = performance.now();
        return this.listener.joined(this);
      case Packet.connectError:
        this.failure = messageOf(readData(data.toString()));
        return this.end(this.failure, 'refused');
      case Packet.disconnect:
        return this.end('disconnected by the server');
      case Packet.binaryEvent:
        return this.decode(data.toString().slice(1));
    }
  }

  private acknowledged(text: string): void {
    const ack = readAck(text);
    const question = ack === null ? undefined : this.questions?.get(ack.id);
    if (ack === null || question === undefined) return;
    this.questions?.delete(ack.id);
    question.answered(ack.args);
  }

  /** Contents that are no text come as attachments, which is rare: by socket.io's own parser, made for the occasion. */
  private decode(part: string | Buffer): void {
    if (this.decoder === null) {
      this.decoder = new Decoder({ maxAttachments: 2 * Limits.ordersPerMessage });
      this.decoder.on('decoded', (packet: SocketPacket) => {
        const [name, body] = packet.data as [string, unknown];
        this.decoder = null;
        this.dispatch({ name, id: packet.id ?? null, body });
      });
    }
    this.decoder.add(part);
  }

  private dispatch(event: IncomingEvent): void {
    const answer = this.listener.received(this, event);
    // It may have hung up.
    if (event.id !== null && answer !== null && this.isOpen) this.socket.send(ackPacket(event.id, answer));
  }

  private get isOpen(): boolean {
    return this.phase === 'joined';
  }

  private end(message: string, kind?: 'refused'): void {
    if (this.phase === 'ended') return;
    const joined = this.phase === 'joined';
    this.phase = 'ended';
    this.questions = null;
    this.socket.terminate();
    if (joined) {
      const lastedMs = performance.now() - this.since;
      this.listener.ended(this, { kind: 'lost', message, lastedMs });
    } else this.listener.ended(this, { kind: kind ?? 'unreachable', message });
  }
}

function messageOf(data: unknown): string {
  const message = (data as { message?: unknown } | null)?.message;
  return typeof message === 'string' ? message : 'refused';
}
