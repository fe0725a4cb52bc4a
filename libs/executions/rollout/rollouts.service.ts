import { setTimeout as delay } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { Nudges } from '../results/nudges.js';
import { nextStep } from './next-step.js';
import { haltReason, type Opening } from './opening.js';
import { RolloutsRepository, type StandingRow } from './rollouts.repository.js';

/**
 * A look reads a wave. When there was nothing to do, the next one waits for so many times as long as it took: where thousands
 * of targets end at once, looking is a fifth of one connection's time, and where few do nobody notices.
 */
const REST = 4;

/**
 * Takes executions from wave to wave. Targets end in many places; each says so (`Nudges.ended`), and then the rows are looked
 * at: without a lock to see whether anything is to be done, under the rollout's row lock to do it, so that a wave is released
 * once, whoever looks. A hint that is lost is covered by the sweep, and by a look at all at the start. An execution without
 * a rollout costs the question whether its id is in a set.
 */
@Injectable()
export class RolloutsService implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RolloutsService.name);
  /** Internal ids of executions whose rollouts are not done, as far as this server knows. */
  private readonly open = new Set<string>();
  private readonly toSee = new Set<string>();
  private readonly stopping = new AbortController();
  private working: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly repository: RolloutsRepository,
    private readonly nudges: Nudges,
    private readonly audit: Audit,
  ) {}

  onModuleInit(): void {
    this.nudges.onEnd((executionIds) => this.see(executionIds));
  }

  /** Before the first agent is back: what happened as the server before died may forbid to send more. */
  async onApplicationBootstrap(): Promise<void> {
    try {
      const rows = await this.repository.open();
      for (const row of rows) this.open.add(row.execution_id);
      this.see(rows.map((row) => row.execution_id));
      await this.working;
    } catch (error) {
      this.logger.warn('rollouts could not be looked at; the sweep tries again', { reason: String(error) });
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.working;
  }

  /** Stores how the rollout begins, in the transaction that inserts its execution and its targets. */
  async begin(tx: Transaction, executionUuid: string, opening: Opening): Promise<void> {
    const id = await this.repository.insert(tx, executionUuid, opening);
    if (opening.state === 'halted' && opening.reason !== null)
      await this.recordHalt(tx, executionUuid, opening.reason, opening.failures);
    tx.afterCommit(() => {
      this.open.add(id);
    });
  }

  /**
   * Ends targets of an execution under its rollout's lock, and goes on from there in the same transaction: nothing is
   * released in between.
   */
  async during(tx: Transaction, executionId: string, work: () => Promise<void>): Promise<void> {
    await this.repository.lock(tx, executionId);
    await work();
    const row = await this.repository.standing(executionId, tx);
    if (row) await this.step(tx, row);
  }

  /**
   * Goes on where it was halted: what was held back is queued again, or the next wave released. Failures up to now do not
   * count any more.
   * @param maxFailures how many may fail from now on; undefined: as many as before
   * @throws DomainError conflict when it is not halted
   */
  async resume(
    tx: Transaction,
    caller: Caller,
    executionId: string,
    maxFailures: number | undefined,
  ): Promise<void> {
    await this.repository.lock(tx, executionId);
    const row = await this.repository.standing(executionId, tx);
    if (row?.state !== 'halted')
      throw new DomainError(
        'conflict',
        `only what is halted can be resumed; this is ${row?.state ?? 'done'}`,
      );
    const max = maxFailures ?? row.max_failures;
    const hosts = await this.repository.resume(tx, row, max);
    const details = { wave: row.wave, failures: row.failures - row.forgiven, max_failures: max };
    await this.audit.record(tx, {
      ...doneBy(caller, 'rollout_resumed', details),
      executionUuid: row.execution_uuid,
    });
    tx.afterCommit(() => {
      this.nudges.changed([executionId]);
      this.nudges.wake(hosts);
    });
    const now = await this.repository.standing(executionId, tx);
    // Somebody has looked at it for long enough: no pause now.
    if (now) await this.step(tx, { ...now, pause_seconds: 0 });
  }

  /** Begins the waves whose time has come. Only the reaper calls this. */
  async endPauses(): Promise<void> {
    for (const id of await this.repository.due()) {
      await this.database.transaction(async (tx) => {
        await this.repository.lock(tx, id);
        const row = await this.repository.standing(id, tx);
        if (row?.state === 'pausing' && row.due) await this.release(tx, row);
      });
    }
  }

  /** Covers lost hints, and learns of rollouts that other servers have begun or ended. */
  async sweep(): Promise<void> {
    const before = [...this.open];
    const rows = await this.repository.open();
    const now = new Set(rows.map((row) => row.execution_id));
    for (const id of before) if (!now.has(id)) this.open.delete(id);
    for (const id of now) this.open.add(id);
    this.see(rows.filter(({ state }) => state === 'running').map((row) => row.execution_id));
  }

  private see(executionIds: readonly string[]): void {
    if (this.open.size === 0 || this.stopping.signal.aborted) return;
    for (const id of executionIds) if (this.open.has(id)) this.toSee.add(id);
    if (this.toSee.size > 0) this.working ??= this.work();
  }

  private async work(): Promise<void> {
    const { signal } = this.stopping;
    while (this.toSee.size > 0 && !signal.aborted) {
      let inVain = 0;
      for (const id of [...this.toSee]) {
        this.toSee.delete(id);
        const began = performance.now();
        const done = await this.look(id).catch((error: unknown) =>
          this.logger.warn('a rollout could not be looked at; the sweep tries again', {
            reason: String(error),
          }),
        );
        if (!done) inVain += performance.now() - began;
      }
      await delay(REST * inVain, undefined, { signal }).catch(() => undefined);
    }
    this.working = null;
  }

  /** Whether there was anything to do. */
  private async look(executionId: string): Promise<boolean> {
    const seen = await this.repository.standing(executionId);
    if (!seen) this.open.delete(executionId);
    if (!seen) return false;
    if (stepOf(seen) === 'stay') {
      if (seen.failures === seen.failures_stored) return false;
      await this.repository.countFailures(seen);
      this.nudges.changed([executionId]);
      return false;
    }
    await this.database.transaction(async (tx) => {
      await this.repository.lock(tx, executionId);
      const row = await this.repository.standing(executionId, tx);
      if (row) await this.step(tx, row);
    });
    return true;
  }

  /** Does what is to be done now; the rollout is locked. */
  private async step(tx: Transaction, row: StandingRow): Promise<void> {
    const { execution_id: id, failures, forgiven } = row;
    const step = stepOf(row);
    if (step === 'stay') return;
    if (step === 'release') return this.release(tx, row);
    tx.afterCommit(() => this.nudges.changed([id]));
    switch (step) {
      case 'pause':
        return this.repository.pause(tx, row);
      case 'done':
        return this.end(tx, row);
      case 'halt': {
        const reason = haltReason(failures - forgiven, row.max_failures ?? 0);
        await this.repository.halt(tx, row, reason);
        await this.recordHalt(tx, row.execution_uuid, reason, failures - forgiven);
      }
    }
  }

  private async release(tx: Transaction, row: StandingRow): Promise<void> {
    const hosts = await this.repository.release(tx, row);
    tx.afterCommit(() => {
      // All that were to be next ended while their rows were being locked: others may be left, or nobody.
      if (hosts.length === 0) return this.see([row.execution_id]);
      this.nudges.changed([row.execution_id]);
      this.nudges.wake(hosts);
    });
  }

  private async end(tx: Transaction, row: StandingRow): Promise<void> {
    await this.repository.end(tx, row);
    tx.afterCommit(() => {
      this.open.delete(row.execution_id);
    });
  }

  /** By nobody: the server does it. */
  private recordHalt(
    tx: Transaction,
    executionUuid: string,
    reason: string,
    failures: number,
  ): Promise<void> {
    return this.audit.record(tx, {
      userId: null,
      email: null,
      address: null,
      act: 'rollout_halted',
      outcome: 'failed',
      executionUuid,
      details: { reason, failures },
    });
  }
}

function stepOf(row: StandingRow): ReturnType<typeof nextStep> {
  return nextStep({
    state: row.state,
    failures: row.failures - row.forgiven,
    maxFailures: row.max_failures,
    pauseSeconds: row.pause_seconds,
    open: row.open,
    unsent: row.unsent,
    more: row.more,
  });
}
