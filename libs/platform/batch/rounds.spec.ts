import { Rounds } from './rounds.js';

describe('Rounds', () => {
  it('gathers what comes up meanwhile into the next round, one at a time', async () => {
    const waiting: number[] = [];
    const rounds: number[][] = [];
    let go: () => void = () => undefined;
    const all = new Rounds(
      () => waiting.length > 0,
      async () => {
        rounds.push(waiting.splice(0));
        await new Promise<void>((resolve) => (go = resolve));
      },
      () => undefined,
    );
    const add = (item: number): void => {
      waiting.push(item);
      all.begin();
    };
    add(1);
    add(2);
    await Promise.resolve();
    add(3);
    add(4);
    expect(rounds).toEqual([[1, 2]]);
    go();
    await new Promise(setImmediate);
    expect(rounds).toEqual([
      [1, 2],
      [3, 4],
    ]);
    const closed = all.close();
    add(5);
    go();
    await closed;
    expect(rounds).toHaveLength(2);
  });

  it('tells of a round that failed, and begins no other at once', async () => {
    const failures: unknown[] = [];
    let count = 0;
    const all = new Rounds(
      () => true,
      () => {
        count += 1;
        return Promise.reject(new Error('away'));
      },
      (error) => failures.push(error),
    );
    all.begin();
    await new Promise(setImmediate);
    all.begin();
    await all.close();
    expect([count, failures.length]).toEqual([1, 1]);
  });
});
