import { Injectable, Logger } from '@nestjs/common';
import { type Pool, type PoolClient, type QueryResult } from 'pg';
import { DataSource, type EntityManager } from 'typeorm';
import { DomainError } from '../errors/index.js';

/** A statement with a name is parsed and planned once per connection: for hot paths. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
}

/** One open transaction: raw statements, TypeORM's manager, and effects that wait for the commit. */
export class Transaction {
  private readonly effects: (() => void)[] = [];

  constructor(
    readonly client: PoolClient,
    readonly manager: EntityManager,
  ) {}

  async query<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return (await runStatement(this.client, statement, values)).rows as Row[];
  }

  /** Nudges and publications: run after the commit, dropped on rollback. They must not throw. */
  afterCommit(effect: () => void): void {
    this.effects.push(effect);
  }

  /** Only for `Database`. */
  committed(): void {
    for (const effect of this.effects) effect();
  }
}

/** Deadlock and serialization failure: the transaction did nothing, running it again is safe. */
const REPEATABLE = new Set(['40P01', '40001']);
const ATTEMPTS = 3;

/** The only door to PostgreSQL for statements and transactions; single-table reads and writes may use TypeORM's repositories. */
@Injectable()
export class Database {
  private readonly logger = new Logger(Database.name);

  constructor(readonly dataSource: DataSource) {}

  /** Runs one statement by itself (autocommit), again when PostgreSQL broke a deadlock with it. */
  async query<Row>(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.pool()
        .connect()
        .catch((error: unknown) => Promise.reject(translate(error) as Error));
      let broken: Error | undefined;
      try {
        return (await runStatement(client, statement, values)).rows as Row[];
      } catch (error) {
        if (isConnectionError(error)) broken = error as Error;
        if (this.mayRepeat(error, attempt)) continue;
        throw translate(error);
      } finally {
        client.release(broken);
      }
    }
  }

  /** Runs `work` in one transaction, again when PostgreSQL broke a deadlock with it. Effects run after the commit. */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const runner = this.dataSource.createQueryRunner();
      try {
        const client = (await runner.connect()) as PoolClient;
        await runner.startTransaction();
        const tx = new Transaction(client, runner.manager);
        const result = await work(tx);
        await runner.commitTransaction();
        tx.committed();
        return result;
      } catch (error) {
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        if (this.mayRepeat(error, attempt)) continue;
        throw translate(error);
      } finally {
        await runner.release();
      }
    }
  }

  private mayRepeat(error: unknown, attempt: number): boolean {
    const code = sqlState(error);
    if (code === undefined || !REPEATABLE.has(code) || attempt >= ATTEMPTS) return false;
    this.logger.warn('transaction repeated', { code, attempt });
    return true;
  }

  private pool(): Pool {
    return (this.dataSource.driver as unknown as { master: Pool }).master;
  }
}

function runStatement(
  client: PoolClient,
  statement: Statement,
  values: readonly unknown[],
): Promise<QueryResult> {
  return client.query({ ...statement, values: values as unknown[] });
}

/** The five-character SQLSTATE of a PostgreSQL error, wrapped by TypeORM or not. */
export function sqlState(error: unknown): string | undefined {
  const code =
    (error as { code?: unknown }).code ?? (error as { driverError?: { code?: unknown } }).driverError?.code;
  return typeof code === 'string' ? code : undefined;
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
