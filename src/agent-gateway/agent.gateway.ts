import { type BeforeApplicationShutdown, Logger } from '@nestjs/common';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { type ExtendedError, type Namespace, type Socket } from 'socket.io';
import { ZodError } from 'zod';
import {
  AgentEvent,
  type AnswerAck,
  AGENTS_NAMESPACE,
  type Envelope,
  type FactsAck,
  FactsUpdate,
  type FindingsAck,
  Hello,
  type HelloAck,
  type RefusedAck,
  type ReportAck,
  type TriggeredAck,
} from '#libs/protocol/index';
import { DomainError } from '#libs/platform/errors/index';
import { HostRemovals, PresenceService } from '#libs/agents/index';
import { ReconcileService } from '#libs/executions/index';
import { AgentDuties } from './agent-duties.js';
import { hangUp } from '../socket-io-bounds.js';
import { AgentTrust } from './agent-trust.js';
import { AgentConnections, type AgentSocket } from './agent-connections.js';
import { AgentTraffic, type Flow } from './agent-traffic.js';
import { AgentWords } from './agent-words.js';

const RETRY_AFTER_MS = 1_000;
/** No agent introduces itself again sooner, once it was heard. */
const HELLO_AGAIN_MS = 5_000;

/** The agents' channel: authenticate in the handshake, parse, call one service, acknowledge; errors included. */
@WebSocketGateway({ namespace: AGENTS_NAMESPACE })
export class AgentGateway
  implements
    OnGatewayInit<Namespace>,
    OnGatewayConnection<AgentSocket>,
    OnGatewayDisconnect<AgentSocket>,
    BeforeApplicationShutdown
{
  private readonly logger = new Logger(AgentGateway.name);

  @WebSocketServer()
  private readonly namespace!: Namespace;

  constructor(
    private readonly presence: PresenceService,
    private readonly connections: AgentConnections,
    private readonly reconcile: ReconcileService,
    private readonly hostRemovals: HostRemovals,
    private readonly words: AgentWords,
    private readonly duties: AgentDuties,
    private readonly trust: AgentTrust,
    private readonly traffic: AgentTraffic,
  ) {}

  afterInit(namespace: Namespace): void {
    this.hostRemovals.listen((tx, hostId) => tx.afterCommit(() => this.connections.drop(hostId)));
    namespace.use((socket, next) => {
      this.trust.authenticate(socket as AgentSocket).then(
        () => next(),
        (refusal: ExtendedError) => {
          next(refusal);
          hangUp(socket);
        },
      );
    });
  }

  /**
   * Plain listeners, not Nest's own: its observables around each event of each socket were half of what an idle agent costs,
   * and a fifth of what ten thousand answers do.
   */
  handleConnection(socket: AgentSocket): void {
    this.logger.debug('agent connected', { host_id: socket.data.hostId });
    const flow = this.traffic.opened(socket);
    const handlers = {
      [AgentEvent.hello]: (body: unknown) => this.hello(socket, body),
      [AgentEvent.report]: (body: unknown) => this.report(socket, flow, body),
      [AgentEvent.taken]: (body: unknown) => this.taken(socket, body),
      [AgentEvent.answer]: (body: unknown) => this.queryAnswer(socket, body),
      [AgentEvent.facts]: (body: unknown) => this.facts(socket, body),
      [AgentEvent.findings]: (body: unknown) => this.found(socket, body),
      [AgentEvent.triggered]: (body: unknown) => this.started(socket, body),
      [AgentEvent.refused]: (body: unknown) => this.refused(socket, body),
      [AgentEvent.time]: (body: unknown) => this.time(socket, body),
    };
    (socket as Socket).onAny((event: string, body: unknown, acknowledge: unknown) => {
      if (socket.disconnected) return;
      if (!Object.hasOwn(handlers, event)) {
        this.traffic.refused(socket, 'there is no such event');
        return;
      }
      // Handlers never reject: what goes wrong is their answer.
      void flow
        .through<unknown>(() => handlers[event as keyof typeof handlers](body))
        .then((answer) => {
          if (typeof acknowledge === 'function' && socket.connected)
            (acknowledge as (answer: unknown) => void)(answer);
        });
    });
  }

  async handleDisconnect(socket: AgentSocket): Promise<void> {
    this.traffic.closed(socket);
    this.connections.remove(socket);
    this.words.left(socket.data.hostId);
    // A newer connection may be the host's by now.
    if (!this.connections.isConnected(socket.data.hostId)) this.duties.left(socket.data.hostId);
    await this.presence.disconnected(socket.data.hostId, socket.id);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.namespace.disconnectSockets(true);
    await this.presence.settled();
  }

  private async hello(socket: AgentSocket, body: unknown): Promise<HelloAck | Envelope> {
    return this.answer<HelloAck | Envelope>(socket, async () => {
      if (socket.data.greeting || Date.now() - (socket.data.heardAt ?? 0) < HELLO_AGAIN_MS)
        throw new Refused('hello was said already');
      const hello = Hello.parse(body);
      socket.data.greeting = true;
      try {
        return await this.greet(socket, hello);
      } finally {
        socket.data.greeting = false;
      }
    });
  }

  private async greet(socket: AgentSocket, hello: Hello): Promise<HelloAck | Envelope> {
    const { hostId, hostUuid, agentVersion } = socket.data;
    socket.data.hostname = hello.hostname;
    socket.data.envelopes = hello.envelopes !== undefined;
    socket.data.sharedOrders = socket.data.envelopes && hello.shared_orders === true;
    socket.data.saysTaken = hello.says_taken === true;
    this.connections.drop(hostId, socket);
    const { stale, resume } = await this.reconcile.reconcile(hostId, hello);
    // A newer connection of this host may have come meanwhile: its row must stand.
    if (socket.disconnected) throw new Error('the connection has ended');
    await this.presence.connected({ hostId, connectionId: socket.id, agentVersion, hello });
    if (socket.disconnected) await this.presence.disconnected(hostId, socket.id);
    else this.connections.add(socket);
    socket.data.heardAt = Date.now();
    // After the acknowledgement has left.
    setImmediate(() => {
      if (!socket.disconnected) this.duties.arrived(hostId, hello);
      Promise.all([resume(), this.words.resume(socket)]).catch((error: unknown) =>
        this.logger.warn('resuming a host failed; the sweep tries again', {
          host_id: hostId,
          reason: String(error),
        }),
      );
    });
    const ack = { ok: true, host_id: hostId, host_uuid: hostUuid, server_time: Date.now(), stale } as const;
    return this.trust.greeting(ack, hello);
  }

  private async report(socket: AgentSocket, flow: Flow, body: unknown): Promise<ReportAck> {
    return this.answer(socket, async () => {
      heard(socket);
      return this.words.report(socket, flow, body);
    });
  }

  private async taken(socket: AgentSocket, body: unknown): Promise<unknown> {
    return this.answer(socket, async () => {
      heard(socket);
      await this.words.taken(socket, body);
      return { ok: true };
    });
  }

  private async queryAnswer(socket: AgentSocket, body: unknown): Promise<AnswerAck> {
    return this.answer(socket, async () => {
      heard(socket);
      return this.words.answer(socket, body);
    });
  }

  private async facts(socket: AgentSocket, body: unknown): Promise<FactsAck> {
    return this.answer(socket, async () => {
      heard(socket);
      // They change slowly.
      this.traffic.inVain(socket);
      await this.presence.facts(socket.data.hostId, FactsUpdate.parse(body).facts);
      return { ok: true };
    });
  }

  private async found(socket: AgentSocket, body: unknown): Promise<FindingsAck> {
    const { hostId, hostUuid, hostname } = socket.data;
    return this.answer(socket, async () => {
      heard(socket);
      await this.duties.found({ id: hostId, uuid: hostUuid, hostname }, body);
      return { ok: true };
    });
  }

  private async started(socket: AgentSocket, body: unknown): Promise<TriggeredAck> {
    return this.answer(socket, async () => {
      heard(socket);
      const status = await this.duties.started(socket.data.hostId, body);
      if (status === 'gone') this.traffic.inVain(socket);
      return { status };
    });
  }

  private async refused(socket: AgentSocket, body: unknown): Promise<RefusedAck> {
    const { hostId, hostUuid, hostname } = socket.data;
    return this.answer(socket, async () => {
      heard(socket);
      // Once a second at most.
      this.traffic.inVain(socket);
      await this.trust.refused({ hostId, hostUuid, hostname, address: socket.handshake.address }, body);
      return { ok: true };
    });
  }

  private async time(socket: AgentSocket, body: unknown): Promise<unknown> {
    return this.answer(socket, async () => {
      heard(socket);
      // Each costs a signature, and is asked once in a while.
      this.traffic.inVain(socket);
      return this.trust.time(socket.data.hostUuid, body);
    });
  }

  /** Every message gets an answer: what could not be stored now is to be said again. */
  private async answer<T>(
    socket: AgentSocket,
    work: () => Promise<T>,
  ): Promise<T | { ok: false; error: string; retry_after_ms: number }> {
    try {
      return await work();
    } catch (error) {
      const message = (error instanceof Error ? error.message : String(error)).slice(0, 1000);
      // What makes no sense will not make any when it is said again.
      if (isSenseless(error)) this.traffic.refused(socket, message);
      else
        this.logger.warn('a message of an agent could not be handled', {
          host_id: socket.data.hostId,
          reason: message,
        });
      return { ok: false, error: message, retry_after_ms: RETRY_AFTER_MS };
    }
  }
}

/** A message that no agent sends. */
class Refused extends Error {}

function isSenseless(error: unknown): boolean {
  return (
    error instanceof ZodError ||
    error instanceof Refused ||
    (error instanceof DomainError && error.code === 'malformed')
  );
}

/** Nothing else counts before the hello was taken. */
function heard({ data: { heardAt } }: AgentSocket): void {
  if (heardAt === undefined) throw new Refused('say hello first');
}
