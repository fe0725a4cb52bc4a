import { cleanText, fold } from '../results-table.js';
import { isInt64, LEAST_INTEGER } from '../value.js';
import { NotIncremental, tokenize, type Token } from './lexer.js';
import {
  AGGREGATES,
  FUNCTIONS,
  type BinaryOperator,
  type Expression,
  type OrderTerm,
  type Select,
} from './syntax.js';

/** SQLite's precedence of what has two sides, weakest first (sqlite.org/lang_expr.html). */
const OR = 1;
const AND = 2;
const NOT = 3;
const EQUALITY = 4;
const COMPARISON = 5;
const CONCATENATION = 9;
const BINARY: ReadonlyMap<string, readonly [level: number, operator: BinaryOperator]> = new Map([
  ['or', [OR, 'or']],
  ['and', [AND, 'and']],
  ['=', [EQUALITY, '=']],
  ['==', [EQUALITY, '=']],
  ['<>', [EQUALITY, '<>']],
  ['!=', [EQUALITY, '<>']],
  ['<', [COMPARISON, '<']],
  ['<=', [COMPARISON, '<=']],
  ['>', [COMPARISON, '>']],
  ['>=', [COMPARISON, '>=']],
  ['+', [7, '+']],
  ['-', [7, '-']],
  ['*', [8, '*']],
  ['/', [8, '/']],
  ['||', [CONCATENATION, '||']],
]);
/** Words that stand between the two sides of an equality-like test, or behind its one. */
const TESTS = new Set(['is', 'isnull', 'notnull', 'not', 'in', 'like', 'between']);
/** Names that mean something else where no column bears them. */
const SPECIAL_NAMES = new Set(['rowid', 'oid', '_rowid_', 'true', 'false']);
/** Every double is exact in both worlds up to here. */
const EXACT_DIGITS = 15;
const EXACT_EXPONENT = 22;
const LONGEST_PATTERN = 100;
const DEEPEST = 100;

/**
 * Reads the SELECTs that can be computed row by row, which SQLite has found to be right before. Written for exactly this: the
 * maintained parsers of SQLite's dialect on npm are GPL, or 90 MB large.
 * @returns null for everything else
 */
export function parseSelect(sql: string): Select | null {
  try {
    return new Parser(tokenize(sql)).select();
  } catch (error) {
    if (error instanceof NotIncremental) return null;
    throw error;
  }
}

class Parser {
  private at = 0;
  private depth = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  select(): Select {
    this.expect('select');
    const distinct = this.take('distinct');
    if (!distinct) this.take('all');
    const columns = this.list(() => this.resultColumn());
    this.expect('from');
    if (fold(this.name()) !== 'results') throw new NotIncremental('another table');
    const alias = this.alias();
    const where = this.take('where') ? this.expression() : null;
    const groupBy = this.takeBy('group') ? this.list(() => this.expression()) : [];
    const having = this.take('having') ? this.expression() : null;
    const orderBy = this.takeBy('order') ? this.list(() => this.orderTerm()) : [];
    const [limit, offset] = this.limit();
    while (this.take(';'));
    if (this.at < this.tokens.length) throw new NotIncremental('something follows');
    return {
      distinct,
      columns,
      table: fold(alias ?? 'results'),
      where,
      groupBy,
      having,
      orderBy,
      limit,
      offset,
    };
  }

  private resultColumn(): Select['columns'][number] {
    return { expression: this.expression(), alias: this.alias() };
  }

  private alias(): string | null {
    const token = this.tokens[this.at];
    if (this.take('as') || token?.type === 'name') return this.name();
    return null;
  }

  private orderTerm(): OrderTerm {
    const expression = this.expression();
    const descending = this.take('desc');
    if (!descending) this.take('asc');
    let nullsFirst = !descending;
    if (this.take('nulls')) {
      nullsFirst = this.take('first');
      if (!nullsFirst) this.expect('last');
    }
    return { expression, descending, nullsFirst };
  }

  private limit(): [limit: number, offset: number] {
    if (!this.take('limit')) return [-1, 0];
    const first = this.count();
    if (this.take('offset')) return [first, Math.max(0, this.count())];
    if (this.take(',')) return [this.count(), Math.max(0, first)];
    return [first, 0];
  }

