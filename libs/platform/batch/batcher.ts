import { DomainError } from '../errors/index.js';
interface Waiting<Item, Result> {
  readonly item: Item;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Group commit: what arrives while a batch is being worked on goes into the next one. Alone, an item is
 * handled at once; under load, batches grow by themselves up to `max`. Only one batch is under way at a time.
 */
export class Batcher<Item, Result> {
  private waiting: Waiting<Item, Result>[] = [];
  private working: Promise<void> | null = null;

  /**
   * @param handle gets 1…max items, answers with one result per item, in their order, or throws without having
   *   done anything: then it is asked again for fewer, and an item fails when it fails alone
   * @param max items per batch
   * @param weight bounds a batch by size too; an item that is heavier than `max` goes alone
   */
  constructor(
    private readonly handle: (items: Item[]) => Promise<Result[]>,
    private readonly max: number,
    private readonly weight: { of: (item: Item) => number; max: number } = { of: () => 0, max: Infinity },
  ) {}

  /** Resolves when the batch that holds this item is through. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.working ??= this.work();
    });
  }

  /** Resolves when nothing is waiting and nothing is under way. */
  async idle(): Promise<void> {
    while (this.working) await this.working;
  }

  private async work(): Promise<void> {
    // Whatever is added in one go joins the first batch.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      await this.settle(this.waiting.splice(0, this.next()));
    }
    this.working = null;
  }

  /** What one item did wrong fails nobody else: a batch that failed is halved until those are found that fail alone. */
  private async settle(batch: Waiting<Item, Result>[]): Promise<void> {
    try {
      const results = await this.handle(batch.map((w) => w.item));
      batch.forEach((w, i) => w.resolve(results[i] as Result));
    } catch (error) {
      // Nothing is wrong with any of them when it is the store that is away.
      if (batch.length === 1 || (error instanceof DomainError && error.code === 'unavailable')) {
        for (const w of batch) w.reject(error);
        return;
      }
      const half = Math.ceil(batch.length / 2);
      await this.settle(batch.slice(0, half));
      await this.settle(batch.slice(half));
    }
  }

  /** How many of the waiting items make the next batch. */
  private next(): number {
    let weight = 0;
    let count = 0;
    for (const { item } of this.waiting) {
      weight += this.weight.of(item);
      if (count > 0 && (count >= this.max || weight > this.weight.max)) break;
      count += 1;
    }
    return count;
  }
}
