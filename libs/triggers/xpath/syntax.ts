/** What an expression comes to; XPath 1.0 without variables knows it before anything is evaluated. */
export type ValueType = 'nodes' | 'boolean' | 'number' | 'string';

/** The axes of XPath 1.0 but `namespace`. */
export const AXES = [
  'ancestor',
  'ancestor-or-self',
  'attribute',
  'child',
  'descendant',
  'descendant-or-self',
  'following',
  'following-sibling',
  'parent',
  'preceding',
  'preceding-sibling',
  'self',
] as const;
export type Axis = (typeof AXES)[number];

export type NodeTest =
  | { readonly kind: 'name'; /** null: any. */ readonly name: string | null }
  | { readonly kind: 'type'; readonly type: 'node' | 'text' | 'nothing' };

export interface Step {
  readonly axis: Axis;
  readonly test: NodeTest;
  readonly predicates: readonly Expression[];
}

/** Operators of numbers, comparisons, logic. */
export type Operator =
  'or' | 'and' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '+' | '-' | '*' | 'div' | 'mod' | '|';

/** An expression, parsed. */
export type Expression = { readonly type: ValueType } & (
  | { readonly kind: 'literal'; readonly value: string | number }
  | {
      readonly kind: 'binary';
      readonly operator: Operator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | { readonly kind: 'negative'; readonly operand: Expression }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expression[] }
  /** Steps from the root, from the context node, or from what `from` selects. */
  | {
      readonly kind: 'path';
      readonly from: 'root' | 'context' | Expression;
      /** Of what `from` selects, before the steps. */
      readonly predicates: readonly Expression[];
      readonly steps: readonly Step[];
    }
);

const ANY = Number.POSITIVE_INFINITY;

/** What a function of the core library takes: least and most arguments, whether those are nodes, and what it gives. */
export interface Signature {
  readonly least: number;
  readonly most: number;
  readonly nodes: boolean;
  readonly type: ValueType;
}

const takes = (least: number, most: number, type: ValueType, nodes = false): Signature => ({
  least,
  most,
  nodes,
  type,
});

/** The core library of XPath 1.0 but `id` and `lang`: facts have neither ids nor languages. */
export const FUNCTIONS: ReadonlyMap<string, Signature> = new Map([
  ['last', takes(0, 0, 'number')],
  ['position', takes(0, 0, 'number')],
  ['count', takes(1, 1, 'number', true)],
  ['local-name', takes(0, 1, 'string', true)],
  ['namespace-uri', takes(0, 1, 'string', true)],
  ['name', takes(0, 1, 'string', true)],
  ['string', takes(0, 1, 'string')],
  ['concat', takes(2, ANY, 'string')],
  ['starts-with', takes(2, 2, 'boolean')],
  ['contains', takes(2, 2, 'boolean')],
  ['substring-before', takes(2, 2, 'string')],
  ['substring-after', takes(2, 2, 'string')],
  ['substring', takes(2, 3, 'string')],
  ['string-length', takes(0, 1, 'number')],
  ['normalize-space', takes(0, 1, 'string')],
  ['translate', takes(3, 3, 'string')],
  ['boolean', takes(1, 1, 'boolean')],
  ['not', takes(1, 1, 'boolean')],
  ['true', takes(0, 0, 'boolean')],
  ['false', takes(0, 0, 'boolean')],
  ['number', takes(0, 1, 'number')],
  ['sum', takes(1, 1, 'number', true)],
  ['floor', takes(1, 1, 'number')],
  ['ceiling', takes(1, 1, 'number')],
  ['round', takes(1, 1, 'number')],
]);
