import { loadCatalog } from './catalog/catalog.js';
import { type ScanContext } from './engine/table.js';
import { TABLES } from './registry.js';

/** Enough of what a table has to say to see its columns. */
const SOME_ROWS = 25;
const catalog = loadCatalog();

it('is in the order of names, each once', () => {
  const names = TABLES.map(({ name }) => name);
  expect(names).toEqual([...new Set(names)].sort());
});

it.each(
  TABLES.filter(({ platforms }) => platforms.includes(process.platform)).map((table) => [table.name, table]),
)('%s fills columns of the catalogue only', (name, table) => {
  const columns = catalog.get(name)?.columns ?? [];
  const scan: ScanContext = {
    // Where the query has to name something: a file that every machine has.
    equals: (column) =>
      column === 'path' && columns.some((one) => one.name === 'path' && one.required)
        ? ['/etc/passwd']
        : null,
    like: () => [],
    uses: () => true,
    warn: () => undefined,
  };
  if (columns.some((one) => one.required) && scan.equals('path') === null) return;
  let rows = 0;
  for (const row of table.rows(scan)) {
    expect(columns.map((column) => column.name)).toEqual(expect.arrayContaining(Object.keys(row)));
    if (++rows >= SOME_ROWS) break;
  }
});
