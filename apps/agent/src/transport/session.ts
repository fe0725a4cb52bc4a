import { io, type Socket } from 'socket.io-client';
import { Decoder, Encoder } from 'socket.io-parser';
import {
  AGENTS_NAMESPACE,
  AgentEvent,
  AnswerAck,
  FactsAck,
  FindingsAck,
  type HelloAck,
  Limits,
  PROTOCOL_VERSION,
  ReportAck,
  type RunAck,
  ServerEvent,
  TriggeredAck,
  RefusedAck,
  type Answer,
  type Findings,
  type HostFacts,
  type Hello,
  type Refused,
  type RefusedAnswer,
  type Report,
  type Triggered,
} from '#libs/protocol/index';
import { type AgentOptions } from '../config/options.js';
import { type AnswerChannel } from '../queries/answering.js';
import { type TriggeredChannel } from '../instances/announcer.js';
import { errorMessage } from '../platform/files.js';
import { type FindingsChannel } from '../standing/findings-sender.js';
import { type RefusedChannel } from '../trust/refusals.js';
import { DistrustError } from '../trust/server-trust.js';
import { type ReportChannel } from './reporter.js';
import { TakenOrders } from './taken-orders.js';

const ACK_TIMEOUT_MS = 10_000;
/** When many hosts bring rows or output at once, the last of them waits for the server to store all the others'. */
const STORED_ACK_TIMEOUT_MS = 30_000;
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
  /** Judges what came as the answer to it. @throws DistrustError, or anything when it makes no sense */
  readonly greet: (answer: unknown) => HelloAck;
  /** The hello was answered by somebody else than this agent's server. Resolves when that has been told. */
  readonly onDistrust: (session: Session) => Promise<void>;
  /** The hello was answered: reports may flow. */
  readonly onReady: (session: Session, ack: HelloAck & { ok: true }) => void;
}

/** One connection to the server, from the dial to the loss. Each gets a socket of its own: nothing is left over. */
export class Session
  implements ReportChannel, AnswerChannel, FindingsChannel, TriggeredChannel, RefusedChannel
{
  private readonly socket: Socket;
  private readonly taken = new TakenOrders((answers) => {
    if (this.socket.connected) this.socket.emit(AgentEvent.taken, { answers } satisfies RunAck);
  });
  private closed = false;
  private hangUp: () => void = () => undefined;
  private refuse: (message: string) => void = () => undefined;

  constructor(
    { server, ca }: Pick<AgentOptions, 'server' | 'ca'>,
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
      ...(ca !== null && { ca }),
      auth: { node_key: nodeKey, protocol: PROTOCOL_VERSION, agent_version: agentVersion },
    });
  }

  /** Connects and stays; resolves when the connection is over. */
  run(): Promise<SessionEnd> {
    const { socket } = this;
    for (const event of Object.values(ServerEvent)) {
      socket.on(event, (data: unknown, ack: unknown) => {
        void this.handlers.onOrder(event, data).then(
          (answer) => {
            if (typeof ack === 'function') (ack as (answer: unknown) => void)(answer);
            else if (event === ServerEvent.run) this.tookOrders(answer as RunAck | RefusedAnswer);
          },
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
        this.taken.close();
        socket.removeAllListeners();
        socket.disconnect();
        resolve(end);
      };
      socket.on('connect', () => {
        connectedAt = performance.now();
        this.introduce();
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
      this.refuse = (message) => finish({ kind: 'refused', message });
      socket.connect();
    });
  }

  async send(reports: Report[]): Promise<ReportAck> {
    for (const { attempt_id } of reports) this.taken.reported(attempt_id);
    return ReportAck.parse(await this.ask(AgentEvent.report, { reports }, STORED_ACK_TIMEOUT_MS));
  }

  /** Tells one part of an answer to a query. */
  async answer(part: Answer): Promise<AnswerAck> {
    return AnswerAck.parse(await this.ask(AgentEvent.answer, part, STORED_ACK_TIMEOUT_MS));
  }

  /** Tells what standing work found. */
  async findings(findings: Findings): Promise<FindingsAck> {
    return FindingsAck.parse(await this.ask(AgentEvent.findings, findings, STORED_ACK_TIMEOUT_MS));
  }

  /** Tells of a run that a trigger started. */
  async triggered(run: Triggered): Promise<TriggeredAck> {
    return TriggeredAck.parse(await this.ask(AgentEvent.triggered, run));
  }

  /** Tells changed facts; false when the server could not take them. */
  async sendFacts(facts: HostFacts): Promise<boolean> {
    return FactsAck.parse(await this.ask(AgentEvent.facts, { facts })).ok;
  }

  /** Hangs up. */
  close(): void {
    this.hangUp();
  }

  /** Tells what this agent did not do, though it was told to. */
  async refused(message: Refused): Promise<RefusedAck> {
    return RefusedAck.parse(await this.ask(AgentEvent.refused, message));
  }

  /** What time it is by the server; the answer as it came. */
  time(challenge: string): Promise<unknown> {
    return this.ask(AgentEvent.time, { challenge });
  }

  /** That it was refused as a whole is told in words of its own. */
  private tookOrders(answer: RunAck | RefusedAnswer): void {
    if (!this.closed && 'answers' in answer) this.taken.add(answer.answers);
  }

  private introduce(): void {
    if (this.closed || !this.socket.connected) return;
    // Not by a promise: orders may stand right behind the answer, and are judged by what it says.
    this.socket
      .timeout(ACK_TIMEOUT_MS)
      .emit(AgentEvent.hello, this.handlers.hello(), (error: Error | null, answer: unknown) => {
        if (this.closed) return;
        // No answer, or none that makes sense: a new connection may do better.
        if (error !== null) return this.close();
        try {
          const ack = this.handlers.greet(answer);
          if (ack.ok) return this.handlers.onReady(this, ack);
          setTimeout(() => this.introduce(), Math.max(100, ack.retry_after_ms));
        } catch (refusal) {
          if (refusal instanceof DistrustError) void this.partFrom(errorMessage(refusal));
          else this.close();
        }
      });
  }

  /** The server may be the right one, with somebody in between or a key that nobody told of: it hears why. */
  private async partFrom(message: string): Promise<void> {
    await this.handlers.onDistrust(this);
    this.refuse(message);
  }

  private async ask(event: string, data: unknown, timeoutMs = ACK_TIMEOUT_MS): Promise<unknown> {
    // A socket that is not connected would keep the message and send it some other time.
    if (!this.socket.connected) throw new Error('not connected');
    return this.socket.timeout(timeoutMs).emitWithAck(event, data);
  }
}
