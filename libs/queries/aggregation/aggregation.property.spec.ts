import fc from 'fast-check';
import { AGGREGATION_LIMITS, type AggregateHost, type AggregateResult } from './aggregation-types.js';
import { createAggregation } from './aggregation.js';
import { IncrementalAggregation } from './incremental/incremental-aggregation.js';
import { parseSelect } from './incremental/parser.js';
import { planSelect } from './incremental/plan.js';
import { fold, ResultsTable } from './results-table.js';
import { ResultsStore } from './stored/results-store.js';
import { loadSqlite, type Sqlite, type SqliteDatabase } from './stored/sqlite.js';

/*
 * What is computed row by row is what SQLite says: random answers of random hosts, random SELECTs, after every answer. Three
 * results are compared: that of the groups, that of the store which grew in the same steps, and that of a table written down at once.
 */

const RUNS = 700;

interface Part {
  readonly host: AggregateHost;
  readonly columns: string[];
  readonly rows: (string | null)[][];
}

interface Query {
  readonly sql: string;
  /** ORDER BY leaves nothing open. */
  readonly ordered: boolean;
}

const COLUMNS = ['version', 'pid', 'path', 'größe'];

const cell = fc.oneof(
  { arbitrary: fc.constant(null), weight: 2 },
  { arbitrary: fc.integer({ min: -3, max: 4 }).map(String), weight: 5 },
  {
    arbitrary: fc.constantFrom('1.10', '1.9', '1.10', '10.0', '2.0', '1.5', '-0.5', '1e3', '.5', '3.'),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      '',
      'a',
      'A',
      'ab',
      'Ab',
      'ä',
      'Ä',
      '𝔘',
      '\ufffd',
      '\uff5e',
      '😀b',
      ' 7 ',
      '007',
      '3abc',
      '-',
      '-0',
      "it's",
    ),
    weight: 4,
  },
  {
    arbitrary: fc.constantFrom(
      '9223372036854775807',
      '-9223372036854775808',
      '9223372036854775808',
      '4611686018427387904',
      '9007199254740993',
    ),
    weight: 1,
  },
  { arbitrary: fc.string({ unit: 'grapheme', maxLength: 4 }), weight: 1 },
);

const host = fc
  .integer({ min: 1, max: 4 })
  .map((id) => ({ id, hostname: `h${id % 3}`, displayName: `Höst ${id}` }));

const part: fc.Arbitrary<Part> = fc
  .tuple(
    host,
    fc.shuffledSubarray(COLUMNS, { minLength: 2 }),
    fc.constantFrom('as it is', 'as it is', 'upper', 'twice'),
    fc.integer({ min: 0, max: 6 }),
  )
  .chain(([who, chosen, manner, count]) => {
    const columns =
      manner === 'upper' ? chosen.map((name) => name.replace(/[a-z]+/g, (s) => s.toUpperCase())) : chosen;
    if (manner === 'twice') columns.push('Version');
    const row = fc.array(cell, { minLength: columns.length, maxLength: columns.length });
    return fc
      .array(row, { minLength: count, maxLength: count })
      .map((rows) => ({ host: who, columns, rows }));
  });

const column = fc.constantFrom(
  'version',
  'pid',
  'pid',
  'path',
  '"größe"',
  'PID',
  'results.version',
  '[path]',
  'host_id',
  'host_hostname',
  '`pid`',
);
const literal = fc.constantFrom(
  '0',
  '1',
  '2',
  '-1',
  '1.5',
  '0.5',
  "'1.10'",
  "''",
  "'a'",
  "'ab'",
  'null',
  "'😀b'",
  '10',
  '-9223372036854775808',
  '9223372036854775807',
  "'2'",
);

