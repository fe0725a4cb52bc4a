import {
  createToken,
  EmbeddedActionsParser,
  EOF,
  type ILexingError,
  type IParserErrorMessageProvider,
  type IToken,
  Lexer,
  type TokenType,
} from 'chevrotain';
import {
  type Clause,
  type Comparison,
  type Condition,
  type Operator,
  type Selector,
  type Value,
} from './selector.js';
import { SelectorProblem } from './selector-error.js';

/*
 * selector    := clause { ',' clause }
 * clause      := 'sample' NUMBER [ '%' ] | 'limit' NUMBER | condition
 * condition   := conjunction { 'or' conjunction }
 * conjunction := negation { 'and' negation }
 * negation    := { 'not' } primary
 * primary     := '(' condition ')' | KEY:VALUE | fact
 * fact        := NAME [ compare value | [ 'not' ] ( 'in' '(' value { ',' value } ')' | 'like' value ) ]
 * value       := QUOTED | WORD [ UNIT ]
 *
 * This file is loaded when the first selector is read: the parser's library takes 35 MB and a good part of a second.
 */

/** Deeper parentheses are nobody's; each level is some frames of the stack. */
const MAX_DEPTH = 50;

const Word = createToken({
  name: 'Word',
  label: 'a name',
  pattern: /[A-Za-z0-9_.*?/][A-Za-z0-9_.:*?/-]*/,
});
const AgentLabel = createToken({
  name: 'AgentLabel',
  label: 'key:value',
  pattern: /[A-Za-z0-9_-]+:[A-Za-z0-9_.*-]+/,
  longer_alt: Word,
});
const Unit = createToken({ name: 'Unit', label: 'a unit', pattern: /(?:[kKMGT]i?)?B/, longer_alt: Word });
const keyword = (word: string): TokenType =>
  createToken({
    name: word.toUpperCase(),
    label: `"${word}"`,
    pattern: new RegExp(word, 'i'),
    longer_alt: Word,
  });
const And = keyword('and');
const Or = keyword('or');
const Not = keyword('not');
const In = keyword('in');
const Like = keyword('like');
const Sample = keyword('sample');
const Limit = keyword('limit');
const Quoted = createToken({
  name: 'Quoted',
  label: 'a text in quotes',
  pattern: /'(?:[^']|'')*'|"(?:[^"]|"")*"/,
});
const Compare = createToken({ name: 'Compare', label: '"="', pattern: /==|!=|<>|<=|>=|=|<|>/ });
const sign = (name: string, pattern: string): TokenType =>
  createToken({ name, label: `"${pattern}"`, pattern });
const Left = sign('Left', '(');
const Right = sign('Right', ')');
const Comma = sign('Comma', ',');
const Percent = sign('Percent', '%');
const Blank = createToken({ name: 'Blank', pattern: /\s+/, group: Lexer.SKIPPED });

/** The first that fits is taken, unless its `longer_alt` is longer. */
const TOKENS = [
  Blank,
  AgentLabel,
  ...[And, Or, Not, In, Like, Sample, Limit, Unit],
  Word,
  Quoted,
  ...[Compare, Left, Right, Comma, Percent],
];

const COMPARISONS: Readonly<Record<string, { readonly operator: Operator; readonly negated: boolean }>> = {
  '=': { operator: 'in', negated: false },
  '==': { operator: 'in', negated: false },
  '!=': { operator: 'in', negated: true },
  '<>': { operator: 'in', negated: true },
  '<': { operator: '<', negated: false },
  '<=': { operator: '<=', negated: false },
  '>': { operator: '>', negated: false },
  '>=': { operator: '>=', negated: false },
};

const A_CONDITION = 'a condition such as group:web or os.platform = debian';
const A_VALUE = 'a value (in quotes unless it is one plain word)';

/** What stands there, for people. */
function found(token: IToken | undefined): string {
  return token === undefined || token.tokenType === EOF
    ? 'the end'
    : JSON.stringify(token.image.slice(0, 40));
}

const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected, actual }) =>
    `expected ${expected.LABEL ?? expected.name}, not ${found(actual)}`,
  buildNotAllInputParsedMessage: ({ firstRedundant }) =>
    `expected "and", "or", a comma or the end, not ${found(firstRedundant)}`,
  buildNoViableAltMessage: ({ actual, customUserDescription = A_CONDITION }) =>
    `expected ${customUserDescription}, not ${found(actual[0])}`,
  buildEarlyExitMessage: ({ actual, customUserDescription = A_CONDITION }) =>
    `expected ${customUserDescription}, not ${found(actual[0])}`,
};

