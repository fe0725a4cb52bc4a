import { fold, HOST_COLUMNS } from '../results-table.js';
import { valueKey } from '../value.js';
import { compile, type Evaluate } from './evaluate.js';
import { NotIncremental } from './lexer.js';
import {
  type AggregateExpression,
  type AggregateName,
  type ColumnExpression,
  type Expression,
  type Select,
} from './syntax.js';

/** How a SELECT is computed group by group. */
export interface Plan {
  /** The columns that it looks at, roughly in the order in which SQLite looks for them; a row's record has their values. */
  readonly columns: readonly ColumnExpression[];
  /** Over a row's record, as `keys` and the operands of `aggregates`. */
  readonly where: Evaluate | null;
  readonly keys: readonly Evaluate[];
  readonly aggregates: readonly AggregatePlan[];
  /** Whether there is a group without any row: an aggregate of everything. */
  readonly alwaysOneGroup: boolean;
  /** Groups come in the order of their keys; else as they were found. */
  readonly sorted: boolean;
  /** Over a group's record (its keys, then its aggregates), as all that follows. */
  readonly output: readonly Evaluate[];
  /** What HAVING asks of the keys: SQLite lets it go before WHERE, so that no aggregate of such a group is computed, or fails. */
  readonly keyConditions: readonly Evaluate[];
  /** All else in HAVING; all of these have to be true. */
  readonly conditions: readonly Evaluate[];
  readonly order: readonly OrderPlan[];
  /** Of equal rows of the result the first stays. */
  readonly distinct: boolean;
  readonly limit: number;
  readonly offset: number;
  /** The result's columns; `column`: named as that column of `results` is, folded. */
  readonly names: readonly ({ readonly text: string } | { readonly column: string })[];
  /** Names that were taken for those of the result's columns, and mean others when an answer brings such a column. Folded. */
  readonly assumedAliases: ReadonlySet<string>;
}

export interface AggregatePlan {
  readonly name: AggregateName;
  readonly distinct: boolean;
  /** Null: every row counts. */
  readonly operand: Evaluate | null;
}

export interface OrderPlan {
  readonly value: Evaluate;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/**
 * Finds out whether a SELECT can be computed from what is kept per group.
 * @param names of the result's columns, as SQLite gives them
 * @returns null when it cannot
 */
export function planSelect(select: Select, names: readonly string[]): Plan | null {
  try {
    return new Planner(select).plan(names);
  } catch (error) {
    if (error instanceof NotIncremental) return null;
    throw error;
  }
}

class Planner {
  private readonly columns = new Map<string, ColumnExpression>();
  /** Those of the list after SELECT, by name: whoever bears one of them elsewhere is that column. */
  private readonly selected = new Set<string>();
  private readonly assumed = new Set<string>();
  private readonly keyIndex = new Map<string, number>();
  private keyCount = 0;
  private readonly aggregates = new Map<string, AggregateExpression>();

  constructor(private readonly select: Select) {}

  plan(names: readonly string[]): Plan {
    const { select } = this;
    const listed = select.columns.map(({ expression }) => this.resolve(expression, null));
    for (const name of this.columns.keys()) this.selected.add(name);
    const having = select.having && this.resolve(select.having, listed);
    const where = select.where && this.resolve(select.where, listed);
    const order = select.orderBy.map((term) => ({
      ...term,
      resolved: this.orderTerm(term.expression, listed),
    }));
    const groupBy = select.groupBy.map((term) => this.ordinal(term, listed) ?? this.resolve(term, listed));
    const aggregate = [...listed, having].some((expression) => expression && hasAggregate(expression));
    const grouped = groupBy.length > 0 || aggregate;
    if (!grouped && !select.distinct) throw new NotIncremental('rows as they are');
    const keys = grouped ? groupBy : listed;
    this.keyCount = keys.length;
    keys.forEach((key, index) => {
      if (!this.keyIndex.has(canonical(key))) this.keyIndex.set(canonical(key), index);
    });
    const output = listed.map((expression) => this.kept(expression));
    const orderValues = order.map((term) => this.kept(term.resolved));
    const ofKeys = (condition: Expression): boolean =>
      groupBy.length > 0 && !hasAggregate(condition) && !isZero(condition);
    const conditions = having ? conjuncts(having) : [];
    const keyConditions = conditions.filter(ofKeys).map((condition) => this.kept(condition));
    const otherConditions = conditions
      .filter((condition) => !ofKeys(condition))
      .map((condition) => this.kept(condition));
    const slots = [...this.columns.keys()];
    const overRow = (expression: Expression): Evaluate =>
      compile(expression, (leaf) => (leaf.type === 'column' ? slots.indexOf(leaf.name) : fail()));
    const overGroup = (expression: Expression): Evaluate =>
      compile(expression, (leaf) => (leaf.type === 'kept' ? leaf.index : fail()));
    return {
      columns: [...this.columns.values()],
      where: where && overRow(where),
      keys: keys.map(overRow),
      aggregates: [...this.aggregates.values()].map(({ name, distinct, operand }) => ({
        name,
        distinct,
        operand: operand && overRow(operand),
      })),
      alwaysOneGroup: grouped && groupBy.length === 0,
      sorted: grouped,
      output: output.map(overGroup),
      keyConditions: keyConditions.map(overGroup),
      conditions: otherConditions.map(overGroup),
      order: order.map(({ descending, nullsFirst }, index) => ({
        value: overGroup(orderValues[index] ?? fail()),
        descending,
        nullsFirst,
      })),
      distinct: select.distinct && grouped,
      limit: select.limit,
      offset: select.offset,
      names: names.map((text, index) => {
        const column = select.columns[index];
        return column?.alias === null && column.expression.type === 'column'
          ? { column: column.expression.name }
          : { text };
      }),
      assumedAliases: this.assumed,
    };
  }

