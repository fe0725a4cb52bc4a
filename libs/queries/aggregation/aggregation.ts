import { AGGREGATION_LIMITS, type Aggregation, type AggregationLimits } from './aggregation-types.js';
import { IncrementalAggregation } from './incremental/incremental-aggregation.js';
import { parseSelect } from './incremental/parser.js';
import { planSelect } from './incremental/plan.js';
import { StoredAggregation } from './stored/stored-aggregation.js';
import { StoreProcess } from './stored/store-process.js';

/**
 * Begins the aggregation of a campaign; about a fifth of a second, in which SQLite reads the statement in a process of its own.
 * @throws DomainError invalid (field `aggregate`): not a single SELECT that SQLite understands, in its words. A column that no row has is
 *   no error here but one of the results, for as long as no answer has brought it
 */
export async function createAggregation(
  sql: string,
  limits: AggregationLimits = AGGREGATION_LIMITS,
): Promise<Aggregation> {
  const store = new StoreProcess(sql, limits);
  try {
    const names = await store.check();
    const select = parseSelect(sql);
    const plan = select && planSelect(select, names);
    if (!plan) return new StoredAggregation(store);
    store.kill();
    return new IncrementalAggregation(plan, limits);
  } catch (error) {
    store.kill();
    throw error;
  }
}

/** Only looks whether the statement can be an aggregate. @throws DomainError as `createAggregation` */
export async function checkAggregate(
  sql: string,
  limits: AggregationLimits = AGGREGATION_LIMITS,
): Promise<void> {
  (await createAggregation(sql, limits)).close();
}
