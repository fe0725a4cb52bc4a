import { type Order } from './messages.js';

/*
 * One order for many hosts: what they have in common once, and what is each host's own beside it. One text is signed, encoded and, by whoever
 * simulates many hosts, verified for all of them. The envelope names the hosts; shares stand in their order.
 */

/** What of an order is one host's own. */
export type OrderShare = Pick<Order, 'attempt_id' | 'target_id' | 'host_proof'>;

/** What many hosts' orders have in common. */
export type CommonOrder = Omit<Order, keyof OrderShare>;

/** Server → agent, `run`, to agents whose hello says `shared_orders`; handlers get a `Run` with the host's own order. */
export interface SharedRun {
  readonly order: CommonOrder;
  readonly shares: readonly OrderShare[];
}

/** Whether this message is for each host another one. What its members hold has to be checked. */
export function isSharedRun(message: unknown): message is { order: unknown; shares: readonly unknown[] } {
  return (
    typeof message === 'object' &&
    message !== null &&
    Array.isArray((message as { shares?: unknown }).shares) &&
    !Object.hasOwn(message, 'orders')
  );
}

/**
 * The message as a host gets it.
 * @param place of the host among those of the envelope
 * @returns null: there is no share for it
 */
export function runOfShare(
  { order, shares }: { order: unknown; shares: readonly unknown[] },
  place: number,
): { orders: [unknown] } | null {
  const share = shares[place];
  if (typeof order !== 'object' || order === null || typeof share !== 'object' || share === null) return null;
  const { attempt_id, target_id, host_proof } = share as Record<string, unknown>;
  const proof = host_proof !== undefined && { host_proof };
  return { orders: [Object.assign({}, order, { attempt_id, target_id }, proof)] };
}
