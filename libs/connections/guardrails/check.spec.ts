import fc from 'fast-check';
import { checkInput, checkOutput, type GuardRailRule } from './check.js';
import { ruleProblems } from './rule-fields.js';

const words = (...list: string[]): GuardRailRule => ({
  guardRail: 'rail',
  side: 'input',
  number: 1,
  type: 'deny_words_list',
  words: list,
  pattern_regex: '',
  message: '',
});
const pattern = (text: string, message = ''): GuardRailRule => ({
  ...words(),
  type: 'pattern_match',
  pattern_regex: text,
  message,
});
const stdin = (text: string) => ({ stdin: text, args: [] });

describe('checkInput', () => {
  it.each<[string, GuardRailRule[], string, string[], object | null]>([
    ['nothing is forbidden', [], 'DROP TABLE a', ['x'], null],
    ['a word', [words('DROP')], 'SELECT 1;\n  DROP TABLE a', [], { where: 'stdin', line: 2, column: 3 }],
    ['words are case-sensitive', [words('DROP')], 'drop table a', [], null],
    ['the first place of several words', [words('b', 'a')], 'xab', [], { line: 1, column: 2 }],
    [
      'a pattern',
      [pattern('(?i)drop\\s+table')],
      'é😀\ndrop\n table a',
      [],
      { where: 'stdin', line: 2, column: 1 },
    ],
    ['columns are characters', [words('x')], 'é😀x', [], { line: 1, column: 3 }],
    ['an argument', [words('--force')], '', ['-x', '--force'], { where: 'args', argument: 2, column: 1 }],
    ['over two arguments', [pattern('rm -rf')], '', ['x', 'rm', '-rf'], { where: 'args', argument: 2 }],
    ['anchors mean each argument', [pattern('^-f$')], '', ['-rf', '-f'], { argument: 2 }],
    ['rules about output are not meant', [{ ...words('x'), side: 'output' }], 'x', ['x'], null],
  ])('%s', (_what, rules, text, args, expected) => {
    const found = checkInput(rules, { stdin: text, args });
    if (expected === null) expect(found).toBeNull();
    else expect(found).toMatchObject(expected);
  });

  it('says which rule, in its own words where it has some', () => {
    const rules = [words('a'), { ...pattern('b', 'no b, please'), number: 2 }];
    expect(checkInput(rules, stdin('b'))).toEqual({
      rule: 'rail, input rule 2',
      message: 'no b, please',
      where: 'stdin',
      line: 1,
      column: 1,
    });
    expect(checkInput(rules, stdin('ab'))?.message).toBe('blocked by guard rail rail, input rule 1');
  });

  it('finds words where a naive search finds the first of them', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '\n', 'é', '😀'), maxLength: 40 });
    const word = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(text, fc.array(word, { minLength: 1, maxLength: 3 }), (given, denied) => {
        const found = checkInput([words(...denied)], stdin(given));
        const first = [...given].findIndex((_, i) =>
          denied.some((one) => [...given].slice(i).join('').startsWith(one)),
        );
        if (first < 0) return found === null;
        const before = [...given].slice(0, first).join('').split('\n');
        return found?.line === before.length && found.column === [...(before.at(-1) ?? '')].length + 1;
      }),
    );
  });

  it("agrees with JavaScript's own engine on patterns that both know", () => {
    const patterns = fc.constantFrom('a+b', '^b', 'a$', '[^a]b?c', '(a|bc)+d', 'a{2,3}', '\\bab\\b', 'a.c');
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd', ' ', 'é'), maxLength: 30 });
    fc.assert(
      fc.property(patterns, text, (source, given) => {
        const expected = new RegExp(source, 'u').exec(given);
        const found = checkInput([pattern(source)], stdin(given));
        return expected === null ? found === null : found?.column === expected.index + 1;
      }),
    );
  });

  it('finds the line in a text of many, also of a match that spans them', () => {
    const long = 'SELECT 1;\n'.repeat(20_000);
    expect(checkInput([pattern('DROP\\s+TABLE')], stdin(`${long}DROP TABLE a\n${long}`))).toMatchObject({
      line: 20_001,
      column: 1,
    });
    expect(checkInput([pattern('(?s)BEGIN.*END')], stdin(`x\nBEGIN\n${long}END`))).toMatchObject({ line: 2 });
  });

  it('is not hung by a pattern that would keep a backtracking engine busy for years', () => {
    expect(checkInput([pattern('^(a+)+$')], stdin(`${'a'.repeat(50_000)}!`))).toBeNull();
    expect(checkInput([pattern('(x+x+)+y')], stdin('x'.repeat(50_000)))).toBeNull();
  });
});

describe('checkOutput', () => {
  it('looks at output with the rules about it', () => {
    const rule = { ...pattern('password=\\w+'), side: 'output' as const };
    expect(checkOutput([words('ok'), rule], 'ok\npassword=x')).toMatchObject({
      rule: 'rail, output rule 1',
      where: 'output',
      line: 2,
      column: 1,
    });
    expect(checkOutput([rule], 'nothing')).toBeNull();
  });
});

describe('ruleProblems', () => {
  it.each([
    [{ type: 'deny_words_list', words: ['x'] }, null],
    [{ type: 'pattern_match', pattern_regex: 'x' }, null],
    [{ type: 'other' }, 'rules[0].type must be one of deny_words_list, pattern_match'],
    [{}, 'rules[0].type must be one of deny_words_list, pattern_match'],
    [{ type: 'deny_words_list', words: [] }, 'rules[0].words must name one word at least'],
    [{ type: 'deny_words_list', words: ['a', ''] }, 'rules[0].words must not hold an empty word'],
    [{ type: 'pattern_match' }, 'rules[0].pattern_regex is required'],
    [
      { type: 'pattern_match', pattern_regex: '(?=x)' },
      "rules[0].pattern_regex is no pattern of RE2's: invalid or unsupported Perl syntax: `(?=`",
    ],
    [
      { type: 'pattern_match', pattern_regex: 'x'.repeat(1001) },
      'rules[0].pattern_regex must have at most 1000 characters',
    ],
  ])('%j: %s', (rule, reason) => {
    expect(ruleProblems(rule, 'rules[0]').map((problem) => problem.reason)).toEqual(
      reason === null ? [] : [reason],
    );
  });
});