  private count(): number {
    const sign = this.take('-') ? -1 : 1;
    const token = this.next();
    const count = token.type === 'number' && /^\d+$/.test(token.text) ? Number(token.text) : NaN;
    if (!Number.isSafeInteger(count)) throw new NotIncremental('a computed limit');
    return sign * count;
  }

  private expression(weakest = OR): Expression {
    if (++this.depth > DEEPEST) throw new NotIncremental('too deep');
    let left = this.operand(weakest);
    for (;;) {
      const token = this.tokens[this.at];
      const text = token?.type === 'word' || token?.type === 'symbol' ? token.text : '';
      const [level, operator] = BINARY.get(text) ?? [TESTS.has(text) ? EQUALITY : 0, null];
      if (level === 0 || level < weakest) break;
      this.at += 1;
      left = operator ? this.joined(operator, left, this.expression(level + 1)) : this.test(left, text);
    }
    this.depth -= 1;
    return left;
  }

  private joined(operator: BinaryOperator, left: Expression, right: Expression): Expression {
    const nothing = [left, right].some((side) => side.type === 'literal' && side.value === 0n);
    // The same with what is joined to a zero.
    if (operator === 'and' && nothing) throw new NotIncremental('never true');
    return { type: 'binary', operator, left, right };
  }

  /** What follows a word of `TESTS`. */
  private test(left: Expression, word: string): Expression {
    const NULL: Expression = { type: 'literal', value: null };
    switch (word) {
      case 'isnull':
        return { type: 'binary', operator: 'is', left, right: NULL };
      case 'notnull':
        return { type: 'binary', operator: 'is not', left, right: NULL };
      case 'is': {
        const operator = this.take('not') ? 'is not' : 'is';
        return { type: 'binary', operator, left, right: this.expression(EQUALITY + 1) };
      }
      case 'not':
        if (this.take('null')) return { type: 'binary', operator: 'is not', left, right: NULL };
        return {
          type: 'unary',
          operator: 'not',
          operand: this.test(left, this.word('in', 'like', 'between')),
        };
      case 'in':
        this.expect('(');
        // SQLite forgets what stands before an empty list, missing columns included.
        if (this.peek(')')) throw new NotIncremental('an empty list');
        return { type: 'in', operand: left, list: this.closed(() => this.list(() => this.expression())) };
      case 'like': {
        const pattern = this.expression(EQUALITY + 1);
        const text = pattern.type === 'literal' ? pattern.value : null;
        if (typeof text !== 'string' || text.length > LONGEST_PATTERN || this.peek('escape'))
          throw new NotIncremental('a computed pattern');
        return { type: 'like', operand: left, pattern: text };
      }
      default: {
        const low = this.expression(EQUALITY + 1);
        this.expect('and');
        return { type: 'between', operand: left, low, high: this.expression(EQUALITY + 1) };
      }
    }
  }

  private operand(weakest: number): Expression {
    const token = this.next();
    switch (token.type) {
      case 'number':
        return { type: 'literal', value: literalNumber(token.text) };
      case 'string':
        return { type: 'literal', value: cleanText(token.text) };
      case 'name':
        return token.quote === null && this.take('(')
          ? this.call(fold(token.text))
          : this.column(token.text, token.quote);
      case 'symbol':
        if (token.text === '(') return this.closed(() => this.expression());
        if (token.text === '-' || token.text === '+') return this.signed(token.text);
        break;
      case 'word':
        if (token.text === 'null') return { type: 'literal', value: null };
        if (token.text === 'case') return this.case();
        // Elsewhere NOT would take more to its right than what it stands in.
        if (token.text === 'not' && weakest <= NOT)
          return { type: 'unary', operator: 'not', operand: this.expression(NOT) };
        break;
    }
    throw new NotIncremental(token.text);
  }

