import { clearTimeout, setTimeout as setTimer } from 'node:timers';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { type Namespace, type Socket } from 'socket.io';
import { PacketType } from 'socket.io-parser';
import {
  type CommonOrder,
  type Order,
  RefusedAnswer,
  Run,
  RunAck,
  type Sealable,
  ServerEvent,
  Stop,
  StopAck,
} from '#libs/protocol/index';
import {
  AgentDispatcher,
  type Answering,
  type Arrived,
  type HostShare,
  type SharedOrder,
} from '#libs/executions/index';
import { Metrics } from '#libs/platform/metrics/index';
import { type KnownAgent } from '#libs/agents/index';
import { Envelopes } from './envelopes.js';

/**
 * Sockets written to before others get their turn, at first and at most: whoever asked hears that it has begun, and the
 * first answers are read, stored and told, while the last packets leave.
 */
const FIRST = 8;
const MOST = 128;
/** Answers that may be on their way before the next hosts are written to: what waits in memory survives collections, and costs each time. */
const ON_THEIR_WAY = 1_024;
/** Slow answers hold nobody up longer than this per slice, milliseconds. */
const PATIENCE_MS = 20;
const LOOK_MS = 2;

/** An agent that takes longer than this to acknowledge is not well: its connection is ended, and its next hello sorts things out. */
const ACK_TIMEOUT_MS = 30_000;

export type AgentSocket = Socket<
  Record<string, never>,
  Record<string, never>,
  Record<string, never>,
  KnownAgent & {
    agentVersion: string;
    /** As of the last hello. */
    hostname: string;
    /** It takes nothing that is not signed. */
    envelopes: boolean;
    /** It takes orders that are signed for many. */
    sharedOrders: boolean;
    /** It says by itself what became of orders. */
    saysTaken: boolean;
    /** When the last hello was taken, milliseconds since the epoch; undefined: none was. */
    heardAt?: number;
    /** One is being taken. */
    greeting?: boolean;
  }
>;

interface Parser<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: { message: string } };
}

/** The sockets of agents that have said hello: one per host, the newest. */
@Injectable()
export class AgentConnections extends AgentDispatcher {
  private readonly logger = new Logger(AgentConnections.name);
  private readonly sockets = new Map<number, AgentSocket>();

  constructor(
    private readonly metrics: Metrics,
    private readonly envelopes: Envelopes,
  ) {
    super();
  }

  /** Registers the connection; an older one of the same host is ended. */
  add(socket: AgentSocket): void {
    const { hostId } = socket.data;
    this.drop(hostId, socket);
    this.sockets.set(hostId, socket);
    this.metrics.agentsConnected.set(this.sockets.size);
  }

  /** Ends the connection of this host unless it is `except`: nothing more is sent to it. */
  drop(hostId: number, except?: AgentSocket): void {
    const socket = this.sockets.get(hostId);
    if (!socket || socket === except) return;
    this.remove(socket);
    socket.disconnect(true);
  }

  /** Forgets the connection, unless a newer one of the host has taken its place. */
  remove(socket: AgentSocket): void {
    if (this.sockets.get(socket.data.hostId) !== socket) return;
    this.sockets.delete(socket.data.hostId);
    this.metrics.agentsConnected.set(this.sockets.size);
  }

  connectedHosts(): number[] {
    return [...this.sockets.keys()];
  }

  isConnected(hostId: number): boolean {
    return this.sockets.has(hostId);
  }

  run(hostId: number, orders: Order[], arrived: Arrived): Answering {
    const message: Run = { orders };
    const socket = this.sockets.get(hostId);
    if (!socket || wantsAnswer(socket, arrived))
      return this.ask(hostId, ServerEvent.run, message, RunAck).then((ack) => ack?.answers ?? null);
    (socket as Socket).emit(ServerEvent.run, this.sealedFor(socket, ServerEvent.run, message));
    return null;
  }

