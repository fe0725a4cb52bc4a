import { cutEvery, isWorn } from './host-cuts.service.js';

/** As it was cut to last, all ranges full. */
const cut = (total: number) => {
  const every = cutEvery(total);
  const cuts = Math.floor(total / every);
  return { key: 'id' as const, cuts, largest: cuts > 0 ? every : 0, counted: cuts * every };
};

describe('isWorn', () => {
  it.each([0, 1, 499, 500, 1_000, 99_999, 100_000, 1_000_000])(
    'is not right after a cut: %d hosts',
    (total) => {
      expect(isWorn(cut(total), total)).toBe(false);
    },
  );

  it('is where hosts have gathered in one range or behind the last cut', () => {
    const fresh = cut(100_000);
    expect(isWorn({ ...fresh, largest: 4_000, counted: 103_000 }, 103_000)).toBe(true);
    expect(isWorn(fresh, 103_500)).toBe(true);
    expect(isWorn(fresh, 102_000)).toBe(false);
  });

  it('is where most hosts have gone', () => {
    expect(isWorn({ ...cut(100_000), largest: 10, counted: 1_000 }, 1_000)).toBe(true);
    expect(isWorn({ ...cut(100_000), largest: 800, counted: 80_000 }, 80_000)).toBe(false);
  });

  it('is for many hosts that were never cut, and never for few', () => {
    const none = { key: 'uuid' as const, cuts: 0, largest: 0, counted: 0 };
    expect(isWorn(none, 100_000)).toBe(true);
    expect(isWorn(none, 1_000)).toBe(false);
  });
});
