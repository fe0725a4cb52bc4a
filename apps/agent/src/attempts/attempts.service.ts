import {
  type KnownAttempt,
  type Order,
  type OrderAnswer,
  ReasonCode,
  type Stop,
  type StopAck,
} from '#libs/protocol/index';
import { Preparation, type RunnerOptions } from '../exec/launch.js';
import { bootId } from '../exec/processes.js';
import { type InstanceMark, type TriggeredMark } from '../journal/journal-state.js';
import { type Journal } from '../journal/journal.js';
import { errorMessage } from '../platform/files.js';
import { type PolicyGuard } from '../policy/policy-guard.js';
import { type AgentLogger } from '../platform/logger.js';
import { type ServerClock } from '../platform/server-clock.js';
import { type Reporter } from '../transport/reporter.js';
import { type StatementGate } from '../trust/statement-gate.js';
import { type Refusal, refusalOf } from './admission.js';
import { Attempt } from './attempt.js';
import { executeAttempt, type ExecutionContext } from './execution.js';
import { InstanceRuns } from './instance-runs.js';
import { Lane } from './lane.js';
import { recoverAttempts } from './recovery.js';

/** How this agent takes work. */
export interface AttemptsOptions {
  readonly runner: RunnerOptions;
  readonly parallelSlots: number;
  readonly scriptsEnabled: boolean;
  /** What people have to have signed. */
  readonly statements: StatementGate;
  /** What the operator of the host allows. */
  readonly policy: PolicyGuard;
}

type StopAnswer = StopAck['answers'][number];
type StopRequest = Stop['attempts'][number];

/** At shutdown nobody gets longer than this to obey TERM. */
const SHUTDOWN_GRACE_SECONDS = 5;
const MESSAGE_LENGTH = 4096;
/** Runs that triggers start while the server is away stay on this host; beyond so many nothing is started any more. */
const MAX_UNSETTLED = 10_000;

/**
 * Ties journal, lanes, runner and reporter together. An order is written down and synced before it is answered and
 * before anything is started; what the journal knows is never started again.
 */
export class AttemptsService {
  private readonly attempts = new Map<string, Attempt>();
  private readonly serial = new Lane(1);
  private readonly parallel: Lane;
  private readonly running = new Set<Promise<void>>();
  /** Which instances run. */
  readonly instances = new InstanceRuns();
  private readonly context: ExecutionContext;
  private scriptsAllowed = true;
  private closing = false;
  private onUnannounced: (attempt: Attempt) => void = () => undefined;

  constructor(
    private readonly journal: Journal,
    private readonly reporter: Reporter,
    private readonly clock: ServerClock,
    private readonly log: AgentLogger,
    private readonly options: AttemptsOptions,
  ) {
    this.parallel = new Lane(options.parallelSlots);
    const { runner, policy, statements } = options;
    this.context = { journal, reporter, clock, log, runner, policy, statements, bootId: bootId() };
    reporter.listen({
      onSettled: (attempt) => this.forget(attempt),
      onStale: (attempt) => this.abandon(attempt),
    });
  }

  /** Ends and reports what an earlier process left; orders are taken meanwhile, but start only afterwards. */
  async recover(): Promise<void> {
    const open = this.journal.openAttempts();
    for (const { order, state, announced } of open) {
      const attempt = new Attempt(order.attemptId, null);
      attempt.state = state === 'ended' ? 'ended' : 'running';
      attempt.instance = order.instance ?? null;
      attempt.announced = announced;
      this.attempts.set(attempt.id, attempt);
      if (state !== 'ended') this.instances.begin(attempt);
      if (!announced) this.onUnannounced(attempt);
    }
    const recovered = [...this.attempts.values()];
    await recoverAttempts(open, this.attempts, this.context, (attempt) => this.forget(attempt));
    for (const attempt of recovered) if (attempt.state === 'ended') this.instances.end(attempt);
    this.serial.open();
    this.parallel.open();
  }

