import {
  type Axis,
  AXES,
  type Expression,
  FUNCTIONS,
  type NodeTest,
  type Operator,
  type Step,
} from './syntax.js';
import { type Token, tokensOf } from './tokens.js';
import { XPathError } from './xpath-error.js';

/** Parentheses, predicates and arguments within each other, and signs before each other. */
const MAX_DEPTH = 64;

/** Operators that are read from left to right, the weakest first; the union is stronger than the sign. */
const LEVELS: readonly (readonly Operator[])[] = [
  ['or'],
  ['and'],
  ['=', '!='],
  ['<', '<=', '>', '>='],
  ['+', '-'],
  ['*', 'div', 'mod'],
];
const NUMERIC = new Set<Operator>(['+', '-', '*', 'div', 'mod']);
const ANY_NODE: NodeTest = { kind: 'type', type: 'node' };
const DESCEND: Step = { axis: 'descendant-or-self', test: ANY_NODE, predicates: [] };

/** Parses an XPath 1.0 expression. Throws XPathError with the position of what cannot stand where it does. */
export function parseXpath(text: string): Expression {
  return new Parser(text).whole();
}

class Parser {
  private readonly tokens: readonly Token[];
  private next = 0;
  private depth = 0;

  constructor(text: string) {
    this.tokens = tokensOf(text);
  }

  whole(): Expression {
    const expression = this.expression();
    if (this.token.kind !== 'end') throw this.unexpected();
    return expression;
  }

  private get token(): Token {
    const token = this.tokens[this.next] ?? this.tokens.at(-1);
    if (token === undefined) throw new XPathError('there is nothing', 0);
    return token;
  }

  private isNext(...texts: string[]): boolean {
    const { kind, text } = this.token;
    return (kind === 'symbol' || kind === 'operator') && texts.includes(text);
  }

  private take(...texts: string[]): Token | null {
    if (!this.isNext(...texts)) return null;
    const { token } = this;
    this.next += 1;
    return token;
  }

  private demand(text: string): void {
    if (this.take(text) === null) throw this.unexpected(`"${text}" is expected here`);
  }

  private unexpected(expected = 'a path, a value or a function is expected here'): XPathError {
    const { kind, text, at } = this.token;
    if (kind === 'end') return new XPathError(`${expected}, where the expression ends`, at);
    return new XPathError(`"${text}" cannot stand here`, at);
  }

  private expression(): Expression {
    this.depth += 1;
    if (this.depth > MAX_DEPTH) throw new XPathError('too much within each other', this.token.at);
    const expression = this.binary(0);
    this.depth -= 1;
    return expression;
  }

  private binary(level: number): Expression {
    const operators = LEVELS[level];
    if (operators === undefined) return this.unary();
    let left = this.binary(level + 1);
    for (;;) {
      const operator = this.take(...operators)?.text as Operator | undefined;
      if (operator === undefined) return left;
      const right = this.binary(level + 1);
      left = { kind: 'binary', type: NUMERIC.has(operator) ? 'number' : 'boolean', operator, left, right };
    }
  }

  private unary(): Expression {
    let signs = 0;
    while (this.take('-') !== null) {
      signs += 1;
      if (signs > MAX_DEPTH) throw new XPathError('too many signs', this.token.at);
    }
    let expression = this.union();
    for (; signs > 0; signs -= 1) expression = { kind: 'negative', type: 'number', operand: expression };
    return expression;
  }

  private union(): Expression {
    let { at } = this.token;
    let left = this.path();
    for (;;) {
      const bar = this.take('|');
      if (bar === null) return left;
      if (left.type !== 'nodes') throw new XPathError('"|" joins what paths select, and this is no path', at);
      ({ at } = this.token);
      const right = this.path();
      if (right.type !== 'nodes')
        throw new XPathError('"|" joins what paths select, and this is no path', at);
      left = { kind: 'binary', type: 'nodes', operator: '|', left, right };
    }
  }

  private path(): Expression {
    const { kind, text } = this.token;
    if (
      kind === 'literal' ||
      kind === 'number' ||
      kind === 'function' ||
      (kind === 'symbol' && text === '(')
    ) {
      return this.filter();
    }
    const slash = this.take('/', '//');
    if (slash === null) return this.located('context', this.steps());
    if (slash.text === '//') return this.located('root', [DESCEND, ...this.steps()]);
    return this.located('root', this.stepFollows() ? this.steps() : []);
  }