/** Of leaves and what joins them, as often without brackets as with them: precedence is part of what is compared. */
function expression(leaf: fc.Arbitrary<string>, depth: number): fc.Arbitrary<string> {
  if (depth === 0) return leaf;
  const inner = fc.oneof(
    { arbitrary: leaf, weight: 2 },
    { arbitrary: expression(leaf, depth - 1), weight: 1 },
  );
  const closed = inner.map((text) => `(${text})`);
  const operand = fc.oneof(inner, closed);
  const operator = fc.constantFrom(
    '+',
    '-',
    '*',
    '/',
    '||',
    '=',
    '==',
    '<>',
    '!=',
    '<',
    '<=',
    '>',
    '>=',
    'and',
    'or',
    'is',
    'is not',
  );
  const pattern = fc.constantFrom("'%a%'", "'A_'", "'1.%'", "'%'", "'_'", "'%ä'", "''", "'%a%b'");
  return fc.oneof(
    { arbitrary: leaf, weight: 3 },
    { arbitrary: fc.tuple(operand, operator, operand).map((words) => words.join(' ')), weight: 5 },
    fc.tuple(fc.constantFrom('-', '+'), closed).map((words) => words.join('')),
    closed.map((text) => `not ${text}`).map((text) => `(${text})`),
    fc
      .tuple(operand, fc.constantFrom('is null', 'isnull', 'notnull', 'not null', 'is not null'))
      .map((words) => words.join(' ')),
    fc
      .tuple(operand, fc.constantFrom('in', 'not in'), fc.array(operand, { minLength: 1, maxLength: 3 }))
      .map(([left, word, list]) => `${left} ${word} (${list.join(', ')})`),
    fc.tuple(operand, fc.constantFrom('like', 'not like'), pattern).map((words) => words.join(' ')),
    fc
      .tuple(closed, fc.constantFrom('between', 'not between'), closed, closed)
      .map(([a, word, b, c]) => `${a} ${word} ${b} and ${c}`),
    fc.tuple(fc.constantFrom('lower', 'UPPER', 'length'), inner).map(([name, text]) => `${name}(${text})`),
    fc
      .tuple(fc.constantFrom('coalesce', 'ifnull', 'nullif'), inner, inner)
      .map(([name, a, b]) => `${name}(${a}, ${b})`),
    fc.tuple(inner, inner, inner).map(([a, b, c]) => `case when ${a} then ${b} else ${c} end`),
    fc.tuple(inner, inner, inner).map(([a, b, c]) => `case ${a} when ${b} then ${c} end`),
  );
}

const overRow = expression(fc.oneof({ arbitrary: column, weight: 3 }, { arbitrary: literal, weight: 1 }), 2);
const aggregate = fc.oneof(
  fc.constantFrom('count(*)', 'count()', 'Count( * )'),
  fc
    .tuple(
      fc.constantFrom('count', 'sum', 'total', 'min', 'max', 'avg'),
      fc.constantFrom('', '', 'distinct '),
      fc.oneof({ arbitrary: column, weight: 3 }, { arbitrary: overRow, weight: 1 }),
    )
    .map(([name, distinct, text]) => `${name}(${distinct}${text})`),
);

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary);

/** No integer on its own: in GROUP BY and ORDER BY it would be an ordinal. */
const notOrdinal = (text: string): string =>
  /^[\s()+-]*\d*[\s()]*$/.test(text) ? `coalesce(${text}, null)` : text;