  /** Whether orders are taken at all; the server may forbid what this host allows, and not the other way round. */
  get scriptsEnabled(): boolean {
    return this.options.scriptsEnabled && this.scriptsAllowed;
  }

  /** The server's word. What runs already goes on. */
  allowScripts(allowed: boolean): void {
    this.scriptsAllowed = allowed;
  }

  /** Takes orders. The answers stand when the journal is synced. */
  async run(asked: readonly Order[]): Promise<OrderAnswer[]> {
    if (this.closing) throw new Error('the agent is shutting down');
    const orders = asked.map((order) => this.capped(order));
    const root = await this.options.statements.rootAmong(orders);
    const fresh = orders.filter((order) => this.admit(order, root));
    this.prepareNext(fresh);
    try {
      await Promise.all([this.journal.commit(), this.options.statements.commit()]);
    } catch (error) {
      for (const order of fresh) this.refuse(order, ReasonCode.journalUnavailable, errorMessage(error));
    }
    const answers = orders.map((order) => this.answer(order));
    for (const order of fresh) this.enqueue(order);
    return answers;
  }

  /** Whoever tells the server of runs that triggers start; called for each, in the order of the starts. */
  announceBy(onUnannounced: (attempt: Attempt) => void): void {
    this.onUnannounced = onUnannounced;
  }

  /**
   * Starts a run that a trigger wants: as an order, but that nobody is answered. Null: it is in the journal, synced.
   * @param onWritten before it is started
   */
  async startTriggered(asked: Order, mark: TriggeredMark, onWritten: () => void): Promise<Refusal | null> {
    const order = this.capped(asked);
    if (this.closing) return { reason: ReasonCode.agentShutdown, message: 'the agent is shutting down' };
    if (this.journal.openCount >= MAX_UNSETTLED) {
      const message = `${MAX_UNSETTLED} runs wait for the server to take them`;
      return { reason: ReasonCode.journalUnavailable, message };
    }
    const refusal = this.refusalOf(order) ?? this.options.statements.order(order, null).refusal;
    if (refusal !== null) return refusal;
    try {
      const attempt = this.accept(order, { id: order.instance?.id ?? 0, triggered: mark });
      attempt.announced = false;
      await this.journal.commit();
      onWritten();
      this.onUnannounced(attempt);
    } catch (error) {
      const message = errorMessage(error);
      this.refuse(order, ReasonCode.journalUnavailable, message);
      return { reason: ReasonCode.journalUnavailable, message };
    }
    this.enqueue(order);
    return null;
  }

  /** Ends the run of an instance because its stop trigger fired. */
  stopInstance(instanceId: number, setting: string): void {
    const attempt = this.instances.of(instanceId);
    if (attempt === undefined || attempt.state === 'ended') return;
    attempt.stoppedBy ??= setting;
    const message = `stopped by ${setting}`.slice(0, MESSAGE_LENGTH);
    attempt.run?.terminate({ outcome: 'killed', reason: ReasonCode.stopTrigger, message });
  }

  /** The server knows this run now: its reports may leave. */
  announced(attempt: Attempt): void {
    this.journal.announced(attempt.id);
    attempt.announced = true;
    this.reporter.notify(attempt);
  }

  /** Ends attempts, or sees to it that they are never started. */
  async stop(requests: readonly StopRequest[]): Promise<StopAnswer[]> {
    const answers = requests.map((request) => this.stopOne(request));
    // Without a journal the refusal is remembered only in memory; the server will not send it again either.
    await this.journal.commit().catch(() => undefined);
    return answers;
  }

