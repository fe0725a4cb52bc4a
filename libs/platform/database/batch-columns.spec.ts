import fc from 'fast-check';
import pg from 'pg';
import { createTestDatabase, type TestDatabase } from '#libs/testing/index';
import { type BatchColumn, rowsOf, valuesOf } from './batch-columns.js';

interface Item {
  readonly id: string;
  readonly number: number | null;
  readonly right: boolean | undefined;
  readonly text: string | null;
  readonly document: unknown;
}

const COLUMNS: readonly BatchColumn<Item>[] = [
  { name: 'id', type: 'uuid', of: ({ id }) => id },
  { name: 'number', type: 'float8', of: ({ number }) => number },
  { name: 'is_right', type: 'boolean', of: ({ right }) => right },
  { name: 'text', type: 'text', of: ({ text }) => text, free: true },
  { name: 'document', type: 'jsonb', of: ({ document }) => JSON.stringify(document), free: true },
];

describe('a batch in columns', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase('empty');
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('is what it was, in its order, whatever texts hold', async () => {
    const text = fc.oneof(
      fc.constantFrom('', 'NULL', 'null', '{}', '"', '\\', '\\"', ',', ' ', '{a,"b"}', '\n', "'"),
      fc.string({ unit: 'grapheme' }).filter((value) => !value.includes('\0')),
    );
    const item: fc.Arbitrary<Item> = fc.record({
      id: fc.uuid(),
      number: fc.option(fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }))),
      right: fc.option(fc.boolean(), { nil: undefined }),
      text: fc.option(text),
      document: fc.dictionary(text, fc.oneof(text, fc.integer(), fc.constant(null)), {
        noNullPrototype: true,
      }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 8 }), async (items) => {
        const { rows } = await client.query<Record<string, unknown>>(
          `SELECT ord::int, id, number, is_right, text, document FROM ${rowsOf('r', COLUMNS, 2)} WHERE $1::boolean ORDER BY ord`,
          [true, ...valuesOf(COLUMNS, items)],
        );
        expect(rows).toEqual(
          items.map(({ id, number, right, text, document }, i) => ({
            ord: i + 1,
            id,
            // PostgreSQL prints no minus before a zero.
            number: number === null ? null : number + 0,
            is_right: right ?? null,
            text,
            document,
          })),
        );
      }),
      { numRuns: 200 },
    );
  });
});