  /** A term of ORDER BY: a plain name is first that of a column of the result, only then of `results`. */
  private orderTerm(term: Expression, listed: readonly Expression[]): Expression {
    const ordinal = this.ordinal(term, listed);
    if (ordinal) return ordinal;
    if (term.type === 'column' && term.table === null) {
      const index = this.aliasIndex(term.name);
      if (index >= 0) return listed[index] ?? fail();
    }
    return this.resolve(term, listed);
  }

  /** `GROUP BY 1`: the first column of the result. Null for what is no integer. */
  private ordinal(term: Expression, listed: readonly Expression[]): Expression | null {
    if (isSigned(term)) throw new NotIncremental('an ordinal with a sign');
    if (term.type !== 'literal' || typeof term.value !== 'bigint') return null;
    return listed[Number(term.value) - 1] ?? fail();
  }

  private aliasIndex(name: string): number {
    return this.select.columns.findIndex(({ alias }) => alias !== null && fold(alias) === name);
  }

  /**
   * Looks up the columns of an expression.
   * @param listed what aliases stand for; null where there are none
   */
  private resolve(expression: Expression, listed: readonly Expression[] | null): Expression {
    return mapExpression(expression, (leaf) => {
      if (leaf.type !== 'column') return undefined;
      if (leaf.table !== null && leaf.table !== this.select.table) throw new NotIncremental('another table');
      const index = leaf.table === null && listed ? this.aliasIndex(leaf.name) : -1;
      const certain = this.selected.has(leaf.name) || HOST_COLUMNS.some((name) => name === leaf.name);
      if (listed && index >= 0 && !certain) {
        this.assumed.add(leaf.name);
        return listed[index] ?? fail();
      }
      if (!this.columns.has(leaf.name)) this.columns.set(leaf.name, leaf);
      return { ...leaf, table: null, written: '' };
    });
  }

  /** The same over a group's record. @throws NotIncremental for a column of some row of the group */
  private kept(expression: Expression): Expression {
    return mapExpression(expression, (part) => {
      const key = this.keyIndex.get(canonical(part));
      if (key !== undefined) return { type: 'kept', index: key };
      if (part.type === 'column') throw new NotIncremental('a column of any row');
      if (part.type !== 'aggregate') return undefined;
      const name = canonical(part);
      if (!this.aggregates.has(name)) this.aggregates.set(name, part);
      return { type: 'kept', index: this.keyCount + [...this.aggregates.keys()].indexOf(name) };
    });
  }
}

/** The parts of a condition that all have to be true. */
function conjuncts(condition: Expression): Expression[] {
  if (condition.type !== 'binary' || condition.operator !== 'and') return [condition];
  return [...conjuncts(condition.left), ...conjuncts(condition.right)];
}

function isZero(expression: Expression): boolean {
  return expression.type === 'literal' && expression.value === 0n;
}

/** Whether it is an integer behind signs; a text behind one is a value as any other. */
function isSigned(term: Expression): boolean {
  if (term.type !== 'unary' || term.operator === 'not') return false;
  const { operand } = term;
  return (operand.type === 'literal' && typeof operand.value === 'bigint') || isSigned(operand);
}

function fail(): never {
  throw new NotIncremental('not understood');
}

/** Replaces the parts for which `replace` knows something else, from the outside in. */
function mapExpression(
  expression: Expression,
  replace: (part: Expression) => Expression | undefined,
): Expression {
  const replaced = replace(expression);
  if (replaced) return replaced;
  const inner = (part: Expression): Expression => mapExpression(part, replace);
  switch (expression.type) {
    case 'literal':
    case 'column':
    case 'kept':
      return expression;
    case 'unary':
    case 'like':
      return { ...expression, operand: inner(expression.operand) };
    case 'binary':
      return { ...expression, left: inner(expression.left), right: inner(expression.right) };
    case 'in':
      return { ...expression, operand: inner(expression.operand), list: expression.list.map(inner) };
    case 'between':
      return {
        ...expression,
        operand: inner(expression.operand),
        low: inner(expression.low),
        high: inner(expression.high),
      };
    case 'case':
      return {
        ...expression,
        tested: expression.tested && inner(expression.tested),
        branches: expression.branches.map(({ when, then }) => ({ when: inner(when), then: inner(then) })),
        otherwise: inner(expression.otherwise),
      };
    case 'call':
      return { ...expression, operands: expression.operands.map(inner) };
    case 'aggregate':
      return { ...expression, operand: expression.operand && inner(expression.operand) };
  }
}

function hasAggregate(expression: Expression): boolean {
  let found = false;
  mapExpression(expression, (part) => {
    found ||= part.type === 'aggregate';
    return undefined;
  });
  return found;
}

/** A text that equal expressions share. */
function canonical(expression: Expression): string {
  return JSON.stringify(expression, (_, part: unknown) =>
    typeof part === 'bigint' || typeof part === 'number' ? `${typeof part} ${valueKey(part)} ${part}` : part,
  );
}
