import { DomainError } from '#libs/platform/errors/index';
import { KINDS } from './fact-kinds.js';
import { factNamed, FACTS } from './facts.js';
import { type Comparison, type Condition, type Operator, type Selector } from './selector.js';
import { FIELD, malformedSelector, SelectorProblem } from './selector-error.js';

/** Room for some thousands of hostnames. */
export const MAX_LENGTH = 50_000;
/** Each is asked of each host. */
export const MAX_CONDITIONS = 100;

const SIGNS: Readonly<Record<Operator, string>> = {
  in: '=, != and in',
  like: 'like',
  '<': '<',
  '<=': '<=',
  '>': '>',
  '>=': '>=',
};

/**
 * The selector that the text spells, its facts and values checked.
 * @throws DomainError malformed, about `target`: where it stops to make sense, and what would
 */
export async function parseSelector(text: string): Promise<Selector> {
  if (text.length > MAX_LENGTH)
    throw new DomainError('malformed', { name: FIELD, reason: `is longer than ${MAX_LENGTH} characters` });
  const { readSelector } = await import('./grammar.js');
  try {
    const selector = readSelector(text);
    check(selector);
    return selector;
  } catch (error) {
    throw error instanceof SelectorProblem ? malformedSelector(text, error) : error;
  }
}

/** Every comparison in it. */
export function comparisonsOf({ clauses }: Selector): Comparison[] {
  return clauses
    .flatMap((clause) => (clause.kind === 'where' ? leaves(clause.condition) : []))
    .filter(isComparison);
}

function check(selector: Selector): void {
  const conditions = selector.clauses.flatMap((clause) =>
    clause.kind === 'where' ? leaves(clause.condition) : [],
  );
  if (conditions.length > MAX_CONDITIONS)
    throw new SelectorProblem(0, `more than ${MAX_CONDITIONS} conditions; in (…) takes many values`);
  conditions.filter(isComparison).forEach(checkComparison);
}

function leaves(condition: Condition): Condition[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return condition.of.flatMap(leaves);
    case 'not':
      return leaves(condition.of);
    case 'all':
    case 'label':
    case 'fact':
      return [condition];
  }
}

function isComparison(condition: Condition): condition is Comparison {
  return condition.kind === 'fact';
}

function checkComparison({ name, operator, values, at }: Comparison): void {
  const fact = factNamed(name);
  const alone = values[0]?.at === at;
  if (!fact) throw new SelectorProblem(at, unknownFact(name, alone));
  const { kind } = fact;
  const known = kind.operators.map((one) => SIGNS[one]).join(', ');
  if (alone && kind !== KINDS.flag)
    throw new SelectorProblem(at, `${name} is to be compared with something, by ${known}`);
  if (!kind.operators.includes(operator))
    throw new SelectorProblem(at, `${name} is compared by ${known}, not by ${SIGNS[operator]}`);
  for (const { text, quoted, at: place } of values) {
    if (operator === 'in' && !quoted && /[*?]/.test(text)) {
      const advice = kind.operators.includes('like') ? `; for a pattern write ${name} like ${text}` : '';
      throw new SelectorProblem(place, `"${text}" would be compared as it stands${advice}`);
    }
    const complaint = kind.complaint(text, operator);
    if (complaint !== null) throw new SelectorProblem(place, complaint);
  }
}

function unknownFact(name: string, alone: boolean): string {
  if (name === '_any') return '_any stands alone: it is exactly one host of all';
  const known = `there are ${Object.keys(FACTS).join(', ')}`;
  return alone
    ? `"${name}" alone says nothing; write host = ${name}, key:value, or compare a fact: ${known}`
    : `there is no fact "${name}"; ${known}`;
}
