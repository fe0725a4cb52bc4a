import fc from 'fast-check';
import { type Clock, Lanes } from './lanes.js';

interface Item {
  subject: string;
  no: number;
  heavy: boolean;
}

/** Lanes whose batches end when they are told to. */
function stand(clock?: Clock): {
  add: (item: Item) => Promise<number>;
  begun: Item[][];
  end: (index: number, error?: Error) => Promise<void>;
} {
  const begun: Item[][] = [];
  const ends: ((error?: Error) => void)[] = [];
  const lanes = new Lanes<Item, number>(
    ({ subject }) => subject,
    async (items) => {
      begun.push(items);
      await new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
      return items.map(({ no }) => no);
    },
    [100],
    clock,
  );
  return {
    add: (item) => lanes.add(item, item.heavy ? 'heavy' : 'light'),
    begun,
    end: async (index, error) => {
      ends[index]?.(error);
      await turn();
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The rest is over, too. */
const settled = async (): Promise<void> => {
  await turn();
  await turn();
};

describe('Lanes', () => {
  it('lets what is light go past what is heavy', async () => {
    const { add, begun, end } = stand();
    const heavy = add({ subject: 'a', no: 1, heavy: true });
    await turn();
    const light = add({ subject: 'b', no: 2, heavy: false });
    await turn();
    expect(begun).toHaveLength(2);
    await end(1);
    expect(await light).toBe(2);
    await end(0);
    expect(await heavy).toBe(1);
  });

  it('keeps a subject in the heavy lane until nothing of it is under way', async () => {
    const { add, begun, end } = stand();
    void add({ subject: 'a', no: 1, heavy: true });
    await turn();
    void add({ subject: 'a', no: 2, heavy: false });
    await turn();
    expect(begun).toHaveLength(1);
    await end(0);
    expect(begun).toHaveLength(2);
    void add({ subject: 'b', no: 3, heavy: true });
    await end(1);
    expect(begun).toHaveLength(3);
    void add({ subject: 'a', no: 4, heavy: false });
    await turn();
    // Nothing of `a` is heavy any more: it need not wait for `b`.
    expect(begun).toHaveLength(4);
  });

  it('begins what is heavy after the light words of its subject, also when those fail', async () => {
    const { add, begun, end } = stand();
    const light = add({ subject: 'a', no: 1, heavy: false });
    await turn();
    void add({ subject: 'a', no: 2, heavy: true });
    void add({ subject: 'a', no: 3, heavy: false });
    await turn();
    expect(begun).toHaveLength(1);
    const failed = expect(light).rejects.toThrow('away');
    await end(0, new Error('away'));
    await failed;
    expect(begun.slice(1).map((items) => items.map(({ no }) => no))).toEqual([[2, 3]]);
  });

  it('rests after what is heavy when there is company', async () => {
    const clock = { at: 0, rests: [] as { ms: number; end: () => void }[] };
    const { add, begun, end } = stand({
      now: () => clock.at,
      pause: (ms) => new Promise((resolve) => clock.rests.push({ ms, end: resolve })),
    });
    const heavy = (no: number): Promise<number> => add({ subject: 'a', no, heavy: true });
    void heavy(1);
    await turn();
    void heavy(2);
    clock.at = 40;
    await end(0);
    // Nobody else was there.
    expect(begun).toHaveLength(2);
    void add({ subject: 'b', no: 3, heavy: false });
    await turn();
    await end(2);
    void heavy(4);
    clock.at = 70;
    await end(1);
    expect(begun).toHaveLength(3);
    expect(clock.rests.map(({ ms }) => ms)).toEqual([90]);
    clock.rests[0]?.end();
    await turn();
    expect(begun).toHaveLength(4);
    // Of two subjects, each of which rests for half as long.
    void add({ subject: 'c', no: 5, heavy: true });
    void heavy(6);
    await end(3);
    clock.rests[1]?.end();
    await turn();
    expect(begun[4]).toHaveLength(2);
    clock.at = 90;
    await end(4);
    expect(clock.rests.map(({ ms }) => ms)).toEqual([90, 0, 30]);
  });

  it('handles the items of each subject in their order, one batch at a time', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.oneof(
            fc.record({ subject: fc.constantFrom('a', 'b', 'c'), heavy: fc.boolean() }),
            fc.constant('wait' as const),
            fc.nat(3),
          ),
        ),
        async (steps) => {
          const { add, begun, end } = stand({ now: () => 0, pause: turn });
          const open = new Set<number>();
          const under = (subject: string): number =>
            [...open].filter((index) => begun[index]?.some((item) => item.subject === subject)).length;
          let seen = 0;
          const look = (): void => {
            for (; seen < begun.length; seen++) open.add(seen);
            for (const subject of ['a', 'b', 'c']) expect(under(subject)).toBeLessThanOrEqual(1);
          };
          const endOne = async (at: number): Promise<void> => {
            const index = [...open][at % Math.max(1, open.size)];
            if (index === undefined) return;
            open.delete(index);
            await end(index);
          };
          const added: Promise<number>[] = [];
          for (const step of steps) {
            if (step === 'wait') await turn();
            else if (typeof step === 'number') await endOne(step);
            else added.push(add({ ...step, no: added.length }));
            look();
          }
          for (await settled(), look(); open.size > 0; look()) {
            await endOne(0);
            await settled();
          }
          expect(await Promise.all(added)).toEqual(added.map((_, no) => no));
          for (const subject of ['a', 'b', 'c']) {
            const order = begun.flat().flatMap((item) => (item.subject === subject ? [item.no] : []));
            expect(order).toEqual([...order].sort((a, b) => a - b));
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
