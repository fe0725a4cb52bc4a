import fc from 'fast-check';
import { fairShare } from './output-tails.repository.js';

describe('fairShare', () => {
  it.each([
    ['nothing to share', [], 10, 1],
    ['room for all', [1, 2, 3], 10, 3],
    ['short ones stay whole', [1, 8, 9], 11, 5],
    ['all alike', [10, 10, 10], 10, 3],
    ['never nothing', [10, 10, 10], 1, 1],
  ] as const)('%s', (_, sizes, budget, expected) => {
    expect(fairShare(sizes, budget)).toBe(expected);
  });

  it('keeps to the budget, and gives no byte away that somebody could have', () => {
    const size = fc.integer({ min: 0, max: 1000 });
    fc.assert(
      fc.property(
        fc.array(size, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 30, max: 20_000 }),
        (sizes, budget) => {
          const all = (share: number): number => sizes.reduce((sum, one) => sum + Math.min(one, share), 0);
          const share = fairShare(sizes, budget);
          expect(all(share)).toBeLessThanOrEqual(budget);
          // A byte more for everybody would be too much, unless everybody has all.
          if (share < Math.max(...sizes)) expect(all(share + 1)).toBeGreaterThan(budget);
        },
      ),
    );
  });
});
