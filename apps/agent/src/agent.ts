import { NestFactory } from '@nestjs/core';
import { type INestMicroservice } from '@nestjs/common';
import { type MicroserviceOptions } from '@nestjs/microservices';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type RunLimits, type StatedHost } from '#libs/protocol/index';
import { AgentModule } from './agent.module.js';
import { AttemptsService } from './attempts/attempts.service.js';
import { type AgentOptions } from './config/options.js';
import { CgroupHome } from './exec/limits/cgroup-home.js';
import { FactsService } from './facts/facts.service.js';
import { AgentKey } from './identity/agent-key.js';
import { IdentityStore, type StoredIdentity } from './identity/identity.store.js';
import { StateLock } from './identity/lock.js';
import { identifyMachine } from './identity/machine.js';
import { InstancesService } from './instances/instances.service.js';
import { Journal } from './journal/journal.js';
import { errorMessage } from './platform/files.js';
import { type AgentLogger, nestLogger } from './platform/logger.js';
import { ServerClock } from './platform/server-clock.js';
import { GuardedRunner } from './policy/guarded-runner.js';
import { PolicyGuard } from './policy/policy-guard.js';
import { QueriesService } from './queries/queries.service.js';
import { OsqueryRunner } from './tables/query/osquery-runner.js';
import { StandingService } from './standing/standing.service.js';
import { type Runner } from './tables/query/query.js';
import { QueryRunner } from './tables/query/runner.js';
import { AgentLink } from './transport/agent-link.js';
import { Reporter } from './transport/reporter.js';
import { SocketClientStrategy } from './transport/socket-client.strategy.js';
import { TrustGate } from './trust/gate.js';
import { Nonces } from './trust/nonces.js';
import { Refusals } from './trust/refusals.js';
import { ServerTrust } from './trust/server-trust.js';
import { signatureRules } from './trust/signature-rules.js';
import { StatementGate } from './trust/statement-gate.js';

/** How long a stopping agent waits for the server to take its last words; the journal has them in any case. */
const LAST_WORDS_MS = 2000;

/** What an agent lets go of at its end. */
interface AgentParts {
  readonly app: INestMicroservice;
  readonly attempts: AttemptsService;
  readonly queries: QueriesService;
  readonly standing: StandingService;
  readonly instances: InstancesService;
  readonly reporter: Reporter;
  readonly facts: FactsService;
  readonly journal: Journal;
  readonly policy: PolicyGuard;
  readonly nonces: Nonces;
  readonly statements: StatementGate;
  readonly lock: StateLock;
  readonly cgroups: CgroupHome | null;
  readonly log: AgentLogger;
}

/** One agent on one state directory, from its lock to its last word. */
export class Agent {
  private stopping: Promise<void> | null = null;

  private constructor(private readonly parts: AgentParts) {}

  /** Locks the state directory, opens the journal and begins to dial. Throws when another agent lives there. */
  static async start(options: AgentOptions, log: AgentLogger): Promise<Agent> {
    const { stateDir } = options;
    fs.mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    fs.chmodSync(stateDir, 0o700);
    const policy = PolicyGuard.open(options.policy, log);
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
      const machine = identifyMachine(stateDir);
      const cgroups = options.cgroups ? await CgroupHome.open(machine.instance.slice(0, 12)) : null;
      const limits = (): RunLimits => ({ ...options.limits, ...policy.limits() });
      const identities = new IdentityStore(stateDir, options.server);
      const statements = new StatementGate({
        rules: () => signatureRules(policy),
        host: () => hostOf(identities.load(), hostname),
        file: path.join(stateDir, 'statements.log'),
      });
      statements.begin();
      const runner = { runsDirectory, environment, hostname, interpreters, limits, cgroups };
      const attempts = new AttemptsService(journal, reporter, clock, log, {
        runner,
        parallelSlots,
        scriptsEnabled,
        statements,
        policy,
      });
      const sqlRunner = queryRunner(options);
      const guarded = (standing: boolean): Runner | null =>
        sqlRunner === null ? null : new GuardedRunner(sqlRunner, policy, standing);
      const queries = new QueriesService(
        guarded(false),
        log,
        async (order) => policy.deniesQuery(false) ?? (await statements.query(order))?.message ?? null,
      );
      const standing = new StandingService({
        directory: path.join(stateDir, 'standing'),
        runner: guarded(true),
        host: { platform: process.platform, identity: `${machine.hardwareUuid}/${machine.instance}` },
        allowScripts: (allowed) => attempts.allowScripts(allowed),
        log,
      });
      const instances = new InstancesService({
        directory: path.join(stateDir, 'instances'),
        attempts,
        journal,
        options,
        policy,
        log,
      });
      const trust = new ServerTrust(stateDir, options.server, options.serverKey, log);
      const nonces = Nonces.open(stateDir, log);
      const refusals = new Refusals(log);
      const hasAttempt = (id: string): boolean => attempts.has(id);
      const gate = new TrustGate({ trust, nonces, clock, refusals, hasAttempt, log });
      const link = new AgentLink({
        options,
        machine,
        identities,
        key: AgentKey.open(stateDir, log),
        journal,
        attempts,
        queries,
        standing,
        instances,
        reporter,
        facts,
        trust,
        gate,
        refusals,
        log,
      });
      const app = await NestFactory.createMicroservice<MicroserviceOptions>(
        AgentModule.with(attempts, queries, standing, instances),
        {
          strategy: new SocketClientStrategy(link, log),
          logger: nestLogger(log),
          abortOnError: false,
        },
      );
      const recovered = attempts.recover();
      await app.listen();
      instances.begin();
      recovered.catch((error: unknown) => log.error({ err: errorMessage(error) }, 'recovery failed'));
      return new Agent({
        app,
        attempts,
        queries,
        standing,
        instances,
        reporter,
        facts,
        journal,
        policy,
        nonces,
        statements,
        lock,
        cgroups,
        log,
      });
    } catch (error) {
      policy.close();
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
    const { app, attempts, cgroups, facts, instances, journal, lock, log, nonces, policy, queries } =
      this.parts;
    const { reporter, standing, statements } = this.parts;
    log.info({ reason }, 'stopping');
    facts.stop();
    // Standing work first: its query ends because the agent does, and not because nobody answers queries any more.
    instances.shutdown();
    await Promise.all([standing.shutdown(), attempts.shutdown(), queries.shutdown()]);
    if (reporter.connected) {
      await instances.flush(LAST_WORDS_MS);
      await reporter.flush(LAST_WORDS_MS);
    }
    await app.close();
    await journal.close();
    await cgroups?.close();
    policy.close();
    await nonces.close();
    await statements.close();
    lock.release();
    log.info('stopped');
  }
}

/** This host as statements know it. */
function hostOf(identity: StoredIdentity | null, hostname: string): StatedHost | null {
  return identity && { uuid: identity.host_uuid, hostname };
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
