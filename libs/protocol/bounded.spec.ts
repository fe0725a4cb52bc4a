import { z } from 'zod';
import { listOf, mapOf, Rows } from './bounded.js';

const numbers = z.object({ list: listOf(z.number(), 3, 1), more: listOf(z.number(), 3).optional() });

it('reads lists and maps within their bounds', () => {
  expect(numbers.parse({ list: [1, 2] })).toEqual({ list: [1, 2] });
  const map = mapOf(z.string().regex(/^[a-z]$/), z.string().transform(Number), 2);
  expect(map.parse({ a: '1', b: '2' })).toEqual({ a: 1, b: 2 });
  expect(Rows.parse([['a', null], []])).toEqual([['a', null], []]);
});

it.each([
  [{ list: [] }, 'list', /1 to 3 elements/],
  [{ list: [1, 2, 3, 4] }, 'list', /1 to 3 elements/],
  [{ list: { length: 1 } }, 'list', /must be a list/],
  [{}, 'list', /must be a list/],
  [{ list: [1], more: 'x' }, 'more', /must be a list/],
  [{ list: [1, 'x', 'y', 'z'].slice(0, 3) }, 'list.1', /number/],
])('%j is one error, where it is', (value, path, message) => {
  const { error } = numbers.safeParse(value);
  expect(error?.issues.map((issue) => [issue.path.join('.'), issue.message])).toEqual([
    [path, expect.stringMatching(message)],
  ]);
});

it('ends at the first of a million errors', () => {
  const long = z.object({ list: listOf(z.string(), 2_000_000), map: mapOf(z.string(), z.string(), 10) });
  const given = { list: new Array<number>(1_000_000).fill(0), map: { a: 1, b: 2, c: 3 } };
  expect(long.safeParse(given).error?.issues).toHaveLength(2);
  const rows = z.object({ rows: Rows });
  for (const bad of [0, [0], [['a'], [1]], [{}], {}])
    expect(rows.safeParse({ rows: bad }).error?.issues).toHaveLength(1);
});
