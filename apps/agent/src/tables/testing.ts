import { execFileSync } from 'node:child_process';
import { loadCatalog } from './catalog/catalog.js';
import { QueryEngine, type QueryLimits } from './engine/engine.js';
import { type Row, type Table } from './engine/table.js';
import { TABLES } from './registry.js';

const LIMITS: QueryLimits = { milliseconds: 20_000, rows: 1_000_000 };

/** Asks an engine of the tests' own; rows by column names, NULL as null. */
export type Ask = (sql: string) => Record<string, string | null>[];

/** For specs of tables: the real tables of this machine, in this process. */
export async function openTables(tables: readonly Table[] = TABLES): Promise<Ask & { warnings(): string[] }> {
  const engine = await QueryEngine.open(tables);
  const ask: Ask = (sql) => {
    const { columns, rows } = engine.prepare(sql, LIMITS);
    return [...rows].map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i] ?? null])));
  };
  return Object.assign(ask, { warnings: () => engine.lastWarnings });
}

/** What an independent program of the machine says, in lines; null when there is no such program. */
export function program(command: string, ...args: string[]): string[] | null {
  try {
    const text = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    return text.split('\n').filter((line) => line !== '');
  } catch (error) {
    // Where a directory of the path may not be searched, it is as good as missing.
    if (['ENOENT', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

/** What of a row the catalogue does not have so on a platform: columns that it does not know or hides there, values of another type. */
export function strangeIn(name: string, row: Row, platform: NodeJS.Platform = process.platform): unknown[] {
  const columns = new Map(
    loadCatalog(platform)
      .get(name)
      ?.columns.map((column) => [column.name, column.type]),
  );
  // SQLite does not convert what a table gives: a text in a column of numbers would equal no number, nor the other way round.
  return Object.entries(row).filter(([column, value]) => {
    const type = columns.get(column);
    if (type === undefined) return true;
    return value !== null && value !== undefined && (typeof value === 'string') !== (type === 'TEXT');
  });
}

/** What the tables of `mac` have now. */
const given = new Map<string, readonly Row[]>();
let mac: Promise<QueryEngine> | null = null;

/** What `select *` says on a Mac of a table that has these rows; each of them has to be as the catalogue has it. */
export async function onMac(
  name: string,
  rows: Iterable<Row | null>,
): Promise<Record<string, string | null>[]> {
  const real = [...rows].filter((row) => row !== null);
  const strange = real.flatMap((row) => strangeIn(name, row, 'darwin'));
  if (strange.length > 0) throw new Error(`${name} of macOS has no such columns: ${JSON.stringify(strange)}`);
  const catalog = loadCatalog('darwin');
  const tables = [...catalog.keys()].map((one): Table => ({
    name: one,
    platforms: ['darwin'],
    rows: () => given.get(one) ?? [],
  }));
  mac ??= QueryEngine.open(tables, { platform: 'darwin' });
  const required = catalog.get(name)?.columns.find((column) => column.required)?.name;
  const values = new Set(real.map((row) => `'${String(row[required ?? ''])}'`));
  const where = required ? `where "${required}" in (${[...values].join(', ')})` : '';
  given.set(name, real);
  const { columns, rows: answers } = (await mac).prepare(`select * from "${name}" ${where}`, LIMITS);
  return [...answers].map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? null])));
}