  /** A value, which may be what a path goes on from. */
  private filter(): Expression {
    const { at } = this.token;
    const from = this.primary();
    if (!this.isNext('[', '/', '//')) return from;
    if (from.type !== 'nodes') throw new XPathError('only what a path selects can be gone on from', at);
    const predicates = this.predicates();
    const slash = this.take('/', '//');
    if (slash === null) return { kind: 'path', type: 'nodes', from, predicates, steps: [] };
    const steps = slash.text === '//' ? [DESCEND, ...this.steps()] : this.steps();
    return { kind: 'path', type: 'nodes', from, predicates, steps };
  }

  private primary(): Expression {
    const { token } = this;
    this.next += 1;
    if (token.kind === 'literal') return { kind: 'literal', type: 'string', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', type: 'number', value: Number(token.text) };
    if (token.kind === 'function') return this.call(token);
    const expression = this.expression();
    this.demand(')');
    return expression;
  }

  private call({ text: name, at }: Token): Expression {
    const signature = FUNCTIONS.get(name);
    if (signature === undefined) throw new XPathError(`there is no function "${name}"`, at);
    this.demand('(');
    const args: Expression[] = [];
    if (!this.isNext(')')) {
      do {
        const { at: begin } = this.token;
        const argument = this.expression();
        if (signature.nodes && argument.type !== 'nodes')
          throw new XPathError(`${name}() takes what a path selects`, begin);
        args.push(argument);
      } while (this.take(',') !== null);
    }
    this.demand(')');
    if (args.length < signature.least || args.length > signature.most) {
      throw new XPathError(`${name}() takes ${counted(signature.least, signature.most)}`, at);
    }
    return { kind: 'call', type: signature.type, name, args };
  }

  private located(from: 'root' | 'context', steps: readonly Step[]): Expression {
    return { kind: 'path', type: 'nodes', from, predicates: [], steps };
  }

  private stepFollows(): boolean {
    const { kind } = this.token;
    return kind === 'name' || kind === 'axis' || kind === 'nodeType' || this.isNext('.', '..', '@');
  }

  private steps(): Step[] {
    const steps = [this.step()];
    for (;;) {
      const slash = this.take('/', '//');
      if (slash === null) return steps;
      if (slash.text === '//') steps.push(DESCEND);
      steps.push(this.step());
    }
  }

  private step(): Step {
    if (this.take('.') !== null) return { axis: 'self', test: ANY_NODE, predicates: [] };
    if (this.take('..') !== null) return { axis: 'parent', test: ANY_NODE, predicates: [] };
    const axis = this.axis();
    const test = this.nodeTest();
    return { axis, test, predicates: this.predicates() };
  }

  private axis(): Axis {
    if (this.take('@') !== null) return 'attribute';
    if (this.token.kind !== 'axis') return 'child';
    const { text, at } = this.token;
    const axis = AXES.find((name) => name === text);
    if (axis === undefined) throw new XPathError(`there is no axis "${text}"`, at);
    this.next += 1;
    this.demand('::');
    return axis;
  }

  private nodeTest(): NodeTest {
    const { kind, text } = this.token;
    if (kind === 'name') {
      this.next += 1;
      return { kind: 'name', name: text === '*' ? null : text };
    }
    if (kind !== 'nodeType') throw this.unexpected('a name is expected here');
    this.next += 1;
    this.demand('(');
    if (text === 'processing-instruction' && this.token.kind === 'literal') this.next += 1;
    this.demand(')');
    return { kind: 'type', type: text === 'node' || text === 'text' ? text : 'nothing' };
  }

  private predicates(): Expression[] {
    const predicates: Expression[] = [];
    while (this.take('[') !== null) {
      predicates.push(this.expression());
      this.demand(']');
    }
    return predicates;
  }
}

function counted(least: number, most: number): string {
  if (most === 0) return 'no arguments';
  if (least === most) return least === 1 ? 'one argument' : `${least} arguments`;
  return most === Number.POSITIVE_INFINITY ? `at least ${least} arguments` : `${least} to ${most} arguments`;
}
