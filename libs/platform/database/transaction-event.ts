import { type Transaction } from './database.js';

/**
 * Word from a library to those above it, within the transaction of what happens: what they do about it happens too, or
 * neither does. One subclass per event, so that each can be injected.
 */
export abstract class TransactionEvent<Details extends readonly unknown[]> {
  private readonly listeners: ((tx: Transaction, ...details: Details) => Promise<void> | void)[] = [];

  /** From the start of a module on; in the order of registration. */
  listen(listener: (tx: Transaction, ...details: Details) => Promise<void> | void): void {
    this.listeners.push(listener);
  }

  async tell(tx: Transaction, ...details: Details): Promise<void> {
    for (const listener of this.listeners) await listener(tx, ...details);
  }
}
