import {
  type CommonOrder,
  type Order,
  type OrderAnswer,
  type OrderShare,
  type Stop,
  type StopAck,
} from '#libs/protocol/index';

/** What one host has of an order for many. */
export interface HostShare {
  readonly hostId: number;
  readonly share: OrderShare;
}

/**
 * Port: the only way from the ledger to the agents' sockets. A socket is a hint: whatever gets no answer stays in its
 * row, and is sent again when the agent comes back.
 */
export abstract class AgentDispatcher {
  /** Hosts whose agent is connected here and has said hello. */
  abstract connectedHosts(): number[];

  abstract isConnected(hostId: number): boolean;

  /** Sends orders; null when the host is not connected, or its connection ended before it answered. */
  abstract run(hostId: number, orders: Order[]): Promise<OrderAnswer[] | null>;

  /**
   * Sends one order to many hosts, each with its share: a score of them at a time, no more.
   * @returns for each, what `run` would
   */
  abstract runOnMany(
    order: CommonOrder,
    hosts: readonly HostShare[],
  ): readonly Promise<OrderAnswer[] | null>[];

  /** Asks for an end, or that it never starts; null as for `run`. */
  abstract stop(hostId: number, attempts: Stop['attempts']): Promise<StopAck['answers'] | null>;
}
