import { type QueryOrder } from '#libs/protocol/index';

/**
 * Port: the only way from campaigns to the agents' sockets. Nothing is acknowledged here: an answer is, and what was lost with
 * a connection is asked again when the host is back.
 */
export abstract class QueryChannel {
  abstract isConnected(hostId: number): boolean;

  /**
   * Asks those of the hosts that are connected. The same packet goes to each.
   * @param answered how many of them have answered so far: those who come last are asked when most of the first have, as
   *   long as that does not take long
   */
  abstract ask(hostIds: readonly number[], queries: readonly QueryOrder[], answered?: () => number): void;

  /** Tells those of the hosts that are connected that nobody waits for these answers any more. */
  abstract end(hostIds: readonly number[], campaignIds: readonly number[]): void;
}
