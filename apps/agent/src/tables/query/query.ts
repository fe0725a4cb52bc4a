import { type QueryLimits as EngineLimits } from '../engine/engine.js';

/** Bounds of one query. The time in which its reader holds it up does not count. */
export interface QueryLimits extends EngineLimits {
  /** Bytes that its process may need beyond what it began with. */
  readonly memoryBytes: number;
  /** Bytes that the values of one row may have, as UTF-8; no bound where it is missing. */
  readonly rowBytes?: number;
}

export const DEFAULT_LIMITS: QueryLimits = {
  milliseconds: 60_000,
  memoryBytes: 256 * 1024 * 1024,
  rows: 100_000,
};

/**
 * `time`, `memory`, `rows`: it was stopped at that limit. `denied`: the policy of the host's operator forbids it. `cancelled`: whoever asked does
 * not want it any more.
 */
export type QueryEndKind = 'answered' | 'error' | 'time' | 'memory' | 'rows' | 'denied' | 'cancelled';

/** What a query cost. */
export interface QueryCost {
  readonly rows: number;
  /** Without the time in which it waited for its turn or its reader. */
  readonly milliseconds: number;
  /** Processor time, milliseconds; 0 where it cannot be told. */
  readonly userMs: number;
  readonly systemMs: number;
  /** Most memory that the process had, bytes. */
  readonly peakBytes: number;
  /** What could not be read, each once. */
  readonly warnings: readonly string[];
}

/** How a query ended. */
export interface QueryOutcome {
  readonly kind: QueryEndKind;
  /** null when it was answered; else SQLite's or osquery's own words, or `killed: time`, `killed: memory`. */
  readonly error: string | null;
  readonly stats: QueryCost;
}

/** Takes what a query answers. The next rows are computed when the promise has resolved. */
export interface QuerySink {
  columns(columns: readonly string[]): void;
  rows(rows: readonly (readonly (string | null)[])[]): Promise<void> | void;
}

/** Whoever answers queries: our own tables, or osquery. Answers some at once; the others wait in the order of coming. */
export interface Runner {
  /**
   * Never rejects: whatever goes wrong is the outcome. The sink has been given everything when this resolves.
   * @param signal ends it as `cancelled`: the process of a query that runs is killed, one that waits leaves the queue
   */
  run(sql: string, sink: QuerySink, limits: QueryLimits, signal?: AbortSignal): Promise<QueryOutcome>;
  /** Ends every process; queries under way end as `cancelled`. */
  close(): void;
}

/** Queries that one runner answers at once. */
export const QUERIES_AT_ONCE = 4;

/** The outcome of a query that never ran: with an error, because it could not; else because nobody wants it any more. */
export function neverRan(error?: string): QueryOutcome {
  const stats = { rows: 0, milliseconds: 0, userMs: 0, systemMs: 0, peakBytes: 0, warnings: [] };
  return { kind: error === undefined ? 'cancelled' : 'error', error: error ?? 'cancelled', stats };
}

/** Says that a row is larger than `limits.rowBytes`; null when it is not. */
export function rowTooLarge(
  row: readonly (string | null)[],
  limits: Pick<QueryLimits, 'rowBytes'>,
  number: number,
): string | null {
  const { rowBytes = Infinity } = limits;
  let length = 0;
  for (const value of row) length += value?.length ?? 0;
  // No character of a string takes more than three bytes: most rows need not be measured.
  if (length * 3 <= rowBytes) return null;
  const bytes = bytesOf(row);
  return bytes <= rowBytes
    ? null
    : `row ${number} has ${bytes} bytes, and a row can have ${rowBytes}: select less of it`;
}

/** Bytes of the values of a row, as UTF-8. */
export function bytesOf(row: readonly (string | null)[]): number {
  let bytes = 0;
  for (const value of row) if (value !== null) bytes += Buffer.byteLength(value);
  return bytes;
}
