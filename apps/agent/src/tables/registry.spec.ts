import { loadCatalog } from './catalog/catalog.js';
import { type ScanContext } from './engine/table.js';
import { QueryEngine } from './engine/engine.js';
import { TABLES } from './registry.js';
import { strangeIn } from './testing.js';

const SCAN: ScanContext = { equals: () => null, like: () => [], uses: () => true, warn: () => undefined };
const ROWS = 200;

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
    let count = 0;
    for (const row of table.rows(SCAN)) {
      expect(strangeIn(name, row)).toEqual([]);
      if (++count >= ROWS) break;
    }
  },
);

it('answers of a Mac without the programs and files that its tables read, with nothing rather than a failure', async () => {
  const engine = await QueryEngine.open(TABLES, { platform: 'darwin' });
  const catalog = loadCatalog('darwin');
  for (const { name } of TABLES.filter(({ platforms }) => platforms.includes('darwin'))) {
    const required = catalog.get(name)?.columns.filter((column) => column.required) ?? [];
    const where = required.map((column) => `"${column.name}" = '/nowhere'`).join(' or ') || '1';
    const { rows } = engine.prepare(`select * from "${name}" where ${where} limit 10`, {
      milliseconds: 20_000,
      rows: 1_000,
    });
    expect([name, [...rows].length <= 10]).toEqual([name, true]);
  }
  engine.close();
});

it('serves nothing on a platform where osquery does not have it', () => {
  for (const { name, platforms } of TABLES)
    expect([name, platforms.filter((one) => !CATALOG.get(name)?.platforms.includes(one))]).toEqual([
      name,
      [],
    ]);
});
