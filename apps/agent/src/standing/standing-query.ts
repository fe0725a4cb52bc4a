import { Limits } from '#libs/protocol/index';
import { DEFAULT_LIMITS, type QueryLimits, type QueryOutcome, type Runner } from '../tables/query/query.js';
import { type Row } from './differ.js';

/** All that a query yielded, or why it did not. */
export type QueryResult =
  | { readonly ok: true; readonly columns: readonly string[]; readonly rows: readonly Row[] }
  | { readonly ok: false; readonly error: string };

const CHECK_LIMITS: QueryLimits = { ...DEFAULT_LIMITS, rows: 1 };
const REPORT_LIMITS: QueryLimits = { ...DEFAULT_LIMITS, rowBytes: Limits.reportBytes };

/**
 * Whether a query yields a row; null: it failed.
 * @returns undefined when the signal ended it
 */
export async function yieldsRow(
  runner: Runner,
  sql: string,
  signal: AbortSignal,
): Promise<boolean | null | undefined> {
  let found = false;
  const sink = {
    columns: () => undefined,
    rows: (rows: readonly Row[]) => {
      found ||= rows.length > 0;
    },
  };
  const { kind } = await runner.run(sql, sink, CHECK_LIMITS, signal);
  if (kind === 'cancelled') return undefined;
  // More rows than the one that is enough.
  if (kind === 'rows') return true;
  return kind === 'answered' ? found : null;
}

/** All rows of a query. @returns undefined when the signal ended it */
export async function rowsOf(
  runner: Runner,
  sql: string,
  signal: AbortSignal,
): Promise<QueryResult | undefined> {
  const tooLarge = new AbortController();
  let columns: readonly string[] = [];
  let bytes = 0;
  const rows: Row[] = [];
  const sink = {
    columns: (names: readonly string[]) => {
      columns = names;
      bytes += Buffer.byteLength(JSON.stringify(names));
    },
    rows: (some: readonly Row[]) => {
      bytes += Buffer.byteLength(JSON.stringify(some));
      if (bytes > Limits.reportBytes) tooLarge.abort();
      else rows.push(...some);
    },
  };
  const outcome = await runner.run(sql, sink, REPORT_LIMITS, AbortSignal.any([signal, tooLarge.signal]));
  if (tooLarge.signal.aborted || bytes > Limits.reportBytes)
    return { ok: false, error: `the result has more than ${Limits.reportBytes} bytes: select less` };
  if (outcome.kind === 'cancelled') return undefined;
  return outcome.kind === 'answered' ? { ok: true, columns, rows } : { ok: false, error: wordsOf(outcome) };
}

function wordsOf({ kind, error }: QueryOutcome): string {
  return (error ?? kind).slice(0, 4096);
}
