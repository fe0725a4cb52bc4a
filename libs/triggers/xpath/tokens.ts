import { XPathError } from './xpath-error.js';

/** What a token is; punctuation is `symbol`, and so are operators that are no words. */
export type TokenKind =
  'symbol' | 'operator' | 'name' | 'function' | 'nodeType' | 'axis' | 'literal' | 'number' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** Literals without their quotes. */
  readonly text: string;
  /** Where it begins, characters from 0. */
  readonly at: number;
}

const SPACE = /[ \t\r\n]+/y;
const NUMBER = /\d+(?:\.\d*)?|\.\d+/y;
const NAME = /[\p{L}_][\p{L}\p{N}\p{M}._\u00b7-]*/uy;
const SYMBOL = /\/\/|::|\.\.|!=|<=|>=|[()[\].@,/|+\-=<>]/y;
const NODE_TYPES = new Set(['comment', 'text', 'processing-instruction', 'node']);
const WORD_OPERATORS = new Set(['and', 'or', 'mod', 'div']);
const NOT_BEFORE_OPERATOR = new Set([
  '@',
  '::',
  '(',
  '[',
  ',',
  '/',
  '//',
  '|',
  '+',
  '-',
  '=',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
]);

/** The tokens of an expression (XPath 1.0, section 3.7), with an `end` behind them. Throws XPathError. */
export function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? null;
  };
  const add = (kind: TokenKind, length: number, value = text.slice(at, at + length)): void => {
    tokens.push({ kind, text: value, at });
    at += length;
  };
  for (at += match(SPACE)?.length ?? 0; at < text.length; at += match(SPACE)?.length ?? 0) {
    const character = text.charAt(at);
    const number = match(NUMBER);
    if (number !== null) add('number', number.length);
    else if (character === '"' || character === "'") {
      const end = text.indexOf(character, at + 1);
      if (end < 0) throw new XPathError('this text has no end: a quote is missing', at);
      add('literal', end + 1 - at, text.slice(at + 1, end));
    } else if (character === '*') add(operatorMayFollow(tokens) ? 'operator' : 'name', 1);
    else if (character === '$') throw new XPathError('there are no variables here', at);
    else {
      const symbol = match(SYMBOL);
      if (symbol !== null) {
        add('symbol', symbol.length);
        continue;
      }
      const name = match(NAME);
      if (name === null) throw new XPathError(`"${character}" cannot stand here`, at);
      add(kindOfName(name, text, at, tokens), name.length);
    }
  }
  tokens.push({ kind: 'end', text: '', at: text.length });
  return tokens;
}

/** A star or a word between two operands is an operator. */
function operatorMayFollow(tokens: readonly Token[]): boolean {
  const last = tokens.at(-1);
  if (last === undefined || last.kind === 'operator') return false;
  return last.kind !== 'symbol' || !NOT_BEFORE_OPERATOR.has(last.text);
}

function kindOfName(name: string, text: string, at: number, tokens: readonly Token[]): TokenKind {
  if (operatorMayFollow(tokens)) {
    if (WORD_OPERATORS.has(name)) return 'operator';
    throw new XPathError(`an operator is expected here, not "${name}"`, at);
  }
  const rest = text.slice(at + name.length).trimStart();
  if (rest.startsWith('(')) return NODE_TYPES.has(name) ? 'nodeType' : 'function';
  if (rest.startsWith('::')) return 'axis';
  if (rest.startsWith(':')) throw new XPathError('there are no namespaces here', at);
  return 'name';
}
