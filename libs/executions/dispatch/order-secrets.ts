import { type Order } from '#libs/protocol/index';

/** What an order gets at the last moment and the ledger never holds; `env` wins over what was asked for. */
export type OrderAdditions = Pick<Order, 'env' | 'secrets' | 'mask' | 'deny_output'>;

/** It will never be possible to send this order: the message says why, for people. */
export class OrderRefused extends Error {}

/** Port: whoever knows what exec sessions run through adds its secrets, masks and rules to their orders. */
export abstract class OrderSecrets {
  /**
   * Asked each time before an order of an exec session leaves, right before.
   * @throws OrderRefused when there is no way to run it (its connection is gone, its secrets cannot be opened); anything
   *   else means: try again later
   */
  abstract additionsFor(executionUuid: string): Promise<OrderAdditions>;
}
