/** A row as it travels: values in the order of the columns. */
export type Row = readonly (string | null)[];

/** What has changed from one result to the next. */
export interface Difference {
  readonly added: Row[];
  readonly removed: Row[];
}

/** Rows are compared as a whole, and counted: two equal ones instead of one are one added. Order does not matter. */
export function differenceOf(before: readonly Row[], now: readonly Row[]): Difference {
  const counts = new Map<string, { row: Row; count: number }>();
  for (const row of before) {
    const key = JSON.stringify(row);
    const known = counts.get(key);
    if (known === undefined) counts.set(key, { row, count: 1 });
    else known.count += 1;
  }
  const added: Row[] = [];
  for (const row of now) {
    const known = counts.get(JSON.stringify(row));
    if (known === undefined || known.count === 0) added.push(row);
    else known.count -= 1;
  }
  const removed = [...counts.values()].flatMap(({ row, count }) => Array.from({ length: count }, () => row));
  return { added, removed };
}
