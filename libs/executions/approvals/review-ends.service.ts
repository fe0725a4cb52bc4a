import { setTimeout as delay } from 'node:timers/promises';
import {
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { Nudges } from '../results/nudges.js';
import { ReviewsRepository } from './reviews.repository.js';

/** Looking reads targets: after a look it waits for so many times as long as that took. */
const REST = 4;

/**
 * A review is over when all targets of its execution have ended: executed, or revoked when nothing was sent (it expired, or was
 * cancelled). Targets end in many places, and each says so (`Nudges.ended`); an execution without a review costs the question
 * whether its id is in a set. What was not heard is covered by the sweep.
 */
@Injectable()
export class ReviewEnds implements OnModuleInit, OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ReviewEnds.name);
  /** Internal ids of executions whose reviews are not over, as far as this server knows. */
  private readonly open = new Set<string>();
  private readonly toSee = new Set<string>();
  private working: Promise<void> | null = null;
  private readonly stopping = new AbortController();

  constructor(
    private readonly repository: ReviewsRepository,
    private readonly nudges: Nudges,
  ) {}

  onModuleInit(): void {
    this.nudges.onEnd((executionIds) => this.see(executionIds));
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.sweep().catch((error: unknown) =>
      this.logger.warn('reviews could not be looked at; the sweep tries again', { reason: String(error) }),
    );
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.working;
  }

  /** From now on it is looked at when targets of it end. */
  follow(executionId: string): void {
    this.open.add(executionId);
  }

  /** Covers lost hints, and learns of reviews that other servers have begun. */
  async sweep(): Promise<void> {
    const before = [...this.open];
    const open = await this.repository.open();
    const now = new Set(open);
    for (const id of before) if (!now.has(id)) this.open.delete(id);
    for (const id of open) this.open.add(id);
    if (open.length > 0) this.forget(await this.repository.close(open));
  }

  private see(executionIds: readonly string[]): void {
    if (this.open.size === 0 || this.stopping.signal.aborted) return;
    for (const id of executionIds) if (this.open.has(id)) this.toSee.add(id);
    if (this.toSee.size > 0) this.working ??= this.work();
  }

  private async work(): Promise<void> {
    const { signal } = this.stopping;
    while (this.toSee.size > 0 && !signal.aborted) {
      const ids = [...this.toSee];
      this.toSee.clear();
      const began = performance.now();
      try {
        this.forget(await this.repository.close(ids));
      } catch (error) {
        this.logger.warn('reviews could not be closed; the sweep tries again', { reason: String(error) });
      }
      await delay(REST * (performance.now() - began), undefined, { signal }).catch(() => undefined);
    }
    this.working = null;
  }

  private forget(executionIds: readonly string[]): void {
    for (const id of executionIds) this.open.delete(id);
    this.nudges.changed(executionIds);
  }
}
