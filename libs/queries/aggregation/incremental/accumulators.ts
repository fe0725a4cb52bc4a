import { compareValues, isInt64, summand, valueKey, type Value } from '../value.js';
import { type AggregateName } from './syntax.js';

/** A result that cannot be computed, in SQLite's words. */
export class EvaluationError extends Error {}

/** Where states ask for room; throws when there is none. */
export interface Room {
  /** @param entries groups, or values to be told apart @param characters of text that is kept; negative when it is let go */
  take(entries: number, characters: number): void;
}

/** The state of one aggregate function in one group. */
export interface Accumulator {
  /** Takes the value of the operand in one row; NULL too. */
  add(value: Value): void;
  /** @throws EvaluationError */
  value(): Value;
}

/** Makes the state of a function. count(*) is given something that is not NULL. */
export function accumulator(name: AggregateName, distinct: boolean, room: Room): Accumulator {
  const state = plain(name, room);
  return distinct ? new Distinct(state, room) : state;
}

function plain(name: AggregateName, room: Room): Accumulator {
  switch (name) {
    case 'count':
      return new Count();
    case 'min':
    case 'max':
      return new Extreme(name === 'min' ? -1 : 1, room);
    case 'sum':
    case 'total':
    case 'avg':
      return new Sum(name);
  }
}

class Count implements Accumulator {
  private count = 0;

  add(value: Value): void {
    if (value !== null) this.count += 1;
  }

  value(): Value {
    return BigInt(this.count);
  }
}

/** Of equal values (1 and 1.0) the first stays. */
class Extreme implements Accumulator {
  private best: Value = null;

  constructor(
    private readonly sign: 1 | -1,
    private readonly room: Room,
  ) {}

  add(value: Value): void {
    if (value === null) return;
    if (this.best !== null && compareValues(value, this.best) * this.sign <= 0) return;
    this.room.take(0, textLength(value) - textLength(this.best));
    this.best = value;
  }

  value(): Value {
    return this.best;
  }
}

function textLength(value: Value): number {
  return typeof value === 'string' ? value.length : 0;
}

/** From here on a 64-bit integer need not be exact as a double, and is added in two parts. */
const LARGE = 2n ** 52n;
const PART = 2n ** 14n;

/**
 * Exact on integers until a real comes or 64 bits are too few; from then on in doubles, with Neumaier's compensation for what
 * rounding loses, as SQLite does it.
 */
class Sum implements Accumulator {
  private count = 0;
  private integer = 0n;
  private approximate = false;
  private overflown = false;
  private sum = 0;
  private lost = 0;

  constructor(private readonly name: 'sum' | 'total' | 'avg') {}

  add(value: Value): void {
    if (value === null) return;
    this.count += 1;
    const number = summand(value);
    if (!this.approximate) {
      if (typeof number === 'bigint') {
        const next = this.integer + number;
        if (isInt64(next)) {
          this.integer = next;
          return;
        }
        this.overflown = true;
      }
      this.approximate = true;
      this.addInteger(this.integer);
    } else if (typeof number !== 'bigint') this.overflown = false;
    if (typeof number === 'bigint') this.addInteger(number);
    else this.addReal(number);
  }

  value(): Value {
    const { name, count } = this;
    if (name === 'sum') {
      if (count === 0) return null;
      if (!this.approximate) return this.integer;
      if (this.overflown) throw new EvaluationError('integer overflow');
      return number(this.total());
    }
    if (name === 'total') return number(this.total());
    return count === 0 ? null : number(this.total() / count);
  }

  private total(): number {
    if (!this.approximate) return Number(this.integer);
    return Number.isFinite(this.lost) ? this.sum + this.lost : this.sum;
  }

  private addInteger(value: bigint): void {
    if (value > -LARGE && value < LARGE) return this.addReal(Number(value));
    const small = value % PART;
    this.addReal(Number(value - small));
    this.addReal(Number(small));
  }

  private addReal(value: number): void {
    const next = this.sum + value;
    this.lost += Math.abs(this.sum) > Math.abs(value) ? this.sum - next + value : value - next + this.sum;
    this.sum = next;
  }
}

const number = (real: number): Value => (Number.isNaN(real) ? null : real);

/** Hands over each value once. */
class Distinct implements Accumulator {
  private readonly seen = new Set<string>();

  constructor(
    private readonly inner: Accumulator,
    private readonly room: Room,
  ) {}

  add(value: Value): void {
    if (value === null) return;
    const key = valueKey(value);
    if (this.seen.has(key)) return;
    this.room.take(1, key.length);
    this.seen.add(key);
    this.inner.add(value);
  }

  value(): Value {
    return this.inner.value();
  }
}
