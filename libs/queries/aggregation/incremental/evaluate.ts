import { type FunctionName, type BinaryOperator, type Expression } from './syntax.js';
import { compareValues, isInt64, operandNumber, truth, valueText, type Value } from '../value.js';
import { likePattern } from './like.js';

/** An expression ready to be computed over one record: a row's values, or what is kept of a group. */
export type Evaluate = (record: readonly Value[]) => Value;

type Binary = (left: Value, right: Value) => Value;

const flag = (condition: boolean): Value => (condition ? 1n : 0n);

/** Comparisons with NULL are unknown. */
function comparison(holds: (order: number) => boolean): Binary {
  return (left, right) => (left === null || right === null ? null : flag(holds(compareValues(left, right))));
}

/** What IEEE calls no number is NULL. */
const real = (value: number): Value => (Number.isNaN(value) ? null : value);

/** On integers as long as the result is one of 64 bits, else on reals. */
function arithmetic(
  integers: (left: bigint, right: bigint) => bigint,
  reals: (left: number, right: number) => number,
): Binary {
  return (leftValue, rightValue) => {
    const left = operandNumber(leftValue);
    const right = operandNumber(rightValue);
    if (left === null || right === null) return null;
    if (typeof left === 'bigint' && typeof right === 'bigint') {
      const result = integers(left, right);
      if (isInt64(result)) return result;
    }
    return real(reals(Number(left), Number(right)));
  };
}

const divide = arithmetic(
  (left, right) => left / right,
  (left, right) => left / right,
);

const BINARY: Readonly<Record<Exclude<BinaryOperator, 'and' | 'or'>, Binary>> = {
  '=': comparison((order) => order === 0),
  '<>': comparison((order) => order !== 0),
  '<': comparison((order) => order < 0),
  '<=': comparison((order) => order <= 0),
  '>': comparison((order) => order > 0),
  '>=': comparison((order) => order >= 0),
  is: (left, right) => flag(compareValues(left, right) === 0),
  'is not': (left, right) => flag(compareValues(left, right) !== 0),
  '+': arithmetic(
    (left, right) => left + right,
    (left, right) => left + right,
  ),
  '-': arithmetic(
    (left, right) => left - right,
    (left, right) => left - right,
  ),
  '*': arithmetic(
    (left, right) => left * right,
    (left, right) => left * right,
  ),
  '/': (left, right) => (Number(operandNumber(right)) === 0 ? null : divide(left, right)),
  '||': (left, right) => (left === null || right === null ? null : `${valueText(left)}${valueText(right)}`),
};

/** Both sides of AND and OR are computed: nothing in them has an effect or fails. */
function junction(decisive: boolean): Binary {
  return (leftValue, rightValue) => {
    const left = truth(leftValue);
    const right = truth(rightValue);
    if (left === decisive || right === decisive) return flag(decisive);
    return left === null || right === null ? null : flag(!decisive);
  };
}

const AND = junction(false);
const OR = junction(true);

function mapText(map: (text: string) => Value): (operands: readonly Value[]) => Value {
  return ([value = null]) => {
    const text = valueText(value);
    return text === null ? null : map(text);
  };
}

const firstOf = (operands: readonly Value[]): Value => operands.find((value) => value !== null) ?? null;

const CALLS: Readonly<Record<FunctionName, (operands: readonly Value[]) => Value>> = {
  // ASCII only, as SQLite without ICU.
  lower: mapText((text) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())),
  upper: mapText((text) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())),
  length: mapText((text) => {
    let characters = 0n;
    for (const _ of text) characters += 1n;
    return characters;
  }),
  coalesce: firstOf,
  ifnull: firstOf,
  nullif: ([value = null, other = null]) => (compareValues(value, other) === 0 ? null : value),
};

/**
 * Makes an expression computable.
 * @param slot where the value of a column or of something kept stands in the record
 */
export function compile(
  expression: Expression,
  slot: (leaf: Extract<Expression, { type: 'column' | 'kept' | 'aggregate' }>) => number,
): Evaluate {
  const inner = (operand: Expression): Evaluate => compile(operand, slot);
  switch (expression.type) {
    case 'literal': {
      const { value } = expression;
      return () => value;
    }
    case 'column':
    case 'kept':
    case 'aggregate': {
      const at = slot(expression);
      return (record) => record[at] ?? null;
    }
    case 'unary': {
      const operand = inner(expression.operand);
      if (expression.operator === '+') return operand;
      if (expression.operator === '-') return (record) => BINARY['-'](0n, operand(record));
      return (record) => {
        const held = truth(operand(record));
        return held === null ? null : flag(!held);
      };
    }
    case 'binary': {
      const { operator } = expression;
      const apply = operator === 'and' ? AND : operator === 'or' ? OR : BINARY[operator];
      const left = inner(expression.left);
      const right = inner(expression.right);
      return (record) => apply(left(record), right(record));
    }
    case 'in':
      return compileIn(inner(expression.operand), expression.list.map(inner));
    case 'between': {
      const operand = inner(expression.operand);
      const low = inner(expression.low);
      const high = inner(expression.high);
      return (record) => {
        const value = operand(record);
        return AND(BINARY['>='](value, low(record)), BINARY['<='](value, high(record)));
      };
    }
    case 'like': {
      const operand = inner(expression.operand);
      const matches = likePattern(expression.pattern);
      return (record) => {
        const text = valueText(operand(record));
        return text === null ? null : flag(matches(text));
      };
    }
    case 'case':
      return compileCase(
        expression.tested && inner(expression.tested),
        expression.branches.map(({ when, then }) => [inner(when), inner(then)]),
        inner(expression.otherwise),
      );
    case 'call': {
      const call = CALLS[expression.name];
      const operands = expression.operands.map(inner);
      return (record) => call(operands.map((operand) => operand(record)));
    }
  }
}

function compileIn(operand: Evaluate, list: readonly Evaluate[]): Evaluate {
  return (record) => {
    const value = operand(record);
    if (value === null) return null;
    let unknown = false;
    for (const item of list) {
      const other = item(record);
      if (other === null) unknown = true;
      else if (compareValues(value, other) === 0) return 1n;
    }
    return unknown ? null : 0n;
  };
}

function compileCase(
  tested: Evaluate | null,
  branches: readonly (readonly [when: Evaluate, then: Evaluate])[],
  otherwise: Evaluate,
): Evaluate {
  return (record) => {
    const value = tested && tested(record);
    for (const [when, then] of branches) {
      const said = when(record);
      const chosen = tested
        ? value !== null && said !== null && compareValues(value, said) === 0
        : truth(said);
      if (chosen) return then(record);
    }
    return otherwise(record);
  };
}
