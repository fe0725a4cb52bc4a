import { loadCatalog } from './catalog/catalog.js';
import { type ScanContext, type Value } from './engine/table.js';
import { QueryEngine } from './engine/engine.js';
import { TABLES } from './registry.js';

const SCAN: ScanContext = { equals: () => null, like: () => [], uses: () => true, warn: () => undefined };
const ROWS = 200;

function fits(value: NonNullable<Value>, type: string): boolean {
  return (typeof value === 'string') === (type === 'TEXT');
}

it('has each table once on a platform, sorted by their names', () => {
  const names = TABLES.map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  for (const platform of ['linux', 'darwin'] as const) {
    const served = TABLES.filter(({ platforms }) => platforms.includes(platform)).map(({ name }) => name);
    expect(served).toEqual([...new Set(served)]);
  }
});

it('opens on every platform', async () => {
  for (const platform of ['linux', 'darwin'] as const) (await QueryEngine.open(TABLES, { platform })).close();
});

const CATALOG = loadCatalog();
const HERE = TABLES.filter(({ name, platforms }) => {
  const required = CATALOG.get(name)?.columns.some((column) => column.required) ?? true;
  return platforms.includes(process.platform) && !required;
});

it.each(HERE.map((table) => [table.name, table] as const))(
  '%s: rows are as the catalogue has them',
  (name, table) => {
    const columns = new Map(CATALOG.get(name)?.columns.map((column) => [column.name, column.type]));
    let count = 0;
    for (const row of table.rows(SCAN)) {
      expect(Object.keys(row).filter((column) => !columns.has(column))).toEqual([]);
      // SQLite does not convert what a table gives: a text in a column of numbers would equal no number, nor the other way round.
      const strange = Object.entries(row).filter(
        ([column, value]) => value !== null && value !== undefined && !fits(value, columns.get(column) ?? ''),
      );
      expect(strange).toEqual([]);
      if (++count >= ROWS) break;
    }
  },
);
