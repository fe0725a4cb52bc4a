import fc from 'fast-check';

/*
 * What nobody says: messages that make sense, with something in them that does not. Derived from samples of what is said, so that most of a message still
 * gets past the first look.
 */

const STRANGE_NUMBERS = [
  0,
  -0,
  -1,
  0.5,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  1e21,
  -(2 ** 53),
  1e308,
  Number.MIN_VALUE,
];
const STRANGE_TEXTS = [
  '',
  '\0',
  'a\0b',
  '\ud800',
  '\udc00x',
  '\ufeff',
  '__proto__',
  'constructor',
  'toString',
  '../../../etc/passwd',
  "'; DROP TABLE hosts; --",
  '$(id)',
  '{"a":1}',
  '[]',
  'null',
  'undefined',
  'NaN',
  '1e999',
  '00000000-0000-0000-0000-000000000000',
  'x'.repeat(5000),
  '\u202e',
  '💥'.repeat(300),
];

/** Any JSON, and bytes: what a Socket.IO message can hold. */
export const anything: fc.Arbitrary<unknown> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom<unknown>(
      null,
      true,
      false,
      [],
      {},
      [[]],
      [{}],
      [null],
      { length: 1 },
      { __proto__: null },
    ),
  },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(...STRANGE_NUMBERS) },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(...STRANGE_TEXTS) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 50 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes) as unknown) },
  { weight: 1, arbitrary: fc.integer({ min: 10, max: 500 }).map(nested) },
  { weight: 1, arbitrary: fc.integer({ min: 10, max: 3000 }).map((n) => new Array<unknown>(n).fill(0)) },
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

/** One change to a message: at a place, something else, nothing, twice, or one more. */
interface Change {
  readonly place: number;
  readonly how: 'replace' | 'remove' | 'repeat' | 'add' | 'swap';
  readonly what: unknown;
}

const change: fc.Arbitrary<Change> = fc.record({
  place: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'replace', 'remove', 'repeat', 'add', 'swap'),
  what: anything,
});

/** A message like one of the samples, but for one to three things. */
export function garbageLike(samples: readonly unknown[]): fc.Arbitrary<unknown> {
  return fc
    .tuple(fc.constantFrom(...samples), fc.array(change, { minLength: 1, maxLength: 3 }))
    .map(([sample, changes]) => changes.reduce(apply, structuredClone(sample)));
}

type Parent = Record<string | number, unknown>;

/** Every place in a message: the container, and the key in it. */
function placesIn(value: unknown, found: [Parent, string | number][] = []): [Parent, string | number][] {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array || found.length > 2000)
    return found;
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  for (const key of keys) {
    found.push([value as Parent, key]);
    placesIn((value as Parent)[key], found);
  }
  return found;
}

function apply(message: unknown, { place, how, what: given }: Change): unknown {
  // Nothing of one message may become part of the next, or of itself.
  const what = structuredClone(given);
  const places = placesIn(message);
  // The place before the first is the message itself.
  const index = place % (places.length + 1);
  const [parent, key] = places[index - 1] ?? [null, ''];
  if (parent === null) return how === 'replace' ? what : message;
  switch (how) {
    case 'replace':
      parent[key] = what;
      break;
    case 'remove':
      if (Array.isArray(parent)) parent.splice(Number(key), 1);
      else delete parent[key];
      break;
    case 'repeat':
      if (Array.isArray(parent))
        parent.push(...Array.from({ length: 300 }, () => structuredClone(parent[Number(key)])));
      else parent[`${key}_`] = parent[key];
      break;
    case 'add':
      if (Array.isArray(parent)) parent.push(what);
      else
        Object.defineProperty(parent, typeof what === 'string' ? what.slice(0, 40) : 'more', {
          value: what,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      break;
    case 'swap': {
      const [other, otherKey] = places[(place >> 8) % places.length] ?? [parent, key];
      // What holds the place itself would become a circle.
      if (placesIn(other[otherKey]).some(([each]) => each === parent) || other[otherKey] === parent) break;
      parent[key] = structuredClone(other[otherKey]);
      break;
    }
  }
  return message;
}
