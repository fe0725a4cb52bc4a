import { type Standing } from '#libs/protocol/index';

/** Port: the only way from standing work to the agents' sockets. Nothing is acknowledged: the next hello tells what arrived. */
export abstract class StandingChannel {
  /** The same packet to those of the hosts that are connected; resolves when it has left for the last of them. */
  abstract send(hostIds: readonly number[], standing: Standing): Promise<void>;
}