  /** Remembers that orders nobody here can read are never started. */
  async refuseUnreadable(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      if (this.journal.find(id) !== undefined || this.journal.findClosed(id) !== undefined) continue;
      this.journal.refuse(id, null, ReasonCode.startFailed, 'the agent cannot read this order', Date.now());
    }
    await this.journal.commit().catch(() => undefined);
  }

  /** Whether the journal has this attempt, settled and refused ones included. */
  has(attemptId: string): boolean {
    return this.journal.find(attemptId) !== undefined || this.journal.findClosed(attemptId) !== undefined;
  }

  /** What the journal holds, for the hello. */
  known(): KnownAttempt[] {
    return this.journal.openAttempts().map(({ order, state, announced }) => ({
      attempt_id: order.attemptId,
      state,
      ...(!announced && { unannounced: true }),
    }));
  }

  /** The server will take no word of these any more. */
  stale(ids: readonly string[]): void {
    for (const id of ids) {
      const attempt = this.attempts.get(id);
      // Of one that is not announced the server may never have heard.
      if (attempt?.announced === true) this.abandon(attempt);
    }
  }

  /** The server wants to know nothing of it: what runs is ended, and all of it forgotten. */
  disown(attempt: Attempt): void {
    this.abandon(attempt);
  }

  /** Takes no more orders and ends what runs; resolves when all of it is written down. */
  async shutdown(): Promise<void> {
    this.closing = true;
    for (const attempt of this.attempts.values()) {
      const message = 'the agent was shut down';
      if (attempt.state === 'queued') void this.start(attempt);
      else
        attempt.run?.terminate(
          { outcome: 'killed', reason: ReasonCode.agentShutdown, message },
          this.graceOf(attempt),
        );
    }
    await Promise.all(this.running);
  }

  /** What cannot be capped now is refused a moment later; where the policy is good again by then, it is capped when its turn comes. */
  private capped(order: Order): Order {
    try {
      return this.options.policy.capped(order);
    } catch {
      return order;
    }
  }

  private admit(order: Order, root: ReadonlySet<Order> | null): boolean {
    const id = order.attempt_id;
    if (this.has(id)) return false;
    let refusal = this.refusalOf(order);
    let until: number | null = null;
    if (refusal === null) ({ refusal, until } = this.options.statements.order(order, root));
    if (refusal !== null) {
      this.refuse(order, refusal.reason, refusal.message);
      return false;
    }
    try {
      this.accept(order, order.instance ?? null).signedUntil = until;
    } catch (error) {
      this.refuse(order, ReasonCode.journalUnavailable, errorMessage(error));
      return false;
    }
    return true;
  }

  private refusalOf(order: Order): Refusal | null {
    return refusalOf(order, {
      scriptsEnabled: this.scriptsEnabled,
      denial: () => this.options.policy.denies(order),
      now: this.clock.now(),
      earlierAttempt: this.journal.attemptOf(order.target_id),
      instanceRun: this.instances.of(order.instance?.id)?.id,
    });
  }

  /** Writes an order down; it is certain after the journal's commit. Throws when it cannot be written. */
  private accept(order: Order, instance: InstanceMark | null): Attempt {
    const { attempt_id: attemptId, target_id: targetId, execution_id: executionId, kind } = order;
    const waits = order.secrets !== undefined && !this.laneNamed(order.lane).isFree;
    this.journal.accept(
      {
        attemptId,
        targetId,
        executionId,
        kind,
        capBytes: order.output_cap_bytes,
        ...(waits && { waiting: true }),
        ...(instance !== null && { instance }),
      },
      Date.now(),
    );
    const attempt = new Attempt(attemptId, order);
    attempt.instance = instance;
    this.attempts.set(attemptId, attempt);
    this.instances.begin(attempt);
    return attempt;
  }

  /** The first order that will start at once is made ready while the journal is being synced. */
  private prepareNext(orders: readonly Order[]): void {
    const attempt = this.attempts.get(orders[0]?.attempt_id ?? '');
    if (!attempt?.order || !this.laneOf(attempt).isFree) return;
    attempt.preparation = new Preparation(attempt.order, this.options.runner);
  }

  private answer({ attempt_id }: Order): OrderAnswer {
    const closed = this.journal.findClosed(attempt_id);
    if (closed?.state !== 'refused') return { attempt_id, accepted: true };
    return { attempt_id, accepted: false, reason: closed.reason as ReasonCode, message: closed.message };
  }

  private refuse(order: Order, reason: ReasonCode, message: string): void {
    this.log.info({ attempt_id: order.attempt_id, reason }, 'order refused');
    this.remove(order.attempt_id);
    this.journal.refuse(
      order.attempt_id,
      order.target_id,
      reason,
      message.slice(0, MESSAGE_LENGTH),
      Date.now(),
    );
  }

  private enqueue(order: Order): void {
    const attempt = this.attempts.get(order.attempt_id);
    // It may have been stopped while the journal was being synced.
    if (attempt?.state !== 'queued' || this.journal.find(attempt.id) === undefined) return;
    const job = { start: (): Promise<void> => this.start(attempt) };
    attempt.job = job;
    this.laneNamed(order.lane).submit(job);
  }

  private start(attempt: Attempt): Promise<void> {
    if (attempt.state !== 'queued') return Promise.resolve();
    attempt.state = 'starting';
    const done = executeAttempt(attempt, this.context, () => this.closing)
      .then(() => {
        if (attempt.forgotten) this.forget(attempt);
      })
      .catch((error: unknown) =>
        this.log.error({ attempt_id: attempt.id, err: errorMessage(error) }, 'run failed'),
      )
      .finally(() => {
        this.running.delete(done);
        this.instances.end(attempt);
      });
    this.running.add(done);
    return done;
  }

  private stopOne({ attempt_id, reason, message }: StopRequest): StopAnswer {
    const attempt = this.attempts.get(attempt_id);
    const closed = this.journal.findClosed(attempt_id);
    if (attempt === undefined) {
      if (closed?.state === 'settled') return { attempt_id, state: 'ended' };
      if (closed === undefined) this.journal.refuse(attempt_id, null, reason, message, Date.now());
      return { attempt_id, state: 'not_started' };
    }
    switch (attempt.state) {
      case 'queued': {
        const open = this.journal.find(attempt_id);
        if (attempt.job !== null) this.laneOf(attempt).withdraw(attempt.job);
        this.remove(attempt_id);
        this.journal.refuse(attempt_id, open?.order.targetId ?? null, reason, message, Date.now());
        return { attempt_id, state: 'not_started' };
      }
      case 'starting':
      case 'running':
        if (reason === ReasonCode.expired) return { attempt_id, state: 'running' };
        attempt.run?.terminate({ outcome: 'killed', reason, message: message.slice(0, MESSAGE_LENGTH) });
        return { attempt_id, state: 'terminating' };
      case 'ended':
        return { attempt_id, state: 'ended' };
    }
  }

  private laneOf(attempt: Attempt): Lane {
    return this.laneNamed(attempt.order?.lane);
  }

  private laneNamed(name: Order['lane'] | undefined): Lane {
    return name === 'serial' ? this.serial : this.parallel;
  }

  private graceOf(attempt: Attempt): number {
    return Math.min(attempt.order?.grace_seconds ?? SHUTDOWN_GRACE_SECONDS, SHUTDOWN_GRACE_SECONDS);
  }

  private abandon(attempt: Attempt): void {
    this.log.warn(
      { attempt_id: attempt.id, state: attempt.state },
      'the server does not count this attempt any more',
    );
    attempt.forgotten = true;
    this.reporter.drop(attempt);
    const message = 'the server does not count this attempt any more';
    if (attempt.state === 'queued' && attempt.job !== null) this.laneOf(attempt).withdraw(attempt.job);
    if (attempt.state === 'queued' || attempt.state === 'ended') this.forget(attempt);
    else attempt.run?.terminate({ outcome: 'killed', reason: ReasonCode.cancelRequested, message });
  }

  private forget(attempt: Attempt): void {
    this.reporter.drop(attempt);
    this.remove(attempt.id);
    this.journal.settle(attempt.id);
    attempt.output
      ?.remove()
      .catch((error: unknown) => this.log.warn({ err: errorMessage(error) }, 'output was left behind'));
  }

  private remove(id: string): void {
    const attempt = this.attempts.get(id);
    if (attempt === undefined) return;
    attempt.discardPreparation();
    this.attempts.delete(id);
    this.instances.end(attempt);
  }
}
