import fc from 'fast-check';

/** As much of an OpenAPI schema as the document uses. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly example?: unknown;
  readonly default?: unknown;
}

/** Things that exist, by words that stand in the names of fields and parameters. */
export type Known = Readonly<Record<string, readonly (string | number)[]>>;

/** Texts that have broken something somewhere. */
export const NASTY_TEXTS: readonly string[] = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  'x\udfff\ud800y',
  '\u2028\u202e\ufeff',
  '𝕞𝔲𝖘𝓉𝑒𝗋 🦀👩‍👩‍👧‍👦',
  "'; DROP TABLE hosts; --",
  '" OR 1=1 --',
  '%',
  '%00',
  '%ff%fe',
  '../../etc/passwd',
  '${7*7}{{7*7}}',
  '<script>alert(1)</script>',
  '\\',
  '\r\nSet-Cookie: a=b',
  '__proto__',
  'constructor',
  'toString',
  'null',
  'undefined',
  'NaN',
  'true',
  '-0',
  '0x10',
  '1e999',
  '9'.repeat(40),
  '-1',
  '2147483648',
  '9223372036854775808',
  '0000-00-00T00:00:00Z',
  '9999-99-99',
  '+275760-09-13T00:00:00.001Z',
  '(((((((((((((((((((((',
  '(a+)+$',
  '*'.repeat(200),
  'a'.repeat(3_000),
  'é'.repeat(70_000),
  '_all',
  '_any',
  'role:web',
  'os in (a',
  'SELECT',
  'SELECT * FROM nothing',
  'SELECT 1; SELECT 2',
  '{"a":1}',
  '[[[[[[',
  '00000000-0000-0000-0000-000000000000',
];

export const NASTY_NUMBERS: readonly number[] = [
  0,
  -0,
  -1,
  1,
  0.5,
  1e-320,
  2 ** 31 - 1,
  2 ** 31,
  -(2 ** 31) - 1,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  -(2 ** 63),
  1e21,
  1e308,
];

const deep = (depth: number, inner: unknown, wrap: (value: unknown) => unknown): unknown => {
  let value = inner;
  for (let i = 0; i < depth; i++) value = wrap(value);
  return value;
};

/** What no schema asks for. */
export const garbage: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...NASTY_TEXTS),
  fc.constantFrom(...NASTY_NUMBERS),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    [],
    {},
    [null],
    [[]],
    { '': '' },
    { a: { b: { c: [] } } },
    JSON.parse('{"__proto__": {"admin": true}, "constructor": {"prototype": 1}}'),
    { 'a\0b': 'c\0d', '\ud800': '\udc00' },
    deep(500, 1, (value) => [value]),
    deep(500, 1, (value) => ({ a: value })),
    Array.from({ length: 2_000 }, (_, i) => i),
    Array.from({ length: 300 }, () => 'x'),
  ),
  fc.object({
    maxDepth: 3,
    maxKeys: 5,
    key: fc.constantFrom('id', 'name', 'query', 'type', 'a', '__proto__'),
  }),
);

/** Fields that make a request wait, and how long they may: nobody should wait for a fuzzer. */
const WAITS = /^(wait|timeout|timeout_seconds|pause_between|expires_in|rest)$/i;
const SHORT: readonly unknown[] = [
  0,
  1,
  '0',
  '1',
  -1,
  0.5,
  '',
  'x',
  null,
  [],
  {},
  '1e3x',
  '\0',
  2 ** 63,
  '9'.repeat(30),
];

/** Values for what the document describes; mostly right, here and there not. */
export class Values {
  constructor(
    private readonly schemas: Readonly<Record<string, Schema>>,
    private readonly known: Known,
  ) {}

