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

/** An order for many hosts, as it will leave: made ahead or at once. */
export interface SharedOrder {
  readonly order: CommonOrder;
  readonly hosts: readonly HostShare[];
  /** Those of the hosts that take it as it is signed here. */
  readonly sealedFor: readonly number[];
  readonly sealed: unknown;
}

/** Whether the agent may have had an order before. Then an answer is insisted on, and its connection ended when there is none. */
export type Arrived = 'no' | 'maybe';

/**
 * What a host says to orders. A promise of null: it is not connected, or its connection ended before it answered. Null: it says by itself
 * what became of them.
 */
export type Answering = Promise<OrderAnswer[] | null> | null;

/**
 * Port: the only way from the ledger to the agents' sockets. A socket is a hint: whatever gets no answer stays in its
 * row, and is sent again when the agent comes back.
 */
export abstract class AgentDispatcher {
  /** Hosts whose agent is connected here and has said hello. */
  abstract connectedHosts(): number[];

  abstract isConnected(hostId: number): boolean;

  /** Sends orders. */
  abstract run(hostId: number, orders: Order[], arrived: Arrived): Answering;

  /** One order for many hosts, each with its share: a score of them at a time, no more. Nothing is sent. */
  abstract share(order: CommonOrder, hosts: readonly HostShare[]): SharedOrder;

  /**
   * Sends it.
   * @returns for each of its hosts, what `run` would
   */
  abstract runOnMany(shared: SharedOrder, arrived: Arrived): readonly Answering[];

  /** Asks for an end, or that it never starts; null as for `run`. */
  abstract stop(hostId: number, attempts: Stop['attempts']): Promise<StopAck['answers'] | null>;
}
