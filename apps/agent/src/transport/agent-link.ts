import { HandshakeRefusal, Limits, type Hello, type HelloAck } from '#libs/protocol/index';
import { type AttemptsService } from '../attempts/attempts.service.js';
import { type AgentOptions } from '../config/options.js';
import { type FactsService } from '../facts/facts.service.js';
import { enroll, EnrollError } from '../identity/enroll.js';
import { type IdentityStore, type StoredIdentity } from '../identity/identity.store.js';
import { type MachineIdentity } from '../identity/machine.js';
import { type Journal } from '../journal/journal.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type ServerClock } from '../platform/server-clock.js';
import { AGENT_VERSION } from '../platform/version.js';
import { type QueriesService } from '../queries/queries.service.js';
import { type StandingService } from '../standing/standing.service.js';
import { Backoff } from './backoff.js';
import { type Reporter } from './reporter.js';
import { Session, type SessionEnd } from './session.js';

/** A connection that lasted longer than this was a good one: the next loss begins with short waits again. */
const GOOD_CONNECTION_MS = 10_000;

/** What the link ties together. */
export interface LinkParts {
  readonly options: AgentOptions;
  readonly machine: MachineIdentity;
  readonly identities: IdentityStore;
  readonly journal: Journal;
  readonly attempts: AttemptsService;
  readonly queries: QueriesService;
  readonly standing: StandingService;
  readonly reporter: Reporter;
  readonly facts: FactsService;
  readonly clock: ServerClock;
  readonly log: AgentLogger;
}

/** Keeps the agent connected: enrolls when it must, dials, introduces itself, and begins again when that is lost. */
export class AgentLink {
  private readonly enrolling = new Backoff(200, 1000, 60_000);
  private readonly dialing = new Backoff(200, 500, 30_000);
  private session: Session | null = null;
  private readonly cancel = new AbortController();
  private closed = false;
  private wake: (() => void) | null = null;
  private loop: Promise<void> | null = null;

  constructor(private readonly parts: LinkParts) {}

  /** Begins to dial; orders go to `onOrder`, whose result is their acknowledgement. */
  open(onOrder: (event: string, data: unknown) => Promise<unknown>): void {
    this.loop ??= this.keepConnected(onOrder).catch((error: unknown) =>
      this.parts.log.error({ err: errorMessage(error) }, 'the link to the server broke down'),
    );
  }

  /** Hangs up and dials no more. */
  async close(): Promise<void> {
    this.closed = true;
    this.cancel.abort();
    this.session?.close();
    this.wake?.();
    await this.loop;
  }

  private async keepConnected(onOrder: (event: string, data: unknown) => Promise<unknown>): Promise<void> {
    const { options, identities, reporter, queries, standing, facts } = this.parts;
    while (!this.closed) {
      const identity = identities.load() ?? (await this.tryToEnroll());
      if (identity === null) continue;
      const session = new Session(options.server, identity.node_key, AGENT_VERSION, {
        onOrder,
        hello: () => this.hello(),
        onReady: (ready, ack) => this.ready(ready, ack),
      });
      this.session = session;
      const end = await session.run();
      this.session = null;
      reporter.use(null);
      queries.use(null);
      standing.use(null);
      facts.disconnected();
      if (!this.closed) await this.afterLoss(end);
    }
  }

  private async tryToEnroll(): Promise<StoredIdentity | null> {
    const { options, machine, identities, facts, log } = this.parts;
    try {
      if (options.enrollSecret === null)
        throw new EnrollError('this host is not enrolled and no enroll secret was given', null);
      const answer = await enroll(
        options.server,
        {
          enroll_secret: options.enrollSecret,
          agent_version: AGENT_VERSION,
          hardware_uuid: machine.hardwareUuid,
          instance: machine.instance,
          hostname: options.hostname,
          facts: facts.current(),
        },
        this.cancel.signal,
      );
      if (this.closed) return null;
      log.info({ host_id: answer.host_id, host_uuid: answer.host_uuid }, 'enrolled');
      return identities.save(answer);
    } catch (error) {
      if (this.closed) return null;
      const wait = this.enrolling.next();
      log.warn({ err: errorMessage(error), retry_in_ms: Math.round(wait) }, 'not enrolled');
      await this.sleep(wait);
      return null;
    }
  }

  private async afterLoss(end: SessionEnd): Promise<void> {
    const { identities, log } = this.parts;
    if (end.kind === 'lost' && end.lastedMs > GOOD_CONNECTION_MS) {
      this.dialing.reset();
      this.enrolling.reset();
    }
    let wait = this.dialing.next();
    if (end.kind === 'refused' && end.message === HandshakeRefusal.unknownNodeKey) {
      identities.forget();
      wait = Math.max(wait, this.enrolling.next());
    }
    log.warn({ kind: end.kind, err: end.message, retry_in_ms: Math.round(wait) }, 'not connected');
    await this.sleep(wait);
  }

  private hello(): Hello {
    const { options, journal, attempts, standing, facts } = this.parts;
    return {
      journal_id: journal.id,
      hostname: options.hostname,
      parallel_slots: options.parallelSlots,
      scripts_enabled: attempts.scriptsEnabled,
      labels: options.labels,
      attempts: attempts.known().slice(0, Limits.helloAttempts),
      facts: facts.current(),
      standing: standing.held(),
    };
  }

  private ready(session: Session, ack: HelloAck & { ok: true }): void {
    const { attempts, clock, facts, log, queries, reporter, standing } = this.parts;
    log.info({ host_id: ack.host_id, since_start_ms: Math.round(performance.now()) }, 'connected');
    clock.set(ack.server_time);
    attempts.stale(ack.stale);
    reporter.use(session);
    queries.use(session);
    standing.use(session);
    facts.connected((changed) => session.sendFacts(changed));
  }

  private sleep(ms: number): Promise<void> {
    if (this.closed) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
