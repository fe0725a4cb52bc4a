import { type BeforeApplicationShutdown, Logger } from '@nestjs/common';
import {
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  type OnGatewayInit,
  WebSocketGateway,
  WebSocketServer,
} from '@nestjs/websockets';
import { type ExtendedError, type Namespace, type Socket } from 'socket.io';
import {
  AgentEvent,
  Answer,
  type AnswerAck,
  AGENTS_NAMESPACE,
  type FactsAck,
  FactsUpdate,
  Findings,
  type FindingsAck,
  Handshake,
  HandshakeRefusal,
  Hello,
  type HelloAck,
  PROTOCOL_VERSION,
  type ReportAck,
  Reports,
} from '#libs/protocol/index';
import { HostRemovals, PresenceService } from '#libs/agents/index';
import {
  type AnsweringHost,
  AnswersService,
  FindingsService,
  StandingWorkService,
} from '#libs/queries/index';
import { ReconcileService, SettlementsService } from '#libs/executions/index';
import { AgentConnections, type AgentSocket } from './agent-connections.js';

const RETRY_AFTER_MS = 1_000;

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
    private readonly settlements: SettlementsService,
    private readonly answers: AnswersService,
    private readonly hostRemovals: HostRemovals,
    private readonly standing: StandingWorkService,
    private readonly findings: FindingsService,
  ) {}

  afterInit(namespace: Namespace): void {
    this.hostRemovals.listen((tx, hostId) => tx.afterCommit(() => this.connections.drop(hostId)));
    namespace.use((socket, next) => {
      this.authenticate(socket as AgentSocket).then(
        () => next(),
        (refusal: ExtendedError) => next(refusal),
      );
    });
  }

  /**
   * Plain listeners, not Nest's own: its observables around each event of each socket were half of what an idle agent costs,
   * and a fifth of what ten thousand answers do.
   */
  handleConnection(socket: AgentSocket): void {
    this.logger.debug('agent connected', { host_id: socket.data.hostId });
    const handlers = {
      [AgentEvent.hello]: (body: unknown) => this.hello(socket, body),
      [AgentEvent.report]: (body: unknown) => this.report(socket, body),
      [AgentEvent.answer]: (body: unknown) => this.queryAnswer(socket, body),
      [AgentEvent.facts]: (body: unknown) => this.facts(socket, body),
      [AgentEvent.findings]: (body: unknown) => this.found(socket, body),
    };
    (socket as Socket).onAny((event: string, body: unknown, acknowledge: unknown) => {
      if (!Object.hasOwn(handlers, event)) return;
      // Handlers never reject: what goes wrong is their answer.
      void handlers[event as keyof typeof handlers](body).then((answer) => {
        if (typeof acknowledge === 'function' && socket.connected)
          (acknowledge as (answer: unknown) => void)(answer);
      });
    });
  }

  async handleDisconnect(socket: AgentSocket): Promise<void> {
    this.connections.remove(socket);
    this.answers.left(socket.data.hostId);
    // A newer connection may be the host's by now.
    if (!this.connections.isConnected(socket.data.hostId)) this.standing.left(socket.data.hostId);
    await this.presence.disconnected(socket.data.hostId, socket.id);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.namespace.disconnectSockets(true);
    await this.presence.settled();
  }

  private async hello(socket: AgentSocket, body: unknown): Promise<HelloAck> {
    const { hostId, hostUuid, agentVersion } = socket.data;
    return this.answer(async () => {
      const hello = Hello.parse(body);
      socket.data.hostname = hello.hostname;
      this.connections.drop(hostId, socket);
      const { stale, resume } = await this.reconcile.reconcile(hostId, hello);
      // A newer connection of this host may have come meanwhile: its row must stand.
      if (socket.disconnected) throw new Error('the connection has ended');
      await this.presence.connected({ hostId, connectionId: socket.id, agentVersion, hello });
      if (socket.disconnected) await this.presence.disconnected(hostId, socket.id);
      else this.connections.add(socket);
      // After the acknowledgement has left.
      setImmediate(() => {
        if (!socket.disconnected) this.standing.arrived(hostId, hello.standing);
        Promise.all([resume(), this.answers.resume(answering(socket))]).catch((error: unknown) =>
          this.logger.warn('resuming a host failed; the sweep tries again', {
            host_id: hostId,
            reason: String(error),
          }),
        );
      });
      return { ok: true, host_id: hostId, host_uuid: hostUuid, server_time: Date.now(), stale };
    });
  }

  private async report(socket: AgentSocket, body: unknown): Promise<ReportAck> {
    const { hostId } = socket.data;
    return this.answer(async () => {
      const { reports } = Reports.parse(body);
      const statuses = await Promise.all(reports.map((report) => this.settlements.report(hostId, report)));
      return {
        ok: true,
        answers: reports.map(({ attempt_id }, i) => ({ attempt_id, status: statuses[i] ?? 'stale' })),
      };
    });
  }

  private async queryAnswer(socket: AgentSocket, body: unknown): Promise<AnswerAck> {
    return this.answer(async () => ({
      ok: true,
      status: await this.answers.answer(answering(socket), Answer.parse(body)),
    }));
  }

  private async facts(socket: AgentSocket, body: unknown): Promise<FactsAck> {
    return this.answer(async () => {
      await this.presence.facts(socket.data.hostId, FactsUpdate.parse(body).facts);
      return { ok: true };
    });
  }

  private async found(socket: AgentSocket, body: unknown): Promise<FindingsAck> {
    const { hostId, hostUuid, hostname } = socket.data;
    return this.answer(async () => {
      await this.findings.take({ id: hostId, uuid: hostUuid, hostname }, Findings.parse(body));
      return { ok: true };
    });
  }

  private async authenticate(socket: AgentSocket): Promise<void> {
    const handshake = Handshake.safeParse(socket.handshake.auth);
    if (!handshake.success) throw new Error(HandshakeRefusal.badHandshake);
    if (handshake.data.protocol !== PROTOCOL_VERSION) throw new Error(HandshakeRefusal.protocolMismatch);
    const known = await this.presence.authenticate(handshake.data.node_key).catch(() => {
      throw new Error(HandshakeRefusal.unavailable);
    });
    if (!known) {
      this.logger.warn('an agent was refused: its node key is not known', {
        address: socket.handshake.address,
      });
      throw new Error(HandshakeRefusal.unknownNodeKey);
    }
    socket.data = { ...known, agentVersion: handshake.data.agent_version, hostname: '' };
  }

  /** Every message gets an answer: what could not be stored now is to be said again. */
  private async answer<T>(
    work: () => Promise<T>,
  ): Promise<T | { ok: false; error: string; retry_after_ms: number }> {
    try {
      return await work();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.logger.warn('a message of an agent could not be handled', { reason: message });
      return { ok: false, error: message.slice(0, 1000), retry_after_ms: RETRY_AFTER_MS };
    }
  }
}

function answering({ data: { hostId, hostname } }: AgentSocket): AnsweringHost {
  return { id: hostId, hostname };
}
