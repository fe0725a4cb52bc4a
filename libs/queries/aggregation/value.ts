import { cleanText } from './results-table.js';

/** A value as SQLite has it: INTEGER, REAL, TEXT or NULL. */
export type Value = bigint | number | string | null;

const CANONICAL_INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;
export const MOST_INTEGER = 2n ** 63n - 1n;
export const LEAST_INTEGER = -(2n ** 63n);

export function isInt64(value: bigint): boolean {
  return value >= LEAST_INTEGER && value <= MOST_INTEGER;
}

/** What a cell of an answer is in `results`: an INTEGER when its text is the canonical one of an integer. */
export function cellValue(cell: string | null): Value {
  if (cell === null) return null;
  if (cell.length <= 20 && CANONICAL_INTEGER.test(cell)) {
    const integer = BigInt(cell);
    if (isInt64(integer)) return integer;
  }
  return cleanText(cell);
}

/** A real as SQLite prints it: 15 significant digits, always with a point. */
function realText(real: number): string {
  if (real === 0) return '0.0';
  if (!Number.isFinite(real)) return real > 0 ? 'Inf' : '-Inf';
  const [mantissa = '', exponentText] = Math.abs(real).toExponential(14).split('e');
  const digits = mantissa.replace('.', '').replace(/0+$/, '');
  const exponent = Number(exponentText);
  const sign = real < 0 ? '-' : '';
  if (exponent < -4 || exponent > 14) {
    const power = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${digits.charAt(0)}.${digits.slice(1) || '0'}e${exponent < 0 ? '-' : '+'}${power}`;
  }
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  return `${sign}${digits.slice(0, exponent + 1).padEnd(exponent + 1, '0')}.${digits.slice(exponent + 1) || '0'}`;
}

/** As CAST to TEXT does; null for NULL. */
export function valueText(value: Value): string | null {
  if (value === null || typeof value === 'string') return value;
  return typeof value === 'bigint' ? value.toString() : realText(value);
}

/** Texts in the order of their UTF-8 bytes, which is that of code points and not that of JavaScript. */
export function compareTexts(left: string, right: string): number {
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a === b) continue;
    // Surrogates stand for code points above all those of one unit.
    const aHigh = a >= 0xd800 && a <= 0xdfff;
    const bHigh = b >= 0xd800 && b <= 0xdfff;
    return aHigh === bHigh ? a - b : aHigh ? 1 : -1;
  }
  return left.length - right.length;
}

function rank(value: Value): number {
  return value === null ? 0 : typeof value === 'string' ? 2 : 1;
}

/** SQLite's order of all values: NULL, numbers by size, texts. Negative, zero, positive. */
export function compareValues(left: Value, right: Value): number {
  if (typeof left === 'string' && typeof right === 'string') return compareTexts(left, right);
  const ranks = rank(left) - rank(right);
  if (ranks !== 0 || left === null || right === null) return ranks;
  return left < right ? -1 : left > right ? 1 : 0;
}

/** A text that two values share exactly when SQLite takes them for the same (1 and 1.0 are). */
export function valueKey(value: Value): string {
  if (value === null) return 'n';
  if (typeof value === 'string') return `t${value.length}:${value}`;
  if (typeof value === 'bigint') return `i${value}`;
  if (Number.isInteger(value) && isInt64(BigInt(value))) return `i${BigInt(value)}`;
  return `r${value}`;
}

const SPACE = '[ \\t\\n\\v\\f\\r]*';
const NUMBER = new RegExp(`^${SPACE}([+-]?)(\\d*)(?:(\\.)(\\d*))?(?:([eE])([+-]?\\d+))?(${SPACE})`);

/** The number that a text begins with, as SQLite reads it. */
interface NumberPrefix {
  readonly value: bigint | number;
  /** Nothing but the number and white space. */
  readonly whole: boolean;
}

/**
 * The nearest double is what SQLite finds too, save that beyond 1e±22 its last binary digit may be off by one.
 */
function numberPrefix(text: string): NumberPrefix {
  const match = NUMBER.exec(text);
  const [all = '', sign = '', integer = '', point, fraction = '', exponentSign, exponent = '0'] = match ?? [];
  if (integer + fraction === '') return { value: 0n, whole: false };
  const whole = all.length === text.length;
  if (point === undefined && exponentSign === undefined) {
    const value = BigInt(integer) * (sign === '-' ? -1n : 1n);
    return { value: isInt64(value) ? value : Number(value), whole };
  }
  return { value: Number(`${sign}${integer || '0'}.${fraction || '0'}e${exponent}`), whole };
}

/** What arithmetic makes of a value; null for NULL. A text is the number it begins with, or 0. */
export function operandNumber(value: Value): bigint | number | null {
  return typeof value === 'string' ? numberPrefix(value).value : value;
}

/** What sum(), total() and avg() make of a value that is not NULL: a text that is not wholly a number is a REAL. */
export function summand(value: Exclude<Value, null>): bigint | number {
  if (typeof value !== 'string') return value;
  const prefix = numberPrefix(value);
  return prefix.whole ? prefix.value : Number(prefix.value);
}

/** Whether a condition holds: null when it is unknown. */
export function truth(value: Value): boolean | null {
  if (value === null) return null;
  return Number(operandNumber(value)) !== 0;
}
