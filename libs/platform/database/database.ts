import { type Duplex } from 'node:stream';
import { Injectable, Logger } from '@nestjs/common';
import { type Pool, type PoolClient } from 'pg';
import { DataSource } from 'typeorm';
import { DomainError } from '../errors/index.js';
import { Parts, queryWithParts } from './parts.js';

/** A statement with a name is parsed and planned once per connection: for hot paths. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** One open transaction: its statements, and effects that wait for the commit. */
export class Transaction {
  private readonly effects: (() => void)[] = [];
  private gathering = false;
  private commit: Promise<unknown> | null = null;

  constructor(private readonly client: PoolClient) {}

  /**
   * Statements that do not need each other's results may be sent without waiting in between, and cost one round trip
   * together; wait for all of them (`Promise.all`) before the work returns. Not two of the same name at once.
   */
  async query<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    if (this.commit !== null)
      throw new Error('nothing can be said in a transaction after its COMMIT was sent');
    this.gather();
    const last = values.at(-1);
    const { rows } =
      last instanceof Parts
        ? await queryWithParts(this.client, statement, values.slice(0, -1), last)
        : await this.client.query({ values: values as unknown[], ...statement });
    return rows as Row[];
  }

  /** What is sent in one go leaves in one write: seven statements apart were half a millisecond in system calls. */
  private gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    const { stream } = (this.client as unknown as { connection: { stream: Duplex } }).connection;
    stream.cork();
    process.nextTick(() => {
      this.gathering = false;
      stream.uncork();
    });
  }

  /**
   * Everything has been said and nothing is left to decide: COMMIT leaves together with the last statements and costs no
   * round trip of its own. When one of them fails, PostgreSQL makes a ROLLBACK of it (`refuse(reason)` lets a statement fail).
   */
  commitAlong(): void {
    this.commit = this.query({ text: 'COMMIT' });
    // Whoever waits for the statements hears of what went wrong, and hears it first.
    this.commit.catch(() => undefined);
  }

  /** Nudges and publications: run after the commit, dropped on rollback. They must not throw. */
  afterCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  /** Only for `Database`: commits, unless that is under way; then waits for it. */
  async finish(): Promise<void> {
    await (this.commit ?? this.client.query('COMMIT'));
  }

  /** Only for `Database`. */
  committed(): void {
    for (const effect of this.effects) effect();
  }
}

/** Deadlock and serialization failure: the transaction did nothing, running it again is safe. */
const REPEATABLE = new Set(['40P01', '40001']);
const ATTEMPTS = 3;

/** The only door to PostgreSQL for statements and transactions; plain reads of one table may use TypeORM's repositories. */
@Injectable()
export class Database {
  private readonly logger = new Logger(Database.name);

  constructor(readonly dataSource: DataSource) {}

  /** Runs one statement by itself (autocommit), again when PostgreSQL broke a deadlock with it. */
  query<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return this.repeating((client) => new Transaction(client).query<Row>(statement, values));
  }

  /** Runs `work` in one transaction, again when PostgreSQL broke a deadlock with it. Effects run after the commit. */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.repeating(async (client) => {
      const tx = new Transaction(client);
      try {
        // Not awaited by itself: it leaves together with the first statements.
        const begun = tx.query({ text: 'BEGIN' });
        const [result] = await Promise.all([work(tx), begun]);
        await tx.finish();
        tx.committed();
        return result;
      } catch (error) {
        // On a broken connection the server rolls back by itself.
        if (!isConnectionError(error)) await client.query('ROLLBACK');
        throw error;
      }
    });
  }

  private async repeating<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.withClient(work);
      } catch (error) {
        const code = sqlState(error);
        if (code === undefined || !REPEATABLE.has(code) || attempt >= ATTEMPTS) throw translate(error);
        this.logger.warn('transaction repeated', { code, attempt });
      }
    }
  }

  /** A connection that breaks while it is lent tells so by an event too, and does not go back to the pool. */
  private async withClient<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool().connect();
    let broken: Error | undefined;
    const onBreak = (error: Error): void => {
      broken = error;
    };
    client.on('error', onBreak);
    try {
      return await work(client);
    } catch (error) {
      if (isConnectionError(error)) broken ??= error as Error;
      throw error;
    } finally {
      client.off('error', onBreak);
      client.release(broken);
    }
  }

  private pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

/** The five-character SQLSTATE of a PostgreSQL error, wrapped by TypeORM or not. */
export function sqlState(error: unknown): string | undefined {
  const code =
    (error as { code?: unknown }).code ?? (error as { driverError?: { code?: unknown } }).driverError?.code;
  return typeof code === 'string' ? code : undefined;
}

/** Why a statement refused (`refuse(reason)`); undefined for every other error. */
export function refusal(error: unknown): string | undefined {
  return sqlState(error) === 'MU001' ? (error as Error).message : undefined;
}

/** The constraint that a unique violation broke; undefined for every other error. */
export function violated(error: unknown): string | undefined {
  return sqlState(error) === '23505' ? (error as { constraint?: string }).constraint : undefined;
}

/** True when the database could not be reached or went away: nothing is known to be wrong with the request. */
export function isConnectionError(error: unknown): boolean {
  const code = sqlState(error);
  if (
    code !== undefined &&
    (/^(08|57P|53)/.test(code) ||
      ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'].includes(code))
  )
    return true;
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/.test(
      error.message,
    )
  );
}

function translate(error: unknown): unknown {
  if (!isConnectionError(error)) return error;
  return new DomainError('unavailable', 'The database cannot be reached at the moment; try again.', {
    retryAfter: 1,
    cause: error,
  });
}
