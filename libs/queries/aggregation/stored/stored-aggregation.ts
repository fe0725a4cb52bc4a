import {
  type Aggregation,
  type AggregateHost,
  type AggregateResult,
  type AggregateRow,
} from '../aggregation-types.js';
import { ResultsTable, TOO_MANY_COLUMNS } from '../results-table.js';
import { type StoreProcess } from './store-process.js';

/** Keeps all rows in SQLite and asks it anew for each result: for every SELECT that SQLite understands. */
export class StoredAggregation implements Aggregation {
  readonly kind = 'stored';
  private readonly table = new ResultsTable();
  private ended: string | null = null;

  /** @param store one that has checked its statement */
  constructor(private readonly store: StoreProcess) {}

  async add(columns: readonly string[], rows: readonly AggregateRow[], host: AggregateHost): Promise<void> {
    if (this.ended !== null) return;
    const placement = this.table.extend(columns);
    if (placement) return this.store.add(placement, rows, host);
    this.ended = TOO_MANY_COLUMNS;
    this.close();
  }

  async result(): Promise<AggregateResult> {
    return this.ended === null ? this.store.evaluate() : { error: this.ended };
  }

  close(): void {
    this.ended ??= 'the aggregation is closed';
    this.store.kill();
  }
}
