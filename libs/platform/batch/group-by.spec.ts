import { groupBy } from './group-by.js';

describe('groupBy', () => {
  it('keeps keys and items in order of appearance', () => {
    expect([...groupBy([3, 1, 4, 6, 5], (n) => n % 2)]).toEqual([
      [1, [3, 1, 5]],
      [0, [4, 6]],
    ]);
    expect(groupBy([], String).size).toBe(0);
  });
});
