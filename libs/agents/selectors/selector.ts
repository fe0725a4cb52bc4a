/** Clauses, read from left to right: each keeps some of the hosts that those before it left. */
export interface Selector {
  readonly clauses: readonly Clause[];
}

export type Clause =
  | { readonly kind: 'where'; readonly condition: Condition }
  /** So many of the hosts so far, or of a hundred of them: always the same ones, whatever their order. */
  | { readonly kind: 'sample'; readonly amount: string; readonly unit: 'percent' | 'hosts' }
  /** The first so many of the hosts so far, by id. */
  | { readonly kind: 'limit'; readonly count: string };

export type Condition =
  | { readonly kind: 'and' | 'or'; readonly of: readonly Condition[] }
  | { readonly kind: 'not'; readonly of: Condition }
  /** `_all`: every host. */
  | { readonly kind: 'all' }
  | AgentLabel
  | Comparison;

/** `key:value`, one of the agent's own labels; `*` in the value stands for any text. */
export interface AgentLabel {
  readonly kind: 'label';
  readonly key: string;
  readonly value: string;
}

/** One of `values` (`in`), like one of them, or before or after the only one. `!=` and its kin are a `not` around it. */
export type Operator = 'in' | 'like' | '<' | '<=' | '>' | '>=';

/** A fact of the host, compared. */
export interface Comparison {
  readonly kind: 'fact';
  readonly name: string;
  readonly operator: Operator;
  readonly values: readonly Value[];
  /** Where it stands in the text, from 0. */
  readonly at: number;
}

export interface Value {
  readonly text: string;
  readonly quoted: boolean;
  readonly at: number;
}

/** What is no name or value without quotes. */
export const KEYWORDS = ['and', 'or', 'not', 'in', 'like', 'sample', 'limit'] as const;

const PLAIN = /^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/;
const NEEDS_QUOTES = new RegExp(`^(?:${KEYWORDS.join('|')}|(?:[kKMGT]i?)?B)$`, 'i');

/** The selector in its one form: texts that mean the same but for blanks, quotes and case of words print alike. */
export function printSelector({ clauses }: Selector): string {
  return clauses.map(printClause).join(', ');
}

function printClause(clause: Clause): string {
  switch (clause.kind) {
    case 'where':
      return print(clause.condition, 0);
    case 'sample':
      return `sample ${clause.amount}${clause.unit === 'percent' ? ' %' : ''}`;
    case 'limit':
      return `limit ${clause.count}`;
  }
}

/** @param binding how close what is around it binds: 0 nothing, 1 `or`, 2 `and`, 3 `not` */
function print(condition: Condition, binding: number): string {
  switch (condition.kind) {
    case 'all':
      return '_all';
    case 'label':
      return `${condition.key}:${condition.value}`;
    case 'fact':
      return printComparison(condition);
    case 'not':
      return `not ${print(condition.of, 3)}`;
    case 'and':
    case 'or': {
      const own = condition.kind === 'or' ? 1 : 2;
      const text = condition.of.map((part) => print(part, own)).join(` ${condition.kind} `);
      return binding >= own ? `(${text})` : text;
    }
  }
}

function printComparison({ name, operator, values }: Comparison): string {
  const texts = values.map(({ text }) => (PLAIN.test(text) && !NEEDS_QUOTES.test(text) ? text : quote(text)));
  if (operator !== 'in') return `${name} ${operator} ${texts.join(', ')}`;
  return texts.length === 1 ? `${name} = ${texts[0]}` : `${name} in (${texts.join(', ')})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
