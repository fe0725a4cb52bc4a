import { execFileSync } from 'node:child_process';
import { QueryEngine, type QueryLimits } from './engine/engine.js';
import { type Table } from './engine/table.js';
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
