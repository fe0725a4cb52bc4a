import fc from 'fast-check';
import { fit } from './table.js';

const column = fc.record({
  natural: fc.integer({ min: 1, max: 60 }),
  least: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
});

describe('fit', () => {
  it('fills no more than the room, cuts no more than it may, and nothing without need', () => {
    fc.assert(
      fc.property(
        fc.array(column, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 10, max: 120 }),
        (columns, room) => {
          const natural = columns.map((each) => each.natural);
          const widths = fit(
            natural,
            columns.map(({ least }) => ({ title: 'T', least })),
            room,
          );
          const total = (list: number[]): number => list.reduce((a, b) => a + b, 2 * (list.length - 1));
          const smallest = columns.map(({ natural, least }) =>
            least === undefined ? natural : Math.min(natural, least),
          );
          expect(total(widths)).toBeLessThanOrEqual(Math.max(room, total(smallest)));
          widths.forEach((width, index) => {
            expect(width).toBeGreaterThanOrEqual(smallest[index]!);
            expect(width).toBeLessThanOrEqual(natural[index]!);
          });
          if (total(natural) <= room) expect(widths).toEqual(natural);
        },
      ),
    );
  });
});
