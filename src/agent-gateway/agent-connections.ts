import { setImmediate, setTimeout } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { type Namespace, type Socket } from 'socket.io';
import { type Order, type OrderAnswer, Run, RunAck, ServerEvent, Stop, StopAck } from '#libs/protocol/index';
import { AgentDispatcher } from '#libs/executions/index';
import { Metrics } from '#libs/platform/metrics/index';
import { type KnownAgent } from '#libs/agents/index';

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

  constructor(private readonly metrics: Metrics) {
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

  async run(hostId: number, orders: Order[]): Promise<OrderAnswer[] | null> {
    const message: Run = { orders };
    return (await this.ask(hostId, ServerEvent.run, message, RunAck))?.answers ?? null;
  }

  async stop(hostId: number, attempts: Stop['attempts']): Promise<StopAck['answers'] | null> {
    const message: Stop = { attempts };
    return (await this.ask(hostId, ServerEvent.stop, message, StopAck))?.answers ?? null;
  }

  /** One packet to those of the hosts that are connected; nothing is heard back. */
  broadcast(hostIds: readonly number[], event: string, message: unknown): void {
    const sockets = hostIds.flatMap((id) => this.sockets.get(id) ?? []);
    // Without rooms it would go to everybody.
    const [first] = sockets;
    if (!first) return;
    (first.nsp as Namespace).to(sockets.map((socket) => socket.id)).emit(event, message);
  }

  /**
   * The same to many, with time in between for others; it is encoded once for each part of them. Resolves when all of it has left.
   * @param answered how many have answered so far, where answers are awaited
   */
  async spread(
    hostIds: readonly number[],
    event: string,
    message: unknown,
    answered: () => number = () => Infinity,
  ): Promise<void> {
    let count = FIRST;
    for (let from = 0; from < hostIds.length; from += count, count = Math.min(MOST, count * 2)) {
      this.broadcast(hostIds.slice(from, from + count), event, message);
      await setImmediate();
      const until = performance.now() + PATIENCE_MS;
      while (from + count - answered() > ON_THEIR_WAY && performance.now() < until) await setTimeout(LOOK_MS);
    }
  }

  private async ask<T>(
    hostId: number,
    event: string,
    message: unknown,
    answer: Parser<T>,
  ): Promise<T | null> {
    const socket = this.sockets.get(hostId);
    if (!socket) return null;
    const raw = await acknowledgement(socket, event, message);
    if (raw === undefined) return null;
    const parsed = answer.safeParse(raw);
    if (parsed.success) return parsed.data;
    this.logger.warn('an agent gave an answer that makes no sense; its connection is ended', {
      host_id: hostId,
      event,
      reason: parsed.error.message,
    });
    socket.disconnect(true);
    return null;
  }
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
