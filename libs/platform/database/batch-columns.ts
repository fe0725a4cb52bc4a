/** What an array's text can hold without quotes: numbers, booleans, uuids, words of a contract; what is not there is null. */
export type Plain = number | boolean | string | null | undefined;

/** Something of each item of a batch, which a statement gets as one array. */
export interface BatchColumn<Item> {
  readonly name: string;
  /** PostgreSQL's, of one element. */
  readonly type: string;
  readonly of: (item: Item) => Plain;
  /** It may be any text. */
  readonly free?: true;
}

/**
 * SQL: a batch as rows, numbered from 1 by `ord`. As JSON a row of sixteen values costs PostgreSQL three times as much.
 * @param first number of the first parameter
 */
export function rowsOf(alias: string, columns: readonly BatchColumn<never>[], first: number): string {
  const arrays = columns.map(({ type }, i) => `$${first + i}::${type}[]`);
  return `unnest(${arrays.join(', ')}) WITH ORDINALITY AS ${alias}(${columns.map(({ name }) => name).join(', ')}, ord)`;
}

/** The values for `rowsOf`. */
export function valuesOf<Item>(columns: readonly BatchColumn<Item>[], items: readonly Item[]): unknown[] {
  return columns.map(({ of, free }) => (free ? items.map(of) : plainArray(items.map(of))));
}

/**
 * An array as a parameter. pg's own way looks into every element for what is to be escaped, and makes three strings of it: a tenth of what a
 * server allocated per run.
 */
export function plainArray(elements: readonly Plain[]): string {
  return `{${elements.map((element) => element ?? 'NULL').join(',')}}`;
}
