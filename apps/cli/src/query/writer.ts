import { type Aggregate, type HostResult, type Row } from '../api/campaign-shapes.js';

/** Puts what a live query brings on standard output, each in its form. */
export interface ResultWriter {
  add(result: HostResult): Promise<void>;
  /** A better result of the aggregate, instead of the last one. */
  refine(aggregate: Aggregate): Promise<void>;
  /** Nothing more will come. */
  end(): Promise<void>;
}

/** Writes to standard output; resolves when there is room for more. */
export type Print = (text: string) => Promise<void>;

/** Each row also says whose it is; a column of ours says it once. */
const NAMES_OF_HOST = ['host_hostname', 'host_display_name'];

/** The columns that the query asked for. */
export function columnsOf(row: Row): string[] {
  return Object.keys(row).filter((name) => !NAMES_OF_HOST.includes(name));
}

/** Whether two answers have the same columns, in whichever order. */
export function sameColumns(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && some.every((name) => others.includes(name));
}
