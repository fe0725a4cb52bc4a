import { type QueryLimits as EngineLimits } from '../engine/engine.js';

/** What the agent says to a query process. */
export type ToChild =
  | {
      readonly t: 'query';
      readonly sql: string;
      readonly limits: EngineLimits & { readonly rowBytes?: number };
    }
  /** A chunk of rows has been taken. */
  | { readonly t: 'taken' };

/** Chunks of rows that may be on their way at once: one is computed while another is taken. */
export const CHUNKS_AHEAD = 2;

/** What a query cost, as its process sees it. */
export interface ChildUsage {
  /** Processor time of this query, microseconds. */
  readonly user: number;
  readonly system: number;
  /** Memory that the process has now, bytes. */
  readonly residentBytes: number;
}

/** What a query process answers. */
export type FromChild =
  | { readonly t: 'ready' }
  | { readonly t: 'columns'; readonly columns: readonly string[] }
  /** Answered with `taken`; at most `CHUNKS_AHEAD` of these are on their way. */
  | { readonly t: 'rows'; readonly rows: readonly (readonly (string | null)[])[] }
  | { readonly t: 'end'; readonly warnings: readonly string[]; readonly usage: ChildUsage }
  | {
      readonly t: 'failed';
      readonly kind: 'error' | 'time' | 'memory' | 'rows' | 'denied';
      readonly message: string;
      readonly warnings: readonly string[];
      readonly usage: ChildUsage;
    };
