import { Injectable } from '@nestjs/common';
import { type Transaction } from '#libs/platform/database/index';

/** Part of the transaction that replaces or deletes saved scripts. */
export type WithdrawnListener = (tx: Transaction, scriptIds: readonly number[]) => Promise<void>;

/**
 * Tells whoever has runs of a saved script waiting that what they were to run is withdrawn: replaced or deleted.
 * This library knows nothing of executions; they listen.
 */
@Injectable()
export class ScriptChanges {
  private readonly listeners: WithdrawnListener[] = [];

  onWithdrawn(listener: WithdrawnListener): void {
    this.listeners.push(listener);
  }

  /** Within the change's own transaction, so that both happen or neither. */
  async withdrawn(tx: Transaction, scriptIds: readonly number[]): Promise<void> {
    for (const listener of this.listeners) await listener(tx, scriptIds);
  }
}
