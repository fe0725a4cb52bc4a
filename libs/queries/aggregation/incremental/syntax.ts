import { type Value } from '../value.js';

export type BinaryOperator =
  'or' | 'and' | '=' | '<>' | 'is' | 'is not' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | '/' | '||';

export const AGGREGATES = ['count', 'sum', 'total', 'avg', 'min', 'max'] as const;
export type AggregateName = (typeof AGGREGATES)[number];

export const FUNCTIONS = ['lower', 'upper', 'length', 'coalesce', 'ifnull', 'nullif'] as const;
export type FunctionName = (typeof FUNCTIONS)[number];

export type Expression =
  | { readonly type: 'literal'; readonly value: Value }
  | ColumnExpression
  | { readonly type: 'unary'; readonly operator: '-' | '+' | 'not'; readonly operand: Expression }
  | {
      readonly type: 'binary';
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly type: 'in'; readonly operand: Expression; readonly list: readonly Expression[] }
  | {
      readonly type: 'between';
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
    }
  | { readonly type: 'like'; readonly operand: Expression; readonly pattern: string }
  | {
      readonly type: 'case';
      /** Compared with every `when`; null: each of them is a condition. */
      readonly tested: Expression | null;
      readonly branches: readonly { readonly when: Expression; readonly then: Expression }[];
      readonly otherwise: Expression;
    }
  | { readonly type: 'call'; readonly name: FunctionName; readonly operands: readonly Expression[] }
  | AggregateExpression
  /** What stands in a group's record; the parser makes none of these. */
  | { readonly type: 'kept'; readonly index: number };

/** A column of `results`, or in some places the name given to a column of the result. */
export interface ColumnExpression {
  readonly type: 'column';
  /** Folded. */
  readonly name: string;
  /** Before the point, folded. */
  readonly table: string | null;
  /** As SQLite writes it when there is no such column. */
  readonly written: string;
}

export interface AggregateExpression {
  readonly type: 'aggregate';
  readonly name: AggregateName;
  readonly distinct: boolean;
  /** Null: count(*). */
  readonly operand: Expression | null;
}

export interface OrderTerm {
  readonly expression: Expression;
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

/** A SELECT over one table. */
export interface Select {
  readonly distinct: boolean;
  readonly columns: readonly { readonly expression: Expression; readonly alias: string | null }[];
  /** What columns may be qualified with, folded. */
  readonly table: string;
  readonly where: Expression | null;
  readonly groupBy: readonly Expression[];
  readonly having: Expression | null;
  readonly orderBy: readonly OrderTerm[];
  /** Negative: no limit. */
  readonly limit: number;
  readonly offset: number;
}
