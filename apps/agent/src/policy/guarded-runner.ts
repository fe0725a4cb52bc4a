import {
  neverRan,
  type QueryLimits,
  type QueryOutcome,
  type QuerySink,
  type Runner,
} from '../tables/query/query.js';
import { type PolicyGuard } from './policy-guard.js';

const NOBODY_CAN_SAY = "denied by the agent's policy: it cannot be followed, and so no table is read";

/** Queries as far as the policy lets them: not at all, or without the tables that it denies. */
export class GuardedRunner implements Runner {
  /** @param standing what nobody asks for at that moment */
  constructor(
    private readonly runner: Runner,
    private readonly policy: PolicyGuard,
    private readonly standing: boolean,
  ) {}

  /** See `Runner`. */
  async run(sql: string, sink: QuerySink, limits: QueryLimits, signal?: AbortSignal): Promise<QueryOutcome> {
    const denial = this.policy.deniesQuery(this.standing);
    if (denial !== null) return { ...neverRan(denial), kind: 'denied' };
    const deniedTables = this.policy.deniedTables();
    if (deniedTables === null) return { ...neverRan(NOBODY_CAN_SAY), kind: 'denied' };
    return this.runner.run(sql, sink, { ...limits, deniedTables }, signal);
  }

  /** Ends every process; queries under way end as `cancelled`. */
  close(): void {
    this.runner.close();
  }
}
