import { type FieldProblem } from '#libs/platform/errors/index';
import { patternProblem } from './pattern.js';
import { RULE_TYPES, type RuleSpec } from './rule.js';

const MAX_WORDS = 1_000;
const MAX_LENGTH = 1_000;

/** A rule as it is given. */
export type GivenRule = { readonly [K in keyof RuleSpec]?: RuleSpec[K] | string | null | undefined };

/** What is wrong with a rule; its fields are named as below `name` (`input.rules[0]`). */
export function ruleProblems(rule: GivenRule, name: string): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const complain = (field: string, reason: string): void => {
    problems.push({ name: `${name}.${field}`, reason: `${name}.${field} ${reason}` });
  };
  const { type, words, pattern_regex: pattern, message } = rule;
  if (type === 'deny_words_list') {
    if (!Array.isArray(words) || words.length === 0) complain('words', 'must name one word at least');
    else if (words.length > MAX_WORDS) complain('words', `must be at most ${MAX_WORDS}`);
    else if (words.some((word) => word === '')) complain('words', 'must not hold an empty word');
    else if (words.some((word: string) => word.length > MAX_LENGTH))
      complain('words', `must have at most ${MAX_LENGTH} characters each`);
  } else if (type === 'pattern_match') {
    if (!pattern) complain('pattern_regex', 'is required');
    else if (pattern.length > MAX_LENGTH)
      complain('pattern_regex', `must have at most ${MAX_LENGTH} characters`);
    else {
      const problem = patternProblem(pattern);
      if (problem !== null) complain('pattern_regex', `is no pattern of RE2's: ${problem}`);
    }
  } else complain('type', `must be one of ${RULE_TYPES.join(', ')}`);
  if ((message ?? '').length > MAX_LENGTH) complain('message', `must have at most ${MAX_LENGTH} characters`);
  return problems;
}

/** A rule without problems, as it is stored: what its type does not need is left empty. */
export function toRule({ type, words, pattern_regex: pattern, message }: GivenRule): RuleSpec {
  const isPattern = type === 'pattern_match';
  return {
    type: isPattern ? 'pattern_match' : 'deny_words_list',
    words: isPattern || !Array.isArray(words) ? [] : [...(words as readonly string[])],
    pattern_regex: isPattern ? (pattern ?? '') : '',
    message: message ?? '',
  };
}
