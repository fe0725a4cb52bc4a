/** hoop's kinds of rules: words (case-sensitive, wherever they stand), or one pattern in RE2's syntax. */
export const RULE_TYPES = ['deny_words_list', 'pattern_match'] as const;
export type RuleType = (typeof RULE_TYPES)[number];

/** One rule, as it is stored and answered. */
export interface RuleSpec {
  readonly type: RuleType;
  /** Of `deny_words_list`. */
  readonly words: readonly string[];
  /** Of `pattern_match`. */
  readonly pattern_regex: string;
  /** What whoever is stopped by it is told; empty: words that say which rule it was. */
  readonly message: string;
}

/** What one side of a guard rail holds. */
export interface RuleSet {
  readonly rules: readonly RuleSpec[];
}