const joined = (kind: 'and' | 'or', of: readonly Condition[]): Condition =>
  of.length === 1 && of[0] ? of[0] : { kind, of };

class SelectorParser extends EmbeddedActionsParser {
  constructor() {
    super(TOKENS, { errorMessageProvider: messages, maxLookahead: 2 });
    this.performSelfAnalysis();
  }

  readonly selector = this.RULE('selector', (): Selector => {
    const clauses: Clause[] = [];
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => clauses.push(this.SUBRULE(this.clause)),
    });
    return { clauses };
  });

  private readonly clause = this.RULE('clause', (): Clause =>
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.sample) },
        { ALT: () => this.SUBRULE(this.limit) },
        { ALT: (): Clause => ({ kind: 'where', condition: this.SUBRULE(this.condition) }) },
      ],
      ERR_MSG: `${A_CONDITION}, sample or limit`,
    }),
  );

  private readonly sample = this.RULE('sample', (): Clause => {
    this.CONSUME(Sample);
    const number = this.CONSUME(Word);
    const percent = this.OPTION(() => this.CONSUME(Percent));
    return this.ACTION((): Clause => {
      const unit = percent === undefined ? 'hosts' : 'percent';
      return { kind: 'sample', amount: unit === 'hosts' ? countOf(number) : percentOf(number), unit };
    });
  });

  private readonly limit = this.RULE('limit', (): Clause => {
    this.CONSUME(Limit);
    const number = this.CONSUME(Word);
    return this.ACTION((): Clause => ({ kind: 'limit', count: countOf(number) }));
  });

  private readonly condition: () => Condition = this.RULE('condition', (): Condition => {
    const parts = [this.SUBRULE(this.conjunction)];
    this.MANY(() => {
      this.CONSUME(Or);
      parts.push(this.SUBRULE2(this.conjunction));
    });
    return joined('or', parts);
  });

  private readonly conjunction: () => Condition = this.RULE('conjunction', (): Condition => {
    const parts = [this.SUBRULE(this.negation)];
    this.MANY(() => {
      this.CONSUME(And);
      parts.push(this.SUBRULE2(this.negation));
    });
    return joined('and', parts);
  });

  // A loop, not a recursion: a thousand times `not` needs no stack.
  private readonly negation: () => Condition = this.RULE('negation', (): Condition => {
    let negated = false;
    this.MANY(() => {
      this.CONSUME(Not);
      negated = !negated;
    });
    const of = this.SUBRULE(this.primary);
    return this.ACTION(() => negate(of, negated));
  });

  private readonly primary: () => Condition = this.RULE('primary', (): Condition =>
    this.OR({
      DEF: [
        { ALT: () => this.SUBRULE(this.group) },
        {
          ALT: () => {
            const token = this.CONSUME(AgentLabel);
            return this.ACTION(() => labelOf(token));
          },
        },
        { ALT: () => this.SUBRULE(this.fact) },
      ],
      ERR_MSG: A_CONDITION,
    }),
  );

  private readonly group: () => Condition = this.RULE('group', (): Condition => {
    this.CONSUME(Left);
    const condition = this.SUBRULE(this.condition);
    this.CONSUME(Right);
    return condition;
  });

  private readonly fact = this.RULE('fact', (): Condition => {
    const name = this.CONSUME(Word);
    let comparison: Omit<Comparison, 'kind' | 'name' | 'at'> | undefined;
    let negated = false;
    this.OPTION(() => {
      this.OR([
        {
          ALT: () => {
            const sign = this.CONSUME(Compare);
            const value = this.SUBRULE(this.value);
            this.ACTION(() => {
              const meaning = COMPARISONS[sign.image];
              if (!meaning) throw new Error(`no meaning of ${sign.image}`);
              ({ negated } = meaning);
              comparison = { operator: meaning.operator, values: [value] };
            });
          },
        },
        {
          ALT: () => {
            this.OPTION2(() => {
              this.CONSUME(Not);
              negated = true;
            });
            comparison = this.SUBRULE(this.membership);
          },
        },
      ]);
    });
    return this.ACTION(() =>
      negate(comparison === undefined ? standingAlone(name) : factOf(name, comparison), negated),
    );
  });

  private readonly membership = this.RULE('membership', (): Omit<Comparison, 'kind' | 'name' | 'at'> => {
    const values: Value[] = [];
    let operator: Operator = 'in';
    this.OR({
      DEF: [
        {
          ALT: () => {
            this.CONSUME(In);
            this.CONSUME(Left);
            this.AT_LEAST_ONE_SEP({
              SEP: Comma,
              DEF: () => values.push(this.SUBRULE(this.value)),
              ERR_MSG: A_VALUE,
            });
            this.CONSUME(Right);
          },
        },
        {
          ALT: () => {
            this.CONSUME(Like);
            operator = 'like';
            values.push(this.SUBRULE2(this.value));
          },
        },
      ],
      ERR_MSG: '"in" or "like"',
    });
    return { operator, values };
  });

  private readonly value = this.RULE('value', (): Value => {
    const token = this.OR({
      DEF: [Quoted, Word, AgentLabel, Unit].map((type, index) => ({
        ALT: () => this.consume(index, type),
      })),
      ERR_MSG: A_VALUE,
    });
    let unit = '';
    this.OPTION({
      GATE: () => /^[\d.]+$/.test(token.image),
      DEF: () => {
        unit = this.CONSUME4(Unit).image;
      },
    });
    return this.ACTION(() => valueOf(token, unit));
  });
}

