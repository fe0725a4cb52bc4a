import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { MINIMAL_ENVIRONMENT } from './binaries.js';
import {
  APPLICATION,
  applicationPassword,
  HAND_OVER,
  roleStatements,
  TRUST_NOBODY,
} from './application-role.js';
import { dataArgument, SUPERUSER } from './cluster.js';
import { codeOf, EmbeddedPostgresError, messageOf } from './errors.js';
import type { Identity } from './identity.js';
import type { Log } from './log.js';

/** All that a run of PostgreSQL depends on; the same for each restart. */
export interface LaunchPlan {
  readonly executable: string;
  readonly cluster: string;
  readonly identity: Identity;
  readonly password: string;
  readonly flags: readonly string[];
  readonly log: Log;
}

/** For a small box with few clients; durability (fsync, synchronous_commit, full_page_writes) stays at its default: on. */
const SETTINGS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '128MB',
  min_wal_size: '80MB',
  max_wal_size: '512MB',
  // Parallel queries need more of /dev/shm than containers give, and there are few cores to share.
  max_parallel_workers_per_gather: '0',
  io_method: 'sync',
  jit: 'off',
  log_destination: 'stderr',
  logging_collector: 'off',
  log_line_prefix: '',
  log_checkpoints: 'off',
};

const READY_WITHIN_MS = 120_000;
const RETRY_MS = 15;
const STARTING_UP = '57P03';
const WRONG_PASSWORD = '28P01';

/** The address that the server uses. */
export function urlOf(port: number, superuserPassword: string): string {
  return `postgres://${APPLICATION}:${applicationPassword(superuserPassword)}@127.0.0.1:${port}/${SUPERUSER}`;
}

/** The address for whoever may do everything. */
export function superuserUrlOf(port: number, password: string, database: string = SUPERUSER): string {
  return `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/${database}`;
}

/** One run of the `postgres` program, from spawn to exit. */
export class PostgresProcess {
  /** How it ended, in words. */
  readonly exited: Promise<string>;
  readonly startedAt = Date.now();
  private readonly child: ChildProcess;
  private ended = false;
  private stopping = false;
  private lastFatal: string | undefined;
  private lastLine = '';
  private readonly closed: Promise<void>;

  constructor(
    private readonly plan: LaunchPlan,
    private readonly port: number,
  ) {
    const { executable, cluster, identity, flags } = plan;
    const settings = Object.entries({ ...SETTINGS, port: String(port) }).flatMap(([k, v]) => [
      '-c',
      `${k}=${v}`,
    ]);
    const child = spawn(executable, ['-D', dataArgument(cluster, identity), ...settings, ...flags], {
      ...identity,
      cwd: cluster,
      // Its own process group: Ctrl-C in a terminal is for us, and we stop PostgreSQL in our own order.
      detached: true,
      env: MINIMAL_ENVIRONMENT,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.child = child;
    createInterface({ input: child.stderr }).on('line', (line) => this.forward(line));
    this.closed = new Promise((resolve) => child.once('close', () => resolve()));
    this.exited = new Promise((resolve) => {
      const end = (reason: string) => {
        this.ended = true;
        resolve(reason);
      };
      child.once('error', (error) => end(error.message));
      // 'exit', not 'close': backends that outlive a killed postmaster still hold its standard error.
      child.once('exit', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`));
    });
  }

  /** Resolves when the database answers; throws when PostgreSQL ended instead, or `signal` was aborted. */
  async ready(signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!(await this.answers())) {
      if (signal.aborted) throw new EmbeddedPostgresError('The start of PostgreSQL was called off.');
      if (Date.now() > deadline) throw new EmbeddedPostgresError('PostgreSQL did not become ready in time.');
      await Promise.race([delay(RETRY_MS), this.exited]);
    }
  }

  /** Fast shutdown, then harder; resolves when the process is gone. */
  async stop(): Promise<void> {
    this.stopping = true;
    for (const [signal, patience] of [
      ['SIGINT', 30_000],
      ['SIGQUIT', 10_000],
      ['SIGKILL', 10_000],
    ] as const) {
      this.signal(signal);
      const patienceOver = new AbortController();
      const gone = await Promise.race([
        this.exited.then(() => true),
        delay(patience, false, { signal: patienceOver.signal }).catch(() => false),
      ]);
      patienceOver.abort();
      if (gone) return;
    }
  }

  /** Asks for a shutdown without waiting, for when this process itself is about to end. */
  signal(signal: NodeJS.Signals): void {
    if (!this.ended) this.child.kill(signal);
  }

  private async answers(): Promise<boolean> {
    if (this.ended) {
      await Promise.race([this.closed, delay(500)]); // its last words may arrive after its end
      const reason = this.lastFatal ?? `${await this.exited}; ${this.lastLine}`;
      throw new EmbeddedPostgresError(`PostgreSQL did not start (${reason}).`);
    }
    try {
      const { rowCount } = await this.query(`SELECT 1 FROM pg_database WHERE datname = '${SUPERUSER}'`);
      if (rowCount === 0) await this.query(`CREATE DATABASE ${SUPERUSER}`);
      for (const statement of roleStatements(SUPERUSER, this.plan.password)) await this.query(statement);
      await this.query(HAND_OVER, SUPERUSER);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === WRONG_PASSWORD) {
        throw new EmbeddedPostgresError('The password file beside the database does not fit the database.');
      }
      // Not listening yet, not accepting yet, or cut off while it ended: whether it still lives is asked above.
      if (code === undefined || code === STARTING_UP || code.startsWith('E')) return false;
      throw new EmbeddedPostgresError(`PostgreSQL does not accept connections: ${messageOf(error)}`);
    }
  }

  /** One statement of the superuser, on a connection of its own; in the database that is always there, unless another is named. */
  private async query(statement: string, database = 'postgres'): Promise<pg.QueryResult> {
    const connectionString = superuserUrlOf(this.port, this.plan.password, database);
    const client = new pg.Client({
      connectionString,
      connectionTimeoutMillis: 5000,
      options: TRUST_NOBODY,
    });
    client.on('error', () => undefined); // the pending call reports it
    try {
      await client.connect();
      return await client.query(statement);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  private forward(line: string): void {
    this.lastLine = line.trim();
    const fatal = /^(?:FATAL|PANIC): +(.*)$/.exec(line)?.[1];
    // Clients that knock while it starts or stops are turned away with FATAL: that is the course of things.
    const expected = this.stopping || fatal?.startsWith('the database system is ');
    if (fatal !== undefined && !expected) this.lastFatal = fatal;
    this.plan.log(fatal === undefined || expected ? 'debug' : 'warn', `postgres: ${line}`);
  }
}
