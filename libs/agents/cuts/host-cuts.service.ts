import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Recurring } from '#libs/platform/batch/index';
import { HostTotals } from '../host-totals.repository.js';
import { type Cutting, HostCuts } from './host-cuts.repository.js';

const TICK_MS = 1_000;
/** While somebody still sees what is to be swept up, a sweep takes 40 ms for 100,000 changes and helps nobody. */
const SWEEP_EVERY_MS = 5_000;
/** Every reader of a page adds up the changes that are not folded: so many cost it 0.2 ms. */
const FOLD_FROM = 100;
/** Ranges grow to so many times what they were cut to. */
const GROWTH = 3;

/** How many hosts there are to be between two cuts: adding up the counts and walking between two cuts cost about the same. */
export function cutEvery(total: number): number {
  return Math.max(500, Math.round(Math.sqrt(10 * total)));
}

/** Whether ranges have become too large, or too many for the hosts that are left. */
export function isWorn({ cuts, largest, counted }: Cutting, total: number): boolean {
  const every = cutEvery(total);
  return Math.max(largest, total - counted) > GROWTH * every || cuts > (GROWTH * total) / every + GROWTH;
}

/** Keeps the cuts in the list of hosts in shape. Pages are right without it, and dearer. */
@Injectable()
export class HostCutsService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(HostCutsService.name);
  private readonly looks = new Recurring(() => this.look(), {
    everyMs: TICK_MS,
    onError: (error) =>
      this.logger.warn('the list of hosts could not be cut; the next look tries again', {
        reason: String(error),
      }),
  });
  /** Since it was last looked at, hosts may have come, moved, or gone. */
  private unseen = true;
  /** What many changes have left behind may still be in the way. */
  private unswept = false;
  private sweepAt = 0;

  constructor(
    private readonly cuts: HostCuts,
    private readonly totals: HostTotals,
  ) {}

  onApplicationBootstrap(): void {
    this.looks.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.looks.stop();
  }

  /** Folds changes when there are enough of them, then cuts anew what is worn. */
  async look(): Promise<void> {
    if ((await this.cuts.unfolded()) >= FOLD_FROM) {
      this.unseen = true;
      while (!this.looks.stopped && (await this.cuts.fold())) this.unswept = true;
      await this.cuts.unfolded();
    }
    if (this.unswept && performance.now() >= this.sweepAt) {
      this.unswept = !(await this.cuts.sweep());
      this.sweepAt = performance.now() + SWEEP_EVERY_MS;
    }
    if (!this.unseen) return;
    const [total, cuttings] = await Promise.all([this.totals.of(null), this.cuts.cuttings()]);
    for (const cutting of cuttings) {
      if (this.looks.stopped) return;
      if (isWorn(cutting, total)) await this.cuts.cut(cutting.key, cutEvery(total));
    }
    this.unseen = false;
  }
}