  share(order: CommonOrder, hosts: readonly HostShare[]): SharedOrder {
    const sharing = hosts.flatMap((host) => {
      const socket = this.sharing(host.hostId);
      return socket ? [{ ...host, uuid: socket.data.hostUuid }] : [];
    });
    if (sharing.length < 2) return { order, hosts, sealedFor: [], sealed: null };
    const sealed = this.envelopes.seal(
      this.envelopes.ready(ServerEvent.run, { order, shares: sharing.map(({ share }) => share) }),
      sharing.map(({ uuid }) => uuid),
    );
    return { order, hosts, sealedFor: sharing.map(({ hostId }) => hostId), sealed };
  }

  runOnMany({ order, hosts, sealedFor, sealed }: SharedOrder, arrived: Arrived): Answering[] {
    const sockets = sealedFor.flatMap((hostId) => this.sharing(hostId) ?? []);
    const [asked, told] = partition(sockets, (socket) => wantsAnswer(socket, arrived));
    emit(told, ServerEvent.run, sealed);
    const sent = new Map<number, Answering>(told.map(({ data }) => [data.hostId, null]));
    for (const [socket, raw] of acknowledgements(asked, ServerEvent.run, sealed))
      sent.set(
        socket.data.hostId,
        raw.then((said) => this.judged(socket, ServerEvent.run, said, RunAck)?.answers ?? null),
      );
    return hosts.map(({ hostId, share }) => {
      const answering = sent.get(hostId);
      return answering === undefined ? this.run(hostId, [{ ...order, ...share }], arrived) : answering;
    });
  }

  async stop(hostId: number, attempts: Stop['attempts']): Promise<StopAck['answers'] | null> {
    const message: Stop = { attempts };
    return (await this.ask(hostId, ServerEvent.stop, message, StopAck))?.answers ?? null;
  }

  /**
   * The same to many, with time in between for others; it is signed and encoded once for each slice of them. Nothing is heard back.
   * Resolves when all of it has left.
   * @param answered how many have answered so far, where answers are awaited
   */
  async spread(
    hostIds: readonly number[],
    event: string,
    message: unknown,
    answered: () => number = () => Infinity,
  ): Promise<void> {
    const packet = { event, message, sealable: this.envelopes.ready(event, message) };
    let count = FIRST;
    for (let from = 0; from < hostIds.length; from += count, count = Math.min(MOST, count * 2)) {
      this.broadcast(hostIds.slice(from, from + count), packet);
      await setImmediate();
      const until = performance.now() + PATIENCE_MS;
      while (from + count - answered() > ON_THEIR_WAY && performance.now() < until) await setTimeout(LOOK_MS);
    }
  }

  /** A question and its answer; null when the host is not connected, or its connection ended before it answered. */
  async ask<T>(hostId: number, event: string, message: unknown, answer: Parser<T>): Promise<T | null> {
    const socket = this.sockets.get(hostId);
    if (!socket) return null;
    const sent = this.sealedFor(socket, event, message);
    return this.judged(socket, event, await acknowledgement(socket, event, sent), answer);
  }

  /** The socket of a host that takes orders for many. */
  private sharing(hostId: number): AgentSocket | undefined {
    const socket = this.sockets.get(hostId);
    return socket?.connected && socket.data.sharedOrders ? socket : undefined;
  }

  /** As this agent takes it. */
  private sealedFor(
    { data: { envelopes, hostUuid } }: AgentSocket,
    event: string,
    message: unknown,
  ): unknown {
    return envelopes ? this.envelopes.seal(this.envelopes.ready(event, message), [hostUuid]) : message;
  }

  /** What an agent answered; null: nothing that counts. */
  private judged<T>(socket: AgentSocket, event: string, raw: unknown, answer: Parser<T>): T | null {
    if (raw === undefined) return null;
    const { hostId } = socket.data;
    const refused = refusalIn(raw);
    if (refused !== null) {
      // It is in the record (`AgentTrust`); what was asked for is as if the host were away.
      this.logger.warn('an agent refused what it was told', { host_id: hostId, event, ...refused });
      return null;
    }
    const parsed = answer.safeParse(raw);
    if (parsed.success) return parsed.data;
    this.logger.warn('an agent gave an answer that makes no sense; its connection is ended', {
      host_id: hostId,
      event,
      reason: parsed.error.message.slice(0, 300),
    });
    socket.disconnect(true);
    return null;
  }

