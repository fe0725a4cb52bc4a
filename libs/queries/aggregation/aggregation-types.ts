/** Whose rows they are: three columns of `results` beside what the host answered. */
export interface AggregateHost {
  readonly id: number;
  readonly hostname: string;
  readonly displayName: string;
}

/** Cells as in an answer: everything a text, NULL as null. */
export type AggregateRow = readonly (string | null)[];

/** Why there is no result, in SQLite's own words or ours: `killed: time`, `more than 10000 rows`. */
export interface AggregateFailure {
  readonly error: string;
}

/** What the aggregate makes of all rows so far: integers in decimal, reals as SQLite prints them. */
export type AggregateResult =
  { readonly columns: readonly string[]; readonly rows: readonly AggregateRow[] } | AggregateFailure;

/** Bounds of one aggregation. */
export interface AggregationLimits {
  /** For one evaluation over stored rows. */
  readonly milliseconds: number;
  /** For stored rows and their evaluation, in a process of its own. */
  readonly memoryBytes: number;
  /** Of the result. */
  readonly rows: number;
  /** Groups kept by an incremental aggregation; each value that DISTINCT tells apart counts as one. */
  readonly groups: number;
  /** Of text in these groups, in bytes of this process. */
  readonly groupBytes: number;
}

export const AGGREGATION_LIMITS: AggregationLimits = {
  milliseconds: 60_000,
  memoryBytes: 256 * 1024 * 1024,
  rows: 10_000,
  groups: 20_000,
  groupBytes: 32 * 1024 * 1024,
};

/**
 * A SELECT over the table `results`: all rows of all hosts so far, with the union of their columns (NULL where a host
 * has none; names without regard to ASCII case, the last of two that are alike) and `host_id`, `host_hostname`,
 * `host_display_name`, which win over columns of those names. A canonical decimal integer of 64 bits is an INTEGER, everything
 * else TEXT. Columns have no declared type, so SQLite converts nothing in comparisons: `pid = '42'` is false.
 */
export interface Aggregation {
  /** `incremental`: state per group, in this process; `stored`: all rows, in SQLite in a process of its own. */
  readonly kind: 'incremental' | 'stored';
  /**
   * Takes rows of one host, each as long as `columns`; also without rows the columns are known from then on. Wait for it before
   * the next, so that no more rows are on their way than the store takes. Never throws: what goes wrong is the error of every result after it.
   */
  add(columns: readonly string[], rows: readonly AggregateRow[], host: AggregateHost): void | Promise<void>;
  /** The exact result over all rows added before. Never rejects. After a limit was passed every result is that error. */
  result(): Promise<AggregateResult>;
  /** Ends its process, frees its rows. */
  close(): void;
}
