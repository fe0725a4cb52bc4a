import { type AggregateHost, type AggregateRow } from '../aggregation-types.js';

/** What the server says to the process that keeps the rows; each is answered with one `FromStore`, in order. */
export type ToStore =
  /** Always the first. Answered with `checked`: the names of the result's columns. */
  | { readonly t: 'check'; readonly sql: string }
  | {
      readonly t: 'add';
      /** Columns that `results` has from now on, as in `Placement`. */
      readonly added: readonly string[];
      readonly places: readonly number[];
      readonly rows: readonly AggregateRow[];
      readonly host: AggregateHost;
    }
  | { readonly t: 'evaluate'; readonly rows: number };

/** What it says of its own accord: once, when SQLite is loaded. */
export interface StoreReady {
  readonly t: 'ready';
}

/** What it answers. */
export type FromStore =
  | { readonly t: 'checked'; readonly columns: readonly string[] }
  | { readonly t: 'added' }
  | { readonly t: 'result'; readonly columns: readonly string[]; readonly rows: readonly AggregateRow[] }
  /** `time` and `memory`: it was stopped for its limit. */
  | { readonly t: 'failed'; readonly kind: 'error' | 'time' | 'memory'; readonly message: string };
