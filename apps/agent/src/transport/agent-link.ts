import { HandshakeRefusal, Limits, type Hello, type HelloAck, RunAck } from '#libs/protocol/index';
import { type AttemptsService } from '../attempts/attempts.service.js';
import { type AgentOptions } from '../config/options.js';
import { type FactsService } from '../facts/facts.service.js';
import { type AgentKey } from '../identity/agent-key.js';
import { enroll, EnrollError } from '../identity/enroll.js';
import { type InstancesService } from '../instances/instances.service.js';
import { type IdentityStore, type StoredIdentity } from '../identity/identity.store.js';
import { type MachineIdentity } from '../identity/machine.js';
import { type Journal } from '../journal/journal.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { AGENT_VERSION } from '../platform/version.js';
import { type QueriesService } from '../queries/queries.service.js';
import { type StandingService } from '../standing/standing.service.js';
import { newQuestion, type Provenance, type Question, type TrustGate } from '../trust/gate.js';
import { type Refusals } from '../trust/refusals.js';
import { type ServerTrust } from '../trust/server-trust.js';
import { Backoff } from './backoff.js';
import { type Reporter } from './reporter.js';
import { Session, type SessionEnd } from './session.js';

/** A connection that lasted longer than this was a good one: the next loss begins with short waits again. */
const GOOD_CONNECTION_MS = 10_000;
/** Clocks drift apart on connections that last: the server is asked for its time every hour. */
const TIME_EVERY_MS = 3_600_000;
/** How long who is not trusted is told so. */
const DISTRUST_MS = 1_000;

/** Handles what has passed the gate; the result is its acknowledgement. */
export type OnOrder = (event: string, message: unknown, provenance: Provenance) => Promise<unknown>;

/** What the link ties together. */
export interface LinkParts {
  readonly options: AgentOptions;
  readonly machine: MachineIdentity;
  readonly identities: IdentityStore;
  readonly key: AgentKey;
  readonly journal: Journal;
  readonly attempts: AttemptsService;
  readonly queries: QueriesService;
  readonly standing: StandingService;
  readonly instances: InstancesService;
  readonly reporter: Reporter;
  readonly facts: FactsService;
  readonly trust: ServerTrust;
  readonly gate: TrustGate;
  readonly refusals: Refusals;
  readonly log: AgentLogger;
}

/** Keeps the agent connected: enrolls when it must, dials, introduces itself, and begins again when that is lost. */
export class AgentLink {
  private readonly enrolling = new Backoff(200, 1000, 60_000);
  private readonly dialing = new Backoff(200, 500, 30_000);
  private session: Session | null = null;
  private readonly cancel = new AbortController();
  private closed = false;
  private question: Question = newQuestion();
  private timer: NodeJS.Timeout | null = null;
  private wake: (() => void) | null = null;
  private loop: Promise<void> | null = null;

  constructor(private readonly parts: LinkParts) {}

  /** Begins to dial; orders go to `onOrder`, whose result is their acknowledgement. */
  open(onOrder: OnOrder): void {
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

  private async keepConnected(onOrder: OnOrder): Promise<void> {
    const { options, identities, reporter, queries, standing, instances, facts, gate, refusals } = this.parts;
    gate.askTime = () => this.askTime();
    while (!this.closed) {
      const identity = identities.load() ?? (await this.tryToEnroll());
      if (identity === null) continue;
      const session = new Session(options, identity.node_key, AGENT_VERSION, {
        onOrder: (event, data) => this.pass(onOrder, event, data),
        hello: () => this.hello(),
        greet: (answer) => gate.greet(answer, this.question),
        onDistrust: (distrusted) => this.tellRefusal(distrusted),
        onReady: (ready, ack) => this.ready(ready, ack),
      });
      this.session = session;
      gate.begin(identity.host_uuid);
      const end = await session.run();
      this.session = null;
      reporter.use(null);
      queries.use(null);
      standing.use(null);
      instances.use(null);
      refusals.use(null);
      facts.disconnected();
      if (this.timer !== null) clearInterval(this.timer);
      if (!this.closed) await this.afterLoss(end);
    }
  }

  /** Nothing of an order that the gate refuses is handled. */
  private async pass(onOrder: OnOrder, event: string, data: unknown): Promise<unknown> {
    const passage = await this.parts.gate.pass(event, data);
    if (!passage.ok) return passage.answer;
    const answer = await onOrder(event, passage.message, passage.provenance);
    if (passage.refused.length === 0) return answer;
    return { answers: [...RunAck.parse(answer).answers, ...passage.refused] } satisfies RunAck;
  }

  private async tryToEnroll(): Promise<StoredIdentity | null> {
    const { options, machine, identities, key, facts, trust, log } = this.parts;
    try {
      if (options.enrollSecret === null)
        throw new EnrollError('this host is not enrolled and no enroll secret was given', null);
      const answer = await enroll(
        options,
        {
          enroll_secret: options.enrollSecret,
          agent_version: AGENT_VERSION,
          hardware_uuid: machine.hardwareUuid,
          instance: machine.instance,
          hostname: options.hostname,
          facts: facts.current(),
        },
        { key, serverKey: (named) => trust.known(named) },
        this.cancel.signal,
      );
      if (this.closed) return null;
      trust.enrolled(answer.server_keys, answer.host_uuid);
      log.info({ host_id: answer.host_id, host_uuid: answer.host_uuid }, 'enrolled');
      const { node_key, host_id, host_uuid } = answer;
      return identities.save({ node_key, host_id, host_uuid });
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
    const { options, key, journal, attempts, standing, instances, facts, trust } = this.parts;
    const revision = instances.revision();
    this.question = newQuestion();
    return {
      journal_id: journal.id,
      hostname: options.hostname,
      parallel_slots: options.parallelSlots,
      scripts_enabled: attempts.scriptsEnabled,
      keeps_secrets: true,
      labels: options.labels,
      attempts: attempts.known().slice(0, Limits.helloAttempts),
      facts: facts.current(),
      standing: standing.held(),
      ...(revision !== undefined && { instances_revision: revision }),
      envelopes: 1,
      shared_orders: true,
      says_taken: true,
      challenge: this.question.challenge,
      server_keys: trust.ids(),
      agent_key: key.publicKey,
    };
  }

  private ready(session: Session, ack: HelloAck & { ok: true }): void {
    const { attempts, facts, instances, log, queries, refusals, reporter, standing } = this.parts;
    log.info({ host_id: ack.host_id, since_start_ms: Math.round(performance.now()) }, 'connected');
    attempts.stale(ack.stale);
    reporter.use(session);
    queries.use(session);
    standing.use(session);
    instances.use(session);
    refusals.use(session);
    this.timer = setInterval(() => void this.askTime(), TIME_EVERY_MS).unref();
    facts.connected((changed) => session.sendFacts(changed));
  }

  private async askTime(): Promise<boolean> {
    const { session } = this;
    if (session === null) return false;
    try {
      const question = newQuestion();
      this.parts.gate.timed(await session.time(question.challenge), question);
      return true;
    } catch (error) {
      this.parts.log.warn({ err: errorMessage(error) }, 'the server does not say what time it is');
      return false;
    }
  }

  private async tellRefusal(session: Session): Promise<void> {
    this.parts.refusals.use(session);
    await new Promise((resolve) => setTimeout(resolve, DISTRUST_MS));
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
