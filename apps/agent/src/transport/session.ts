import { io, type Socket } from 'socket.io-client';
import { Decoder, Encoder } from 'socket.io-parser';
import {
  AGENTS_NAMESPACE,
  AgentEvent,
  AnswerAck,
  FactsAck,
  FindingsAck,
  HelloAck,
  Limits,
  PROTOCOL_VERSION,
  ReportAck,
  ServerEvent,
  type Answer,
  type Findings,
  type HostFacts,
  type Hello,
  type Report,
} from '#libs/protocol/index';
import { type AnswerChannel } from '../queries/answering.js';
import { type FindingsChannel } from '../standing/findings-sender.js';
import { type ReportChannel } from './reporter.js';

const ACK_TIMEOUT_MS = 10_000;
/** When many hosts answer at once, the last of them waits for the server to store all the others' rows. */
const ANSWER_ACK_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 15_000;

/** An order may bring contents and standard input as bytes: two attachments each, where the default takes ten in all. */
const generousParser = {
  Encoder,
  Decoder: class extends Decoder {
    constructor() {
      super({ maxAttachments: 2 * Limits.ordersPerMessage });
    }
  },
};

/** How a session came to its end. */
export type SessionEnd =
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'lost'; readonly message: string; readonly lastedMs: number };

/** What a session needs from the agent. */
export interface SessionHandlers {
  /** An order from the server; what it resolves to is the acknowledgement. */
  readonly onOrder: (event: string, data: unknown) => Promise<unknown>;
  /** Asked once connected, and again after each hello that the server could not take. */
  readonly hello: () => Hello;
  /** The hello was answered: reports may flow. */
  readonly onReady: (session: Session, ack: HelloAck & { ok: true }) => void;
}

/** One connection to the server, from the dial to the loss. Each gets a socket of its own: nothing is left over. */
export class Session implements ReportChannel, AnswerChannel, FindingsChannel {
  private readonly socket: Socket;
  private closed = false;
  private hangUp: () => void = () => undefined;

  constructor(
    server: string,
    nodeKey: string,
    agentVersion: string,
    private readonly handlers: SessionHandlers,
  ) {
    const { origin, pathname } = new URL(server);
    this.socket = io(`${origin}${AGENTS_NAMESPACE}`, {
      path: `${pathname.replace(/\/+$/, '')}/socket.io/`,
      transports: ['websocket'],
      reconnection: false,
      forceNew: true,
      autoConnect: false,
      timeout: CONNECT_TIMEOUT_MS,
      parser: generousParser,
      auth: { node_key: nodeKey, protocol: PROTOCOL_VERSION, agent_version: agentVersion },
    });
  }

  /** Connects and stays; resolves when the connection is over. */
  run(): Promise<SessionEnd> {
    const { socket } = this;
    for (const event of Object.values(ServerEvent)) {
      socket.on(event, (data: unknown, ack: unknown) => {
        void this.handlers.onOrder(event, data).then(
          (answer) => typeof ack === 'function' && (ack as (answer: unknown) => void)(answer),
          // No acknowledgement: the server asks again, or finds out from the next hello.
          () => undefined,
        );
      });
    }
    return new Promise((resolve) => {
      let connectedAt = 0;
      const finish = (end: SessionEnd): void => {
        if (this.closed) return;
        this.closed = true;
        socket.removeAllListeners();
        socket.disconnect();
        resolve(end);
      };
      socket.on('connect', () => {
        connectedAt = performance.now();
        void this.introduce();
      });
      socket.on('connect_error', (error) => {
        // Refused by the namespace the socket is inactive by the server's word, else the dial itself failed.
        const refused = 'data' in error || socket.io.engine?.readyState === 'open';
        finish({ kind: refused ? 'refused' : 'unreachable', message: error.message });
      });
      socket.on('disconnect', (reason) => {
        finish({ kind: 'lost', message: reason, lastedMs: performance.now() - connectedAt });
      });
      // A socket that is still dialling tells nobody that it was disconnected.
      this.hangUp = () => finish({ kind: 'lost', message: 'closed', lastedMs: 0 });
      socket.connect();
    });
  }

  async send(reports: Report[]): Promise<ReportAck> {
    return ReportAck.parse(await this.ask(AgentEvent.report, { reports }));
  }

  /** Tells one part of an answer to a query. */
  async answer(part: Answer): Promise<AnswerAck> {
    return AnswerAck.parse(await this.ask(AgentEvent.answer, part, ANSWER_ACK_TIMEOUT_MS));
  }

  /** Tells what standing work found. */
  async findings(findings: Findings): Promise<FindingsAck> {
    return FindingsAck.parse(await this.ask(AgentEvent.findings, findings, ANSWER_ACK_TIMEOUT_MS));
  }

  /** Tells changed facts; false when the server could not take them. */
  async sendFacts(facts: HostFacts): Promise<boolean> {
    return FactsAck.parse(await this.ask(AgentEvent.facts, { facts })).ok;
  }

  /** Hangs up. */
  close(): void {
    this.hangUp();
  }

  private async introduce(): Promise<void> {
    try {
      while (!this.closed) {
        const ack = HelloAck.parse(await this.ask(AgentEvent.hello, this.handlers.hello()));
        if (this.closed) return;
        if (ack.ok) return this.handlers.onReady(this, ack);
        await new Promise((resolve) => setTimeout(resolve, Math.max(100, ack.retry_after_ms)));
      }
    } catch {
      // No answer, or none that makes sense: a new connection may do better.
      this.close();
    }
  }

  private async ask(event: string, data: unknown, timeoutMs = ACK_TIMEOUT_MS): Promise<unknown> {
    // A socket that is not connected would keep the message and send it some other time.
    if (!this.socket.connected) throw new Error('not connected');
    return this.socket.timeout(timeoutMs).emitWithAck(event, data);
  }
}
