import { type Transaction } from '#libs/platform/database/index';

/** Port: what else has to end with a host. Implemented where connections and the ledger are known. */
export abstract class HostRemoval {
  /**
   * Called in the transaction that has deleted the row: nothing new can come to the host when it commits.
   * @param by who removed it
   */
  abstract removed(tx: Transaction, hostId: number, by: string): Promise<void>;
}