const query: fc.Arbitrary<Query> = fc
  .record({
    keys: fc.array(
      fc.oneof({ arbitrary: column, weight: 4 }, { arbitrary: overRow.map(notOrdinal), weight: 1 }),
      { maxLength: 2 },
    ),
    aggregates: fc.array(aggregate, { maxLength: 3 }),
    distinct: fc.boolean(),
    where: maybe(overRow),
    words: fc.constantFrom('as ', ''),
  })
  .chain(({ keys, aggregates, distinct, where, words }) => {
    const leaves = [...keys, ...aggregates];
    const overGroup =
      leaves.length === 0
        ? fc.constant('count(*)')
        : expression(fc.oneof(fc.constantFrom(...leaves.map((leaf) => `(${leaf})`)), literal), 2);
    return fc
      .record({
        computed: fc.array(overGroup, { minLength: leaves.length === 0 ? 1 : 0, maxLength: 2 }),
        having: maybe(fc.oneof(overGroup, fc.constantFrom('c0 is not null', 'c0 > 1'))),
        order: fc.array(
          fc.tuple(
            fc.oneof(fc.constantFrom('1', 'c0', 'C0'), overGroup.map(notOrdinal)),
            fc.constantFrom('', ' asc', ' desc', ' desc nulls first', ' nulls last'),
          ),
          { maxLength: 2 },
        ),
        limit: maybe(
          fc.constantFrom('limit 2', 'limit 3 offset 1', 'limit 1, 2', 'limit -1', 'limit 0', 'LIMIT 1;'),
        ),
        byAlias: fc.boolean(),
      })
      .map(({ computed, having, order, limit, byAlias }): Query => {
        const columns = [...keys, ...aggregates, ...computed];
        const listed = columns.map((text, index) => (index === 1 ? text : `${text} ${words}c${index}`));
        // A column by its number, or by the name it was given, or once more.
        const groupBy = keys.map((key, index) => (byAlias ? (index === 0 ? 'c0' : String(index + 1)) : key));
        const terms = order.map((words) => words.join(''));
        if (limit !== null) terms.push(...columns.map((_, index) => String(index + 1)));
        const sql = [
          `select ${distinct ? 'distinct ' : ''}${listed.join(', ')} -- a comment`,
          'from results',
          where === null ? '' : `where ${where}`,
          groupBy.length === 0 ? '' : `group by ${groupBy.join(', ')}`,
          having === null || (keys.length === 0 && aggregates.length === 0) ? '' : `having ${having}`,
          terms.length === 0 ? '' : `order by ${terms.join(', ')}`,
          limit ?? '',
        ];
        return { sql: sql.filter((words) => words !== '').join('\n'), ordered: limit !== null };
      });
  });

let sqlite: Sqlite;
beforeAll(async () => void (sqlite = await loadSqlite()));

function quoted(text: string | null): string {
  if (text === null) return 'null';
  if (/^(0|-?[1-9]\d{0,18})$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text)) return text;
  // As bytes, so that nothing between here and there can change them.
  return `cast(x'${Buffer.from(text.toWellFormed().replaceAll('\0', '\ufffd')).toString('hex')}' as text)`;
}

/** A table written down at once, without any of our code but the reading of rows. */
function reference(sql: string, parts: readonly Part[]): AggregateResult {
  const names = ['host_id', 'host_hostname', 'host_display_name'];
  for (const { columns } of parts)
    for (const name of columns) if (!names.some((known) => fold(known) === fold(name))) names.push(name);
  const lines = parts.flatMap(({ host: { id, hostname, displayName }, columns, rows }) =>
    rows.map((row) =>
      names.map((name, index) => {
        if (index < 3) return [String(id), `'${hostname}'`, `'${displayName}'`][index]!;
        return quoted(row[columns.findLastIndex((other) => fold(other) === fold(name))] ?? null);
      }),
    ),
  );
  const { capi } = sqlite;
  const database = new sqlite.oo1.DB(':memory:', 'c') as SqliteDatabase & {
    prepare(text: string): { pointer: number; finalize(): void; getColumnNames(): string[] };
  };
  try {
    database.exec(`create table results (${names.map((name) => `"${name}"`).join()})`);
    for (const line of lines) database.exec(`insert into results values (${line.join()})`);
    const statement = database.prepare(sql);
    const columns = statement.getColumnNames();
    const rows: (string | null)[][] = [];
    let rc: number;
    while ((rc = capi.sqlite3_step(statement.pointer)) === capi.SQLITE_ROW)
      rows.push(sqlite.textRow(statement.pointer, columns.length));
    const error = rc === capi.SQLITE_DONE ? null : capi.sqlite3_errmsg(database.pointer);
    statement.finalize();
    return error === null ? { columns, rows } : { error };
  } catch (error) {
    return { error: (error as Error).message.replace(/^SQLITE_\w+: sqlite3 result code \d+: /, '') };
  } finally {
    database.close();
  }
}

