import { NestFactory } from '@nestjs/core';
import { type INestMicroservice } from '@nestjs/common';
import { type MicroserviceOptions } from '@nestjs/microservices';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { AgentModule } from './agent.module.js';
import { AttemptsService } from './attempts/attempts.service.js';
import { type AgentOptions } from './config/options.js';
import { FactsService } from './facts/facts.service.js';
import { IdentityStore } from './identity/identity.store.js';
import { StateLock } from './identity/lock.js';
import { identifyMachine } from './identity/machine.js';
import { Journal } from './journal/journal.js';
import { errorMessage } from './platform/files.js';
import { type AgentLogger, nestLogger } from './platform/logger.js';
import { ServerClock } from './platform/server-clock.js';
import { QueriesService } from './queries/queries.service.js';
import { OsqueryRunner } from './tables/query/osquery-runner.js';
import { StandingService } from './standing/standing.service.js';
import { type Runner } from './tables/query/query.js';
import { QueryRunner } from './tables/query/runner.js';
import { AgentLink } from './transport/agent-link.js';
import { Reporter } from './transport/reporter.js';
import { SocketClientStrategy } from './transport/socket-client.strategy.js';

/** How long a stopping agent waits for the server to take its last words; the journal has them in any case. */
const LAST_WORDS_MS = 2000;

/** One agent on one state directory, from its lock to its last word. */
export class Agent {
  private stopping: Promise<void> | null = null;

  private constructor(
    private readonly app: INestMicroservice,
    private readonly attempts: AttemptsService,
    private readonly queries: QueriesService,
    private readonly standing: StandingService,
    private readonly reporter: Reporter,
    private readonly facts: FactsService,
    private readonly journal: Journal,
    private readonly lock: StateLock,
    private readonly log: AgentLogger,
  ) {}

  /** Locks the state directory, opens the journal and begins to dial. Throws when another agent lives there. */
  static async start(options: AgentOptions, log: AgentLogger): Promise<Agent> {
    const { stateDir } = options;
    fs.mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    fs.chmodSync(stateDir, 0o700);
    const lock = StateLock.acquire(stateDir);
    try {
      const runsDirectory = path.join(stateDir, 'runs');
      // Scripts of runs that died with an earlier process.
      fs.rmSync(runsDirectory, { recursive: true, force: true });
      fs.mkdirSync(runsDirectory, { mode: 0o700 });
      const journal = openJournal(path.join(stateDir, 'journal'), log);
      const clock = new ServerClock();
      const reporter = new Reporter(log);
      const facts = new FactsService(log);
      const { hostname, parallelSlots, scriptsEnabled, environment, interpreters } = options;
      const runner = { runsDirectory, environment, hostname, interpreters };
      const attempts = new AttemptsService(journal, reporter, clock, log, {
        runner,
        parallelSlots,
        scriptsEnabled,
      });
      const sqlRunner = queryRunner(options);
      const queries = new QueriesService(sqlRunner, log);
      const machine = identifyMachine(stateDir);
      const standing = new StandingService({
        directory: path.join(stateDir, 'standing'),
        runner: sqlRunner,
        host: { platform: process.platform, identity: `${machine.hardwareUuid}/${machine.instance}` },
        allowScripts: (allowed) => attempts.allowScripts(allowed),
        log,
      });
      const identities = new IdentityStore(stateDir, options.server);
      const link = new AgentLink({
        options,
        machine,
        identities,
        journal,
        attempts,
        queries,
        standing,
        reporter,
        facts,
        clock,
        log,
      });
      const app = await NestFactory.createMicroservice<MicroserviceOptions>(
        AgentModule.with(attempts, queries, standing),
        {
          strategy: new SocketClientStrategy(link, log),
          logger: nestLogger(log),
          abortOnError: false,
        },
      );
      const recovered = attempts.recover();
      await app.listen();
      recovered.catch((error: unknown) => log.error({ err: errorMessage(error) }, 'recovery failed'));
      return new Agent(app, attempts, queries, standing, reporter, facts, journal, lock, log);
    } catch (error) {
      lock.release();
      throw error;
    }
  }

  /** Ends what runs, writes it down, tells the server if it still listens, and lets go of everything. */
  stop(reason: string): Promise<void> {
    this.stopping ??= this.stopOnce(reason);
    return this.stopping;
  }

  private async stopOnce(reason: string): Promise<void> {
    this.log.info({ reason }, 'stopping');
    this.facts.stop();
    // Standing work first: its query ends because the agent does, and not because nobody answers queries any more.
    await Promise.all([this.standing.shutdown(), this.attempts.shutdown(), this.queries.shutdown()]);
    if (this.reporter.connected) await this.reporter.flush(LAST_WORDS_MS);
    await this.app.close();
    await this.journal.close();
    this.lock.release();
    this.log.info('stopped');
  }
}

/** Who answers live queries on this host; null: nobody. */
function queryRunner({ queriesEnabled, osquery }: AgentOptions): Runner | null {
  if (!queriesEnabled) return null;
  return osquery === null ? new QueryRunner() : new OsqueryRunner(osquery);
}

function openJournal(directory: string, log: AgentLogger): Journal {
  const { journal, tornBytes, replaced } = Journal.open(directory);
  if (tornBytes > 0)
    log.warn({ bytes: tornBytes }, 'the end of the journal was torn by a crash and has been cut off');
  if (replaced) log.info({ journal_id: journal.id }, 'a new journal begins');
  return journal;
}
