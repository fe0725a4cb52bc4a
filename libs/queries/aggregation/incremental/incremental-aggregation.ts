import {
  type Aggregation,
  type AggregateHost,
  type AggregateResult,
  type AggregateRow,
  type AggregationLimits,
} from '../aggregation-types.js';
import { HOST_COLUMNS, hostCells, ResultsTable, TOO_MANY_COLUMNS } from '../results-table.js';
import { cellValue, compareValues, truth, valueKey, valueText, type Value } from '../value.js';
import { accumulator, EvaluationError, type Accumulator, type Room } from './accumulators.js';
import { type OrderPlan, type Plan } from './plan.js';

interface Group {
  /** Of its first row. */
  readonly keys: readonly Value[];
  readonly states: readonly Accumulator[];
}

/** A group that HAVING let through. */
interface Line {
  readonly row: readonly Value[];
  readonly order: readonly Value[];
}

/** What a group costs beside its texts, in characters. */
const GROUP_OVERHEAD = 200;
const BYTES_PER_CHARACTER = 2;

/** Keeps per group what its aggregates need. A row costs the same however many came before, a result what the groups cost. */
export class IncrementalAggregation implements Aggregation {
  readonly kind = 'incremental';
  private readonly table = new ResultsTable();
  private readonly groups = new Map<string, Group>();
  private readonly room: Room;
  private ended: string | null = null;

  constructor(
    private readonly plan: Plan,
    private readonly limits: AggregationLimits,
  ) {
    let entries = 0;
    let characters = 0;
    this.room = {
      take(more, text) {
        entries += more;
        characters += text;
        if (entries > limits.groups)
          throw new EvaluationError(
            `more than ${limits.groups} groups and distinct values: group by something coarser`,
          );
        if (characters * BYTES_PER_CHARACTER > limits.groupBytes)
          throw new EvaluationError(
            `the groups need more than ${limits.groupBytes} bytes: group by something shorter`,
          );
      },
    };
    if (plan.alwaysOneGroup) this.groups.set('', this.newGroup([], ''));
  }

  add(columns: readonly string[], rows: readonly AggregateRow[], host: AggregateHost): void {
    if (this.ended !== null) return;
    try {
      this.take(columns, rows, host);
    } catch (error) {
      if (!(error instanceof EvaluationError)) throw error;
      this.end(error.message);
    }
  }

  async result(): Promise<AggregateResult> {
    if (this.ended !== null) return { error: this.ended };
    const missing = this.plan.columns.find(({ name }) => this.table.place(name) === undefined);
    if (missing) return { error: `no such column: ${missing.written}` };
    try {
      const columns = this.plan.names.map((name) =>
        'text' in name ? name.text : (this.table.names[this.table.place(name.column) ?? -1] ?? ''),
      );
      return { columns, rows: this.rows() };
    } catch (error) {
      if (error instanceof EvaluationError) return { error: error.message };
      throw error;
    }
  }

  close(): void {
    this.end('the aggregation is closed');
  }

  private end(error: string): void {
    this.ended = error;
    this.groups.clear();
  }

  private take(columns: readonly string[], rows: readonly AggregateRow[], host: AggregateHost): void {
    const placement = this.table.extend(columns);
    if (!placement) throw new EvaluationError(TOO_MANY_COLUMNS);
    for (const alias of this.plan.assumedAliases) {
      if (this.table.place(alias) === undefined) continue;
      throw new EvaluationError(
        `${alias} is a column of the answers and a name that the aggregate gives: choose another name for it there`,
      );
    }
    const own = hostCells(host);
    const sources = this.plan.columns.map(({ name }) => {
      const place = this.table.place(name) ?? -1;
      // A place before the host's columns' end is the host's own; of others the answer may have none.
      return place >= 0 && place < HOST_COLUMNS.length
        ? { own: own[place] ?? null, index: -1 }
        : { own: null, index: place < 0 ? -1 : placement.places.indexOf(place) };
    });
    for (const row of rows) {
      const record = sources.map((source) =>
        source.index < 0 ? source.own : cellValue(row[source.index] ?? null),
      );
      if (this.plan.where && truth(this.plan.where(record)) !== true) continue;
      const { states } = this.groupOf(record);
      this.plan.aggregates.forEach(({ operand }, index) =>
        states[index]?.add(operand ? operand(record) : 1n),
      );
    }
  }

  private groupOf(record: readonly Value[]): Group {
    const keys = this.plan.keys.map((key) => key(record));
    const name = keys.map(valueKey).join();
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = this.newGroup(keys, name)));
    return group;
  }

  private newGroup(keys: readonly Value[], name: string): Group {
    this.room.take(1, 2 * name.length + GROUP_OVERHEAD * (1 + this.plan.aggregates.length));
    return {
      keys,
      states: this.plan.aggregates.map((plan) => accumulator(plan.name, plan.distinct, this.room)),
    };
  }

  /** HAVING, then DISTINCT, ORDER BY, OFFSET and LIMIT. */
  private rows(): (string | null)[][] {
    const { order, limit, offset } = this.plan;
    if (limit === 0) return [];
    const end = limit < 0 ? Infinity : offset + limit;
    const lines: Line[] = [];
    for (const line of this.lines()) {
      lines.push(line);
      // Like SQLite: what lies beyond the limit is not computed, and cannot fail.
      if (order.length === 0 && lines.length >= end) break;
    }
    if (order.length > 0) lines.sort((left, right) => compareLines(order, left, right));
    const chosen = lines.slice(offset, end);
    if (chosen.length > this.limits.rows) throw new EvaluationError(`more than ${this.limits.rows} rows`);
    return chosen.map(({ row }) => row.map(valueText));
  }

  private *lines(): Iterable<Line> {
    const { keyConditions, conditions, output, order, distinct } = this.plan;
    const seen = new Set<string>();
    for (const group of this.inOrder()) {
      if (!keyConditions.every((condition) => truth(condition(group.keys)))) continue;
      const record = [...group.keys, ...group.states.map((state) => state.value())];
      if (!conditions.every((condition) => truth(condition(record)))) continue;
      const row = output.map((value) => value(record));
      if (distinct) {
        const name = row.map(valueKey).join();
        if (seen.has(name)) continue;
        seen.add(name);
      }
      yield { row, order: order.map(({ value }) => value(record)) };
    }
  }

  private inOrder(): Group[] {
    const groups = [...this.groups.values()];
    if (!this.plan.sorted) return groups;
    return groups.sort((left, right) => {
      for (let i = 0; i < left.keys.length; i++) {
        const order = compareValues(left.keys[i] ?? null, right.keys[i] ?? null);
        if (order !== 0) return order;
      }
      return 0;
    });
  }
}

function compareLines(order: readonly OrderPlan[], left: Line, right: Line): number {
  for (const [index, { descending, nullsFirst }] of order.entries()) {
    const a = left.order[index] ?? null;
    const b = right.order[index] ?? null;
    if (a === null && b === null) continue;
    if (a === null || b === null) return (a === null) === nullsFirst ? -1 : 1;
    const compared = compareValues(a, b);
    if (compared !== 0) return descending ? -compared : compared;
  }
  return 0;
}
