import { setTimeout as delay } from 'node:timers/promises';
import { Batcher } from './batcher.js';

export type Lane = 'light' | 'heavy';

/** For so long after a light item the heavy lane rests. */
const COMPANY_MS = 250;

/** After a batch of one subject it rests so many times as long as that took: three quarters of the time are left to others. */
const REST = 3;

/** Time as tests tell it. */
export interface Clock {
  /** Milliseconds since some moment. */
  now(): number;
  pause(ms: number): Promise<void>;
}

const CLOCK: Clock = { now: () => performance.now(), pause: (ms) => delay(ms) };

/** Where the items of a subject go for as long as there are any that are not through. */
class Place {
  private open = 0;
  private end: () => void = () => undefined;
  /** Resolves when all of its items are through. */
  readonly drained = new Promise<void>((resolve) => (this.end = resolve));

  /** @param after when its items may go to their lane */
  constructor(
    readonly lane: Lane,
    private readonly after: Promise<void> | null,
  ) {}

  /** @param last called when this item is through and no other is open */
  async hold<Result>(work: () => Promise<Result>, last: () => void): Promise<Result> {
    this.open += 1;
    try {
      if (this.after) await this.after;
      return await work();
    } finally {
      this.open -= 1;
      if (this.open === 0) {
        last();
        this.end();
      }
    }
  }
}

/**
 * Two batchers side by side, so that what is small need not wait for what is large. Items of one subject are handled in the
 * order in which they were added: while a heavy one is under way, whatever comes next goes the same way; a heavy one waits for
 * the light ones before it. While there are light items, the heavy lane rests after each batch, for longer than that took: whoever sends
 * without end gets a part of what the machine can do, and all of it when nobody else wants anything. Where many send much it rests the less.
 */
export class Lanes<Item, Result> {
  private readonly batchers: Readonly<Record<Lane, Batcher<Item, Result>>>;
  private readonly places = new Map<string, Place>();
  private lastLight = -Infinity;
  private rest: Promise<void> | null = null;

  /**
   * @param subjectOf what an item is about
   * @param handle as that of a `Batcher`; called for a batch of each lane at once
   * @param bounds further arguments of a `Batcher`
   */
  constructor(
    private readonly subjectOf: (item: Item) => string,
    private readonly handle: (items: Item[]) => Promise<Result[]>,
    bounds: readonly [max: number, weight?: { of: (item: Item) => number; max: number }],
    private readonly clock: Clock = CLOCK,
  ) {
    this.batchers = {
      light: new Batcher(this.handle, ...bounds),
      heavy: new Batcher((items) => this.handleHeavy(items), ...bounds),
    };
  }

  /** Resolves when the batch that holds this item is through. */
  add(item: Item, lane: Lane): Promise<Result> {
    const subject = this.subjectOf(item);
    const before = this.places.get(subject);
    const place =
      before && (before.lane === 'heavy' || lane === 'light')
        ? before
        : new Place(lane, before?.drained ?? null);
    this.places.set(subject, place);
    if (place.lane === 'light') this.lastLight = this.clock.now();
    return place.hold(
      () => this.batchers[place.lane].add(item),
      () => this.places.get(subject) === place && this.places.delete(subject),
    );
  }

  private async handleHeavy(items: Item[]): Promise<Result[]> {
    await this.rest;
    const began = this.clock.now();
    try {
      return await this.handle(items);
    } finally {
      const ended = this.clock.now();
      const subjects = new Set(items.map(this.subjectOf)).size;
      this.rest =
        ended - this.lastLight < COMPANY_MS ? this.clock.pause((REST * (ended - began)) / subjects) : null;
    }
  }
}
