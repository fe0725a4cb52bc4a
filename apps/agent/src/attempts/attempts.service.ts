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
import { type Journal } from '../journal/journal.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type ServerClock } from '../platform/server-clock.js';
import { type Reporter } from '../transport/reporter.js';
import { refusalOf } from './admission.js';
import { Attempt } from './attempt.js';
import { executeAttempt, type ExecutionContext } from './execution.js';
import { Lane } from './lane.js';
import { recoverAttempts } from './recovery.js';

/** How this agent takes work. */
export interface AttemptsOptions {
  readonly runner: RunnerOptions;
  readonly parallelSlots: number;
  readonly scriptsEnabled: boolean;
}

type StopAnswer = StopAck['answers'][number];
type StopRequest = Stop['attempts'][number];

/** At shutdown nobody gets longer than this to obey TERM. */
const SHUTDOWN_GRACE_SECONDS = 5;
const MESSAGE_LENGTH = 4096;

/**
 * Ties journal, lanes, runner and reporter together. An order is written down and synced before it is answered and
 * before anything is started; what the journal knows is never started again.
 */
export class AttemptsService {
  private readonly attempts = new Map<string, Attempt>();
  private readonly serial = new Lane(1);
  private readonly parallel: Lane;
  private readonly running = new Set<Promise<void>>();
  private readonly context: ExecutionContext;
  private scriptsAllowed = true;
  private closing = false;

  constructor(
    private readonly journal: Journal,
    private readonly reporter: Reporter,
    private readonly clock: ServerClock,
    private readonly log: AgentLogger,
    private readonly options: AttemptsOptions,
  ) {
    this.parallel = new Lane(options.parallelSlots);
    this.context = { journal, reporter, clock, log, runner: options.runner, bootId: bootId() };
    reporter.listen({
      onSettled: (attempt) => this.forget(attempt),
      onStale: (attempt) => this.abandon(attempt),
    });
  }

  /** Ends and reports what an earlier process left; orders are taken meanwhile, but start only afterwards. */
  async recover(): Promise<void> {
    const open = this.journal.openAttempts();
    for (const { order, state } of open) {
      const attempt = new Attempt(order.attemptId, null);
      attempt.state = state === 'ended' ? 'ended' : 'running';
      this.attempts.set(attempt.id, attempt);
    }
    await recoverAttempts(open, this.attempts, this.context, (attempt) => this.forget(attempt));
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
  async run(orders: readonly Order[]): Promise<OrderAnswer[]> {
    if (this.closing) throw new Error('the agent is shutting down');
    const fresh = orders.filter((order) => this.admit(order));
    this.prepareNext(fresh);
    try {
      await this.journal.commit();
    } catch (error) {
      for (const order of fresh) this.refuse(order, ReasonCode.journalUnavailable, errorMessage(error));
    }
    const answers = orders.map((order) => this.answer(order));
    for (const order of fresh) this.enqueue(order);
    return answers;
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

  /** What the journal holds, for the hello. */
  known(): KnownAttempt[] {
    return this.journal.openAttempts().map(({ order, state }) => ({ attempt_id: order.attemptId, state }));
  }

  /** The server will take no word of these any more. */
  stale(ids: readonly string[]): void {
    for (const id of ids) {
      const attempt = this.attempts.get(id);
      if (attempt !== undefined) this.abandon(attempt);
    }
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

  private admit(order: Order): boolean {
    const id = order.attempt_id;
    if (this.journal.find(id) !== undefined || this.journal.findClosed(id) !== undefined) return false;
    const refusal = refusalOf(order, {
      scriptsEnabled: this.scriptsEnabled,
      now: this.clock.now(),
      earlierAttempt: this.journal.attemptOf(order.target_id),
    });
    if (refusal !== null) {
      this.refuse(order, refusal.reason, refusal.message);
      return false;
    }
    try {
      const { target_id: targetId, execution_id: executionId, kind, output_cap_bytes: capBytes } = order;
      const waits = order.secrets !== undefined && !this.laneNamed(order.lane).isFree;
      this.journal.accept(
        { attemptId: id, targetId, executionId, kind, capBytes, ...(waits && { waiting: true }) },
        Date.now(),
      );
    } catch (error) {
      this.refuse(order, ReasonCode.journalUnavailable, errorMessage(error));
      return false;
    }
    this.attempts.set(id, new Attempt(id, order));
    return true;
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
      .finally(() => this.running.delete(done));
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
    this.attempts.get(id)?.discardPreparation();
    this.attempts.delete(id);
  }
}
