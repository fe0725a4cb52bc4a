import { byteClass, type Filter, type Sink } from './filter.js';
import { Redactor } from './redactor.js';

const FEWEST_DIGITS = 13;
const MOST_DIGITS = 19;
const DIGIT = byteClass('0-9');
const SEPARATOR = byteClass(' \\-');

interface Group {
  readonly start: number;
  readonly digits: number[];
}

/**
 * Masks card numbers: whole groups of digits with one blank or dash between them, 13 to 19 digits that satisfy Luhn's
 * check and begin with neither 0 nor 1 (no card does; times do).
 */
export class CardFilter implements Filter {
  private readonly redactor: Redactor;
  /** Of the present run, those that may still belong to a card; the last one may still grow. */
  private groups: Group[] = [];
  private last: 'other' | 'digit' | 'separator' = 'other';

  constructor(next: Sink, onMasked: () => void) {
    this.redactor = new Redactor(next, onMasked);
  }

  readonly write = (data: Buffer): void => {
    const base = this.redactor.position;
    this.redactor.hold(data);
    for (let at = 0; at < data.length;) {
      if (this.last === 'other') at = nextRun(data, at);
      if (at < data.length) this.step(data[at] as number, base + at);
      at += 1;
    }
    this.redactor.release(this.groups[0]?.start ?? this.redactor.position);
  };

  end(): void {
    if (this.last === 'digit') this.closeGroup(this.redactor.position);
    this.redactor.release(this.redactor.position);
  }

  private step(byte: number, position: number): void {
    if (DIGIT[byte] === 1) {
      if (this.last !== 'digit') this.groups.push({ start: position, digits: [] });
      this.last = 'digit';
      const digits = this.groups.at(-1)?.digits;
      // Too long for any card; what stood before it in the run has been judged.
      if (digits === undefined || digits.push(byte - 0x30) > MOST_DIGITS) this.groups = [];
      return;
    }
    if (this.last === 'digit') this.closeGroup(position);
    const isSeparator = SEPARATOR[byte] === 1 && this.last === 'digit';
    this.last = isSeparator ? 'separator' : 'other';
    if (!isSeparator) this.groups = [];
  }

  /** Judges every sequence of groups that ends here, from the shortest on. */
  private closeGroup(end: number): void {
    let count = 0;
    let sum = 0;
    let first = this.groups.length - 1;
    for (; first >= 0; first -= 1) {
      const { start, digits } = this.groups[first] as Group;
      if (count + digits.length > MOST_DIGITS) break;
      for (let index = digits.length - 1; index >= 0; index -= 1) {
        const digit = digits[index] as number;
        sum += count % 2 === 0 ? digit : digit < 5 ? 2 * digit : 2 * digit - 9;
        count += 1;
      }
      if (count >= FEWEST_DIGITS && sum % 10 === 0 && (digits[0] as number) > 1)
        this.redactor.cover(start, end);
    }
    // Together with what follows these are too many.
    this.groups.splice(0, first + 1);
  }
}

/** Where the next run of digits and separators begins that has enough of them, or is not over yet. */
function nextRun(data: Buffer, from: number): number {
  const { length } = data;
  for (let at = from; ;) {
    // Among two neighbours within a card one is a digit.
    while (at + 1 < length && DIGIT[data[at] as number] === 0 && DIGIT[data[at + 1] as number] === 0)
      at += FEWEST_DIGITS - 1;
    const start = runStart(data, from, Math.min(at, length));
    let digits = 0;
    let end = start;
    for (; end < length; end += 1) {
      const byte = data[end] as number;
      if (DIGIT[byte] === 1) digits += 1;
      else if (SEPARATOR[byte] === 0) break;
    }
    if (end === length || digits >= FEWEST_DIGITS) return start;
    at = end + 1;
  }
}

function runStart(data: Buffer, from: number, within: number): number {
  let at = within;
  for (;;) {
    if (at > from && DIGIT[data[at - 1] as number] === 1) at -= 1;
    else if (at > from + 1 && DIGIT[data[at - 2] as number] === 1 && SEPARATOR[data[at - 1] as number] === 1)
      at -= 2;
    else return at;
  }
}