  /** One packet to those of the hosts that are connected. */
  private broadcast(
    hostIds: readonly number[],
    { event, message, sealable }: { event: string; message: unknown; sealable: Sealable },
  ): void {
    const sockets = hostIds.flatMap((id) => this.sockets.get(id) ?? []);
    const [signed, plain] = partition(sockets, ({ data }) => data.envelopes);
    if (signed.length > 0) {
      const hosts = signed.map(({ data }) => data.hostUuid);
      emit(signed, event, this.envelopes.seal(sealable, hosts));
    }
    emit(plain, event, message);
  }
}

/** Most agents say by themselves what became of an order; it is insisted on where one may have been lost. */
function wantsAnswer({ data: { saysTaken } }: AgentSocket, arrived: Arrived): boolean {
  return !saysTaken || arrived === 'maybe';
}

/** Those for which it is so, and the others. */
function partition<T>(items: readonly T[], isSo: (item: T) => boolean): [T[], T[]] {
  const [so, others]: [T[], T[]] = [[], []];
  for (const item of items) (isSo(item) ? so : others).push(item);
  return [so, others];
}

/** Why the agent did not even look at what it was asked; null: it did. */
function refusalIn(answer: unknown): RefusedAnswer | null {
  if (typeof answer !== 'object' || answer === null || !('refused' in answer)) return null;
  return RefusedAnswer.safeParse(answer).data ?? null;
}

/** The agent's answer; undefined when the connection ended, or had to be ended, before there was one. */
function acknowledgement(socket: AgentSocket, event: string, message: unknown): Promise<unknown> {
  return new Promise((resolve) => {
    const gone = (): void => resolve(undefined);
    socket.once('disconnect', gone);
    (socket as Socket)
      .timeout(ACK_TIMEOUT_MS)
      .emit(event, message, (error: Error | null, answer: unknown) => {
        socket.off('disconnect', gone);
        if (error) socket.disconnect(true);
        resolve(error ? undefined : answer);
      });
  });
}

/** The same to all of these, encoded once, and what each answers: as `acknowledgement` does. */
function acknowledgements(
  sockets: readonly AgentSocket[],
  event: string,
  message: unknown,
): [AgentSocket, Promise<unknown>][] {
  if (sockets.length === 0) return [];
  const waiting = new Map<unknown, (answer: unknown) => void>();
  const answers = sockets.map((socket): [AgentSocket, Promise<unknown>] => [
    socket,
    new Promise((resolve) => {
      const gone = (): void => settle(undefined);
      const settle = (answer: unknown): void => {
        socket.off('disconnect', gone);
        waiting.delete(socket);
        if (waiting.size === 0) clearTimeout(timer);
        resolve(answer);
      };
      waiting.set(socket, settle);
      socket.once('disconnect', gone);
    }),
  ]);
  const timer = setTimer(() => {
    for (const socket of sockets) if (waiting.has(socket)) socket.disconnect(true);
  }, ACK_TIMEOUT_MS);
  const [first] = sockets;
  const opts = { rooms: new Set(sockets.map((socket) => socket.id)), except: new Set<string>() };
  (first?.nsp as Namespace | undefined)?.adapter.broadcastWithAck(
    { type: PacketType.EVENT, data: [event, message] },
    opts,
    () => undefined,
    // Socket.IO calls it on the socket whose answer it is.
    function (this: unknown, answer: unknown) {
      waiting.get(this)?.(answer);
    },
  );
  return answers;
}

/** One packet to all of these, encoded once. Without rooms it would go to everybody. */
function emit(sockets: readonly AgentSocket[], event: string, message: unknown): void {
  const [first] = sockets;
  if (first) (first.nsp as Namespace).to(sockets.map((socket) => socket.id)).emit(event, message);
}