function evaluated(store: ResultsStore): AggregateResult {
  try {
    return store.evaluate(60_000, AGGREGATION_LIMITS.rows);
  } catch (error) {
    return { error: (error as Error).message };
  }
}

/** Rows in an order of their own where the query leaves it open; and which one of several missing columns is named, is open too. */
function comparable(result: AggregateResult, { ordered }: Query): AggregateResult {
  if ('error' in result) return { error: result.error.replace(/^(no such column).*/, '$1') };
  if (ordered) return result;
  return {
    columns: result.columns,
    rows: [...result.rows].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
  };
}

/** Null for a SELECT that SQLite refuses: it says nothing about us. */
async function opened(sql: string): Promise<{ store: ResultsStore; names: string[] } | null> {
  const store = await ResultsStore.open(AGGREGATION_LIMITS.memoryBytes);
  try {
    return { store, names: store.check(sql, 60_000) };
  } catch {
    store.close();
    return null;
  }
}

it('says what SQLite says, after every answer', async () => {
  let compared = 0;
  let left = 0;
  await fc.assert(
    fc.asyncProperty(query, fc.array(part, { maxLength: 5 }), async (asked, parts) => {
      const found = await opened(asked.sql);
      fc.pre(found !== null);
      const { store, names } = found;
      try {
        const select = parseSelect(asked.sql);
        const plan = select && planSelect(select, names);
        // Now and then brackets fall so that a pattern is computed, or a column belongs to no group.
        if (!plan) return void (left += 1);
        const incremental = new IncrementalAggregation(plan, AGGREGATION_LIMITS);
        const table = new ResultsTable();
        for (let count = 0; count <= parts.length; count++) {
          const last = parts[count - 1];
          if (last) {
            incremental.add(last.columns, last.rows, last.host);
            const { added, places } = table.extend(last.columns)!;
            store.add(added, places, last.rows, last.host);
          }
          const expected = comparable(reference(asked.sql, parts.slice(0, count)), asked);
          expect(comparable(evaluated(store), asked)).toEqual(expected);
          expect(comparable(await incremental.result(), asked)).toEqual(expected);
          if (!('error' in expected)) compared += 1;
        }
      } finally {
        store.close();
      }
    }),
    { numRuns: RUNS, verbose: 0 },
  );
  // Most are no errors, or the property says little.
  expect(compared).toBeGreaterThan(RUNS);
  expect(left).toBeLessThan(RUNS / 4);
}, 600_000);

it('says the same through the process', async () => {
  await fc.assert(
    fc.asyncProperty(query, fc.array(part, { minLength: 1, maxLength: 3 }), async (asked, parts) => {
      const found = await opened(asked.sql);
      fc.pre(found !== null);
      found.store.close();
      const select = parseSelect(asked.sql);
      fc.pre(select !== null && planSelect(select, found.names) !== null);
      // What has more than one table is left to SQLite.
      const both = await Promise.all([
        createAggregation(asked.sql),
        createAggregation(`with results as (select * from main.results) ${asked.sql}`),
      ]);
      expect(both.map(({ kind }) => kind)).toEqual(['incremental', 'stored']);
      for (const aggregation of both) {
        for (const { columns, rows, host } of parts) await aggregation.add(columns, rows, host);
        const expected = comparable(reference(asked.sql, parts), asked);
        expect(comparable(await aggregation.result(), asked)).toEqual(expected);
        aggregation.close();
      }
    }),
    { numRuns: 10 },
  );
}, 300_000);
