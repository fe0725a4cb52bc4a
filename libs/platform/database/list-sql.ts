import { type ListOptions } from '../http/list-query.dto.js';

/** What a list is made from. */
export interface ListSource {
  /** SELECT whose columns the rest refers to; it has a column `id`. */
  readonly select: string;
  /** The values of its parameters. */
  readonly values: readonly unknown[];
  /** What `order_key` may be, and the columns that stand for it. */
  readonly columns: Readonly<Record<string, string>>;
  /** Columns that the text match looks into. */
  readonly search: readonly string[];
}

/** LIKE's pattern for texts that contain this one as it stands. */
export function containing(text: string): string {
  return `%${text.replace(/[\\%_]/g, '\\$&')}%`;
}

/** The statement behind one page of a list; without `order_key` by id; without a limit all of it. */
export function listSql(
  source: ListSource,
  options: Omit<ListOptions, 'limit'> & { readonly limit: number | null },
): { text: string; values: unknown[] } {
  const values = [...source.values];
  const parameter = (value: unknown): string => `$${values.push(value)}`;
  const conditions = ['true'];
  if (options.match !== '') {
    const pattern = parameter(containing(options.match));
    conditions.push(`(${source.search.map((column) => `l.${column} ILIKE ${pattern}`).join(' OR ')})`);
  }
  const column = source.columns[options.orderKey ?? 'id'] ?? 'id';
  if (options.after !== null) {
    conditions.push(`l.${column} ${options.descending ? '<' : '>'} ${parameter(options.after)}`);
  }
  const direction = options.descending ? 'DESC' : 'ASC';
  const order = [column, 'id'].map((name) => `l.${name} ${direction}`).join(', ');
  const text = `SELECT * FROM (${source.select}) l WHERE ${conditions.join(' AND ')}
    ORDER BY ${order} LIMIT ${parameter(options.limit)} OFFSET ${parameter(options.offset)}`;
  return { text, values };
}
