import { type ScheduledQuery, type ScheduledReport, type StandingBlock } from '#libs/protocol/index';
import { type AgentLogger } from '../platform/logger.js';
import { type Runner } from '../tables/query/query.js';
import { applies, type ScheduledHost, shareOf } from './applicability.js';
import { differenceOf } from './differ.js';
import { type FindingsSender } from './findings-sender.js';
import { type QueryState, type QueryStates } from './query-states.js';
import { type QueryResult, rowsOf } from './standing-query.js';
import { type Timetable } from './timetable.js';

type Pack = Extract<StandingBlock, { kind: 'pack' }>;

/** One scheduled query of this host. */
interface Planned {
  readonly pack: string;
  readonly query: ScheduledQuery;
  readonly definition: string;
}

const DEFAULT_SPLAY_PERCENT = 10;
/** A query that is new begins within this time, or within its interval: not on all hosts at once. */
const FIRST_RUN_MS = 60_000;

/** Runs the queries of packs at their intervals and reports what they find. */
export class Schedule {
  private readonly planned = new Map<string, Planned>();
  private splay = DEFAULT_SPLAY_PERCENT / 100;

  constructor(
    private readonly timetable: Timetable,
    private readonly sender: FindingsSender,
    private readonly states: QueryStates,
    private readonly runner: Runner,
    private readonly host: ScheduledHost,
    private readonly log: AgentLogger,
    private readonly signal: AbortSignal,
  ) {}

  /** These are the packs from now on. A query that is as it was before keeps its time and its state. */
  define(packs: readonly Pack[]): void {
    const wanted = new Map<string, Planned>();
    for (const pack of packs)
      for (const query of pack.queries.filter((q) => applies(pack, q, this.host)))
        wanted.set(`${pack.pack}/${query.name}`, {
          pack: pack.pack,
          query,
          definition: JSON.stringify([query.sql, query.logging]),
        });
    for (const key of this.planned.keys()) if (!wanted.has(key)) this.drop(key);
    for (const [key, plan] of wanted) {
      const known = this.planned.get(key);
      this.planned.set(key, plan);
      if (JSON.stringify(known?.query) !== JSON.stringify(plan.query)) this.plan(key, plan);
    }
  }

  /** @param percent null: 10 */
  spread(percent: number | null): void {
    this.splay = (percent ?? DEFAULT_SPLAY_PERCENT) / 100;
  }

  private drop(key: string): void {
    this.planned.delete(key);
    this.timetable.delete(timeKey(key));
    this.states.delete(key);
  }

  private plan(key: string, plan: Planned): void {
    const before = this.states.load(key, plan.definition);
    const interval = this.intervalOf(key, plan);
    const now = Date.now();
    // What was due while the agent was away is done soon. A clock that was set back must not put it off for ever.
    const due = Math.min(before === null ? 0 : before.ran_at + interval, now + interval);
    const first = now + Math.min(interval, FIRST_RUN_MS) * Math.random();
    this.timetable.set(timeKey(key), due > now ? due : first, () => this.run(key));
  }

  /** Milliseconds, a little different on each host and always the same on this one. */
  private intervalOf(key: string, { query }: Planned): number {
    const spread = 2 * shareOf(`${this.host.identity}/${key}/splay`) - 1;
    return query.interval * 1000 * (1 + this.splay * spread);
  }

  private async run(key: string): Promise<number | null> {
    const plan = this.planned.get(key);
    if (plan === undefined) return null;
    const at = Date.now();
    const result = await rowsOf(this.runner, plan.query.sql, this.signal);
    // Changed meanwhile, it has a time of its own already.
    if (result === undefined || this.planned.get(key)?.definition !== plan.definition) return null;
    this.settle(key, plan, at, result);
    return at + this.intervalOf(key, plan);
  }

  /** The report first: a crash in between makes it once more, and never loses it. */
  private settle(key: string, plan: Planned, at: number, result: QueryResult): void {
    const { pack, query, definition } = plan;
    const before = this.states.load(key, definition);
    const common = { pack, name: query.name, query_id: query.query_id, at };
    const unchanged = before ?? { counter: -1, columns: [], rows: [] };
    const kept = { counter: unchanged.counter, columns: unchanged.columns, rows: unchanged.rows };
    if (!result.ok) {
      this.log.warn({ query: key, err: result.error }, 'a scheduled query failed');
      this.sender.report({
        ...common,
        counter: Math.max(0, kept.counter),
        columns: [],
        result: { kind: 'failed', error: result.error },
      });
      this.states.save(key, { definition, ran_at: at, ...kept });
    } else if (query.logging === 'snapshot') {
      const rows = result.rows.map((row) => [...row]);
      this.sender.report({
        ...common,
        counter: 0,
        columns: [...result.columns],
        result: { kind: 'snapshot', rows },
      });
      this.states.save(key, { definition, ran_at: at, counter: -1, columns: [], rows: [] });
    } else {
      const { report, state } = difference(query, kept, result);
      if (report !== null) this.sender.report({ ...common, ...report });
      this.states.save(key, { definition, ran_at: at, ...state });
    }
  }
}

type Kept = Pick<QueryState, 'counter' | 'columns' | 'rows'>;

/** What a differential query tells, and what it compares the next result with. A failed run changes neither. */
function difference(
  query: ScheduledQuery,
  before: Kept,
  result: QueryResult & { ok: true },
): { report: Pick<ScheduledReport, 'counter' | 'columns' | 'result'> | null; state: Kept } {
  const columns = [...result.columns];
  const rows = result.rows.map((row) => [...row]);
  // Other columns (`select *` after an upgrade): nothing of before can be compared.
  const isFirst = before.counter < 0 || (rows.length > 0 && before.columns.join() !== columns.join());
  const { added, removed } = differenceOf(isFirst ? [] : before.rows, rows);
  const told = query.logging === 'removed' ? removed.map((row) => [...row]) : [];
  const isNews = added.length > 0 || told.length > 0;
  const counter = isFirst ? 0 : before.counter + (isNews ? 1 : 0);
  const named = columns.length > 0 ? columns : before.columns;
  return {
    report: isNews
      ? {
          counter,
          columns: named,
          result: { kind: 'differential', added: added.map((row) => [...row]), removed: told },
        }
      : null,
    state: { counter, columns: named, rows },
  };
}

function timeKey(key: string): string {
  return `pack/${key}`;
}
