import { searchPattern } from './pattern.js';
import { type RuleSpec } from './rule.js';

/** A rule as a session meets it. */
export interface GuardRailRule extends RuleSpec {
  /** Name of the guard rail that it is from. */
  readonly guardRail: string;
  /** What it is about. */
  readonly side: 'input' | 'output';
  /** Its place among the rules of that side, from 1. */
  readonly number: number;
}

/** What a session may not send, or must not print. */
export interface Violation {
  /** Which rule: `no-drops, input rule 2`. */
  readonly rule: string;
  /** Its own words for people; otherwise words that name it. */
  readonly message: string;
  readonly where: 'stdin' | 'args' | 'output';
  /** Of `args`: which argument, from 1. */
  readonly argument?: number;
  /** From 1. */
  readonly line?: number;
  /** Characters from 1. */
  readonly column?: number;
}

/**
 * What a session would send, before anything starts: the first rule that it breaks. Arguments are looked at one by one, and then
 * as the line that they make, so that `rm -rf` is found in two of them.
 */
export function checkInput(
  rules: readonly GuardRailRule[],
  input: { readonly stdin: string; readonly args: readonly string[] },
): Violation | null {
  const line = input.args.join(' ');
  for (const rule of rules) {
    if (rule.side !== 'input') continue;
    const inStdin = search(rule, input.stdin);
    if (inStdin >= 0) return violation(rule, 'stdin', placeOf(input.stdin, inStdin));
    for (const [i, argument] of input.args.entries()) {
      const at = search(rule, argument);
      if (at >= 0) return violation(rule, 'args', { argument: i + 1, ...placeOf(argument, at) });
    }
    const inLine = input.args.length > 1 ? search(rule, line) : -1;
    if (inLine >= 0) return violation(rule, 'args', placeAmong(input.args, inLine));
  }
  return null;
}

/** The first rule that an output breaks. */
export function checkOutput(rules: readonly GuardRailRule[], output: string): Violation | null {
  for (const rule of rules) {
    if (rule.side !== 'output') continue;
    const at = search(rule, output);
    if (at >= 0) return violation(rule, 'output', placeOf(output, at));
  }
  return null;
}

/** Where a text breaks a rule first; -1: nowhere. */
function search(rule: RuleSpec, text: string): number {
  if (rule.type === 'pattern_match') return searchPattern(rule.pattern_regex, text);
  const places = rule.words.map((word) => text.indexOf(word)).filter((place) => place >= 0);
  return places.length === 0 ? -1 : Math.min(...places);
}

function violation(
  rule: GuardRailRule,
  where: Violation['where'],
  place: Pick<Violation, 'argument' | 'line' | 'column'>,
): Violation {
  return { rule: nameOfRule(rule), message: messageOfRule(rule), where, ...place };
}

/** `no-drops, input rule 2`. */
function nameOfRule({ guardRail, side, number }: GuardRailRule): string {
  return `${guardRail}, ${side} rule ${number}`;
}

/** What whoever is stopped by it is told. */
export function messageOfRule(rule: GuardRailRule): string {
  return rule.message || `blocked by guard rail ${nameOfRule(rule)}`;
}

function placeOf(text: string, at: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next >= 0 && next < at; next = text.indexOf('\n', start)) {
    line++;
    start = next + 1;
  }
  return { line, column: [...text.slice(start, at)].length + 1 };
}

function placeAmong(args: readonly string[], at: number): { argument: number; line: number; column: number } {
  let start = 0;
  for (const [i, argument] of args.entries()) {
    if (at <= start + argument.length) return { argument: i + 1, ...placeOf(argument, at - start) };
    start += argument.length + 1;
  }
  throw new Error('a match lies beyond the text');
}