  /** @param name of the field or parameter that it is for */
  of(schema: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
    if (WAITS.test(name)) return fc.constantFrom(...SHORT);
    if (depth > 5) return fc.constantFrom(null, 'x', 1, {});
    return fc.oneof(
      { weight: 12, arbitrary: this.right(schema, name, depth) },
      { weight: 4, arbitrary: this.existing(name) },
      { weight: depth === 0 ? 1 : 2, arbitrary: garbage },
    );
  }

  private right(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    const { $ref, enum: choices, oneOf, anyOf, allOf, example } = schema;
    if ($ref !== undefined) return this.right(this.schemas[$ref.split('/').at(-1) ?? ''] ?? {}, name, depth);
    const some = oneOf ?? anyOf;
    if (some && some.length > 0) return fc.oneof(...some.map((each) => this.right(each, name, depth + 1)));
    if (allOf?.length === 1 && allOf[0]) return this.right(allOf[0], name, depth);
    if (choices && choices.length > 0) return fc.constantFrom(...choices);
    if (example !== undefined && depth > 0)
      return fc.oneof(fc.constant(example), this.byType(schema, name, depth));
    return this.byType(schema, name, depth);
  }

  private byType(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    switch (schema.type) {
      case 'integer':
      case 'number':
        return fc.oneof(
          this.existing(name),
          fc.integer({ min: schema.minimum ?? -2, max: Math.min(schema.maximum ?? 50, 100_000) }),
          fc.constantFrom(...NASTY_NUMBERS),
        );
      case 'boolean':
        return fc.boolean();
      case 'array':
        return fc.array(this.of(schema.items ?? {}, name.replace(/s$/, ''), depth + 1), { maxLength: 4 });
      case 'object':
        return this.object(schema, depth);
      case undefined:
      default:
        return schema.properties ? this.object(schema, depth) : this.text(schema, name);
    }
  }

  private object(
    { properties = {}, required = [], additionalProperties }: Schema,
    depth: number,
  ): fc.Arbitrary<unknown> {
    const fields = Object.fromEntries(
      Object.entries(properties).map(([key, schema]) => [key, this.of(schema, key, depth + 1)]),
    );
    const requiredKeys = required.filter((key) => key in fields);
    const described = fc.record(fields, { requiredKeys: [] }).chain((some) =>
      fc
        .record(Object.fromEntries(requiredKeys.map((key) => [key, fields[key] ?? garbage])))
        // One time in eight something required is missing.
        .chain((needed) => fc.nat(7).map((n) => (n === 0 ? some : { ...needed, ...some }))),
    );
    const more =
      typeof additionalProperties === 'object' ? this.of(additionalProperties, '', depth + 1) : garbage;
    const extra = fc.dictionary(
      fc.constantFrom('a', 'more', '', '__proto__', 'id', 'A_B', 'envvar:A', '\0'),
      more,
      {
        maxKeys: typeof additionalProperties === 'object' ? 3 : 1,
      },
    );
    return fc.tuple(described, extra).map(([value, added]) => ({ ...value, ...added }));
  }

  private text({ format }: Schema, name: string): fc.Arbitrary<unknown> {
    const formatted =
      format === 'uuid'
        ? fc.uuid()
        : format === 'date-time'
          ? fc
              .date({ noInvalidDate: true, min: new Date('1990-01-01'), max: new Date('2100-01-01') })
              .map((d) => d.toISOString())
          : format === 'email'
            ? fc.emailAddress()
            : fc.string({ maxLength: 12 });
    return fc.oneof(
      this.existing(name),
      formatted,
      fc.constantFrom('a', 'echo hello', 'x.sh', 'SELECT 1', '10%', '_all'),
    );
  }

  /** Something that exists, when the name tells of what kind it is. */
  existing(name: string): fc.Arbitrary<unknown> {
    const kinds = Object.entries(this.known).filter(([word]) => name.toLowerCase().includes(word));
    const values = kinds.flatMap(([, all]) => all);
    return values.length === 0 ? fc.constantFrom(1, '1', 'a') : fc.constantFrom(...values);
  }
}