function negate(of: Condition, negated: boolean): Condition {
  if (!negated) return of;
  return of.kind === 'not' ? of.of : { kind: 'not', of };
}

function labelOf({ image }: IToken): Condition {
  const colon = image.indexOf(':');
  return { kind: 'label', key: image.slice(0, colon), value: image.slice(colon + 1) };
}

function factOf(name: IToken, comparison: Omit<Comparison, 'kind' | 'name' | 'at'>): Condition {
  return { kind: 'fact', name: name.image.toLowerCase(), at: name.startOffset, ...comparison };
}

/** A name by itself: everything, or a fact that is true or false. */
function standingAlone(name: IToken): Condition {
  if (name.image === '_all') return { kind: 'all' };
  return factOf(name, { operator: 'in', values: [{ text: 'true', quoted: false, at: name.startOffset }] });
}

function valueOf({ image, tokenType, startOffset: at }: IToken, unit: string): Value {
  if (tokenType !== Quoted) return { text: image + unit, quoted: false, at };
  const mark = image.charAt(0);
  return { text: image.slice(1, -1).replaceAll(mark + mark, mark), quoted: true, at };
}

function countOf({ image, startOffset }: IToken): string {
  if (!/^\d{1,9}$/.test(image) || Number(image) === 0)
    throw new SelectorProblem(
      startOffset,
      `expected how many hosts, from 1 on, not ${JSON.stringify(image.slice(0, 40))}`,
    );
  return String(Number(image));
}

function percentOf({ image, startOffset }: IToken): string {
  const percent = /^\d{1,3}(?:\.\d{1,6})?$/.test(image) ? Number(image) : 0;
  if (percent <= 0 || percent > 100)
    throw new SelectorProblem(
      startOffset,
      `expected a percentage above 0 and up to 100, not ${JSON.stringify(image.slice(0, 40))}`,
    );
  return String(percent);
}

const lexer = new Lexer(TOKENS, { positionTracking: 'onlyOffset' });
const parser = new SelectorParser();

/**
 * The selector that the text spells; whether its facts and values make sense is asked elsewhere.
 * @throws SelectorProblem
 */
export function readSelector(text: string): Selector {
  const { tokens, errors } = lexer.tokenize(text);
  if (errors[0]) throw unreadable(text, errors[0]);
  refuseDepth(tokens);
  parser.input = tokens;
  const selector = parser.selector();
  const [error] = parser.errors;
  if (error) {
    const { tokenType, startOffset } = error.token;
    throw new SelectorProblem(tokenType === EOF ? text.length : startOffset, error.message);
  }
  return selector;
}

function unreadable(text: string, { offset }: ILexingError): SelectorProblem {
  const sign = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  if (sign === "'" || sign === '"')
    return new SelectorProblem(offset, 'the quote that begins here does not end');
  return new SelectorProblem(
    offset,
    `${JSON.stringify(sign)} means nothing here; conditions are joined by and, or, not, and texts with other signs stand in quotes`,
  );
}

function refuseDepth(tokens: readonly IToken[]): void {
  let depth = 0;
  for (const { tokenType, startOffset } of tokens) {
    if (tokenType === Left) depth += 1;
    else if (tokenType === Right) depth -= 1;
    if (depth > MAX_DEPTH)
      throw new SelectorProblem(startOffset, `parentheses nest deeper than ${MAX_DEPTH}`);
  }
}
