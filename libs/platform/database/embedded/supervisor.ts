import { accessSync, constants, mkdirSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findBinaries } from './binaries.js';
import { clusterDirectory, ensureCluster } from './cluster.js';
import { codeOf, EmbeddedPostgresError, messageOf } from './errors.js';
import { serverIdentity } from './identity.js';
import { acquireLock } from './lock.js';
import type { Log } from './log.js';
import { PostgresProcess, superuserUrlOf, urlOf, type LaunchPlan } from './postgres-process.js';
import { clearLeftovers } from './recovery.js';

export interface EmbeddedPostgres {
  /** Where clients connect to; stays valid across restarts of PostgreSQL. */
  readonly url: string;
  /** The same for the superuser, whom the server has no need of: for tests, and for people who look after the cluster. */
  readonly superuserUrl: string;
  /** Shuts PostgreSQL down cleanly and gives the data directory free; further calls return the same promise. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** Created if need be; nothing else may live in it. */
  dataDir: string;
  log: Log;
  /** Further arguments of the `postgres` program, such as `-c`, `max_connections=300`. */
  flags?: string[];
  /** Called once when PostgreSQL kept dying and is not started again. */
  onFatal?: (error: Error) => void;
}

/** The pause before each try to bring PostgreSQL back; their number is how many tries there are. */
const RESTART_PAUSES_MS = [0, 250, 500, 1000, 2000];
/** A run that lasted this long was a good one: the count of failures in a row begins anew. */
const GOOD_RUN_MS = 30_000;
const PORT_TRIES = 3;

/** Starts PostgreSQL on the data in `dataDir`, after whatever became of the last run; see `index.ts` for the rules. */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const dataDir = path.resolve(options.dataDir);
  prepareDirectory(dataDir);
  const release = acquireLock(dataDir);
  try {
    const cluster = clusterDirectory(dataDir);
    const identity = serverIdentity(cluster);
    const binaries = await findBinaries(identity);
    const password = await ensureCluster(dataDir, binaries, identity, options.log);
    await clearLeftovers(cluster, options.log);
    const plan = {
      executable: binaries.postgres,
      cluster,
      identity,
      password,
      flags: options.flags ?? [],
      log: options.log,
    };
    const { run, port } = await launchOnFreePort(plan);
    return new Supervisor(plan, run, port, release, options.onFatal);
  } catch (error) {
    release();
    throw error;
  }
}

class Supervisor implements EmbeddedPostgres {
  readonly url: string;
  readonly superuserUrl: string;
  private readonly aborter = new AbortController();
  private readonly onProcessExit = () => this.run.signal('SIGINT');
  private failures = 0;
  private recovery: Promise<void> = Promise.resolve();
  private stopped: Promise<void> | undefined;

  constructor(
    private readonly plan: LaunchPlan,
    private run: PostgresProcess,
    private readonly port: number,
    private readonly release: () => void,
    private readonly onFatal: ((error: Error) => void) | undefined,
  ) {
    this.url = urlOf(port, plan.password);
    this.superuserUrl = superuserUrlOf(port, plan.password);
    // A process that ends without stop() must not leave PostgreSQL behind; kill -9 is what recovery is for.
    process.once('exit', this.onProcessExit);
    this.watch(run);
  }

  stop(): Promise<void> {
    this.stopped ??= this.shutDown();
    return this.stopped;
  }

  private async shutDown(): Promise<void> {
    this.aborter.abort();
    await this.recovery;
    await this.run.stop();
    process.off('exit', this.onProcessExit);
    this.release();
  }

  private watch(run: PostgresProcess): void {
    this.run = run;
    void run.exited.then((reason) => {
      if (this.aborter.signal.aborted) return;
      if (Date.now() - run.startedAt >= GOOD_RUN_MS) this.failures = 0;
      this.recovery = this.recover(`PostgreSQL ended unexpectedly (${reason})`);
    });
  }

  private async recover(reason: string): Promise<void> {
    const { log, cluster } = this.plan;
    let trouble = reason;
    while (!this.aborter.signal.aborted) {
      const pause = RESTART_PAUSES_MS[this.failures++];
      if (pause === undefined) {
        this.giveUp(trouble);
        return;
      }
      log('warn', `${trouble}; starting it again`);
      try {
        await delay(pause, undefined, { signal: this.aborter.signal });
        await clearLeftovers(cluster, log);
        this.watch(await launch(this.plan, this.port, this.aborter.signal));
        return;
      } catch (error) {
        trouble = messageOf(error);
      }
    }
  }

  private giveUp(trouble: string): void {
    const error = new EmbeddedPostgresError(
      `PostgreSQL failed ${RESTART_PAUSES_MS.length} times in a row, giving up: ${trouble}`,
    );
    this.plan.log('error', error.message);
    this.onFatal?.(error);
  }
}

/** A free port can be taken by somebody else before PostgreSQL listens on it; then another one will do. */
async function launchOnFreePort(plan: LaunchPlan): Promise<{ run: PostgresProcess; port: number }> {
  for (let tries = 1; ; tries++) {
    const port = await freePort();
    try {
      return { run: await launch(plan, port, new AbortController().signal), port };
    } catch (error) {
      const taken = messageOf(error).includes('could not create any TCP/IP sockets');
      if (!taken || tries === PORT_TRIES) throw error;
    }
  }
}

async function launch(plan: LaunchPlan, port: number, signal: AbortSignal): Promise<PostgresProcess> {
  const run = new PostgresProcess(plan, port);
  try {
    await run.ready(signal);
    return run;
  } catch (error) {
    await run.stop();
    throw error;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

function prepareDirectory(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The database directory ${dataDir} cannot be used (${codeOf(error) ?? messageOf(error)}).`,
    );
  }
}
