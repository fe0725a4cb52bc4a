import { DomainError } from '../errors/index.js';
import { Batcher } from './batcher.js';

describe('Batcher', () => {
  it('handles what arrives together as one batch and answers each item', async () => {
    const sizes: number[] = [];
    const batcher = new Batcher<number, number>(async (items) => {
      sizes.push(items.length);
      return items.map((n) => n * 2);
    }, 100);
    expect(await Promise.all([1, 2, 3].map((n) => batcher.add(n)))).toEqual([2, 4, 6]);
    expect(sizes).toEqual([3]);
  });

  it('gathers what arrives while a batch is under way, up to the maximum', async () => {
    const sizes: number[] = [];
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const batcher = new Batcher<number, number>(async (items) => {
      sizes.push(items.length);
      if (sizes.length === 1) await gate;
      return items;
    }, 4);
    const first = batcher.add(0);
    await new Promise((resolve) => setImmediate(resolve));
    const rest = [1, 2, 3, 4, 5, 6].map((n) => batcher.add(n));
    release();
    expect(await Promise.all([first, ...rest])).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(sizes).toEqual([1, 4, 2]);
  });

  it('fails only the batch that failed and goes on', async () => {
    let calls = 0;
    const batcher = new Batcher<number, number>(async (items) => {
      calls += 1;
      if (calls === 1) throw new Error('database away');
      return items;
    }, 10);
    await expect(batcher.add(1)).rejects.toThrow('database away');
    await expect(batcher.add(2)).resolves.toBe(2);
    await batcher.idle();
  });

  it('fails only the item that fails alone, in their order', async () => {
    const sizes: number[] = [];
    const batcher = new Batcher<number, number>(async (items) => {
      sizes.push(items.length);
      if (items.includes(6)) throw new Error('6 cannot be stored');
      return items;
    }, 10);
    const results = await Promise.allSettled([1, 2, 3, 4, 5, 6, 7].map((n) => batcher.add(n)));
    expect(results.map((r) => (r.status === 'fulfilled' ? r.value : 'failed'))).toEqual([
      1,
      2,
      3,
      4,
      5,
      'failed',
      7,
    ]);
    expect(sizes).toEqual([7, 4, 3, 2, 1, 1, 1]);
  });

  it('does not ask again when the store is away', async () => {
    let calls = 0;
    const batcher = new Batcher<number, number>(async () => {
      calls += 1;
      throw new DomainError('unavailable', 'away');
    }, 10);
    const results = await Promise.allSettled([1, 2, 3].map((n) => batcher.add(n)));
    expect(results.map((r) => r.status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(calls).toBe(1);
  });

  it('bounds a batch by weight, and lets a heavy item go alone', async () => {
    const batches: number[][] = [];
    const batcher = new Batcher<number, null>(
      async (items) => {
        batches.push(items);
        return items.map(() => null);
      },
      100,
      { of: (n) => n, max: 10 },
    );
    await Promise.all([4, 4, 4, 50, 1].map((n) => batcher.add(n)));
    expect(batches).toEqual([[4, 4], [4], [50], [1]]);
  });
});