  /** Signs bind closer than everything with two sides. */
  private signed(operator: '-' | '+'): Expression {
    const token = this.tokens[this.at];
    if (operator === '-' && token?.type === 'number' && token.text === String(-LEAST_INTEGER)) {
      this.at += 1;
      return { type: 'literal', value: LEAST_INTEGER };
    }
    return { type: 'unary', operator, operand: this.expression(CONCATENATION + 1) };
  }

  private column(first: string, quote: string | null): Expression {
    const table = this.take('.') ? first : null;
    const name = table === null ? first : this.name();
    if (SPECIAL_NAMES.has(fold(name)) || this.peek('.') || this.peek('('))
      throw new NotIncremental('no plain column');
    const written =
      table === null
        ? quote === '"'
          ? `"${name}" - should this be a string literal in single-quotes?`
          : name
        : `${table}.${name}`;
    return { type: 'column', name: fold(name), table: table === null ? null : fold(table), written };
  }

  private call(name: string): Expression {
    const aggregate = AGGREGATES.find((known) => known === name);
    const scalar = FUNCTIONS.find((known) => known === name);
    if (aggregate === 'count' && this.take('*')) {
      this.expect(')');
      return this.unfiltered({ type: 'aggregate', name: aggregate, distinct: false, operand: null });
    }
    if (aggregate === 'count' && this.take(')'))
      return this.unfiltered({ type: 'aggregate', name: aggregate, distinct: false, operand: null });
    const distinct = aggregate !== undefined && this.take('distinct');
    const operands = this.closed(() => this.list(() => this.expression()));
    const [operand] = operands;
    if (aggregate && operand && operands.length === 1)
      return this.unfiltered({ type: 'aggregate', name: aggregate, distinct, operand });
    if (aggregate || !scalar) throw new NotIncremental(name);
    return this.unfiltered({ type: 'call', name: scalar, operands });
  }

  private unfiltered(call: Expression): Expression {
    if (this.peek('filter') || this.peek('over')) throw new NotIncremental('a window');
    return call;
  }

  private case(): Expression {
    const tested = this.peek('when') ? null : this.expression();
    const branches: { when: Expression; then: Expression }[] = [];
    while (this.take('when')) {
      const when = this.expression();
      this.expect('then');
      branches.push({ when, then: this.expression() });
    }
    const otherwise: Expression = this.take('else') ? this.expression() : { type: 'literal', value: null };
    this.expect('end');
    return { type: 'case', tested, branches, otherwise };
  }

  private list<T>(item: () => T): T[] {
    const items = [item()];
    while (this.take(',')) items.push(item());
    return items;
  }

  private closed<T>(inside: () => T): T {
    const found = inside();
    this.expect(')');
    return found;
  }

  private next(): Token {
    const token = this.tokens[this.at++];
    if (!token) throw new NotIncremental('the end');
    return token;
  }

  private peek(text: string): boolean {
    const token = this.tokens[this.at];
    return (token?.type === 'word' || token?.type === 'symbol') && token.text === text;
  }

  private take(text: string): boolean {
    const found = this.peek(text);
    if (found) this.at += 1;
    return found;
  }

  private takeBy(word: string): boolean {
    if (!this.take(word)) return false;
    this.expect('by');
    return true;
  }

  private expect(text: string): void {
    if (!this.take(text)) throw new NotIncremental(`no ${text}`);
  }

  private word(...words: readonly string[]): string {
    const found = words.find((word) => this.take(word));
    if (found === undefined) throw new NotIncremental('another word');
    return found;
  }

  private name(): string {
    const token = this.next();
    if (token.type !== 'name') throw new NotIncremental('no name');
    return token.text;
  }
}

/** An integer that fits, else a real. @throws NotIncremental for one that SQLite might round in another way */
function literalNumber(text: string): bigint | number {
  if (/^\d+$/.test(text) && isInt64(BigInt(text))) return BigInt(text);
  const [, digits = '', exponent = '0'] = /^([\d.]+)(?:[eE](.+))?$/.exec(text) ?? [];
  if (
    digits.replace('.', '').length > EXACT_DIGITS ||
    Math.abs(Number(exponent)) > EXACT_EXPONENT - EXACT_DIGITS
  )
    throw new NotIncremental('a long number');
  return Number(text);
}
