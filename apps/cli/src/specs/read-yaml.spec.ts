import { readYaml } from './read-yaml.js';

const valuesOf = (text: string): unknown[] => readYaml(text, 'f.yml').map(({ value }) => value);

function messageOf(text: string): string {
  try {
    readYaml(text, 'f.yml');
  } catch (error) {
    return (error as Error).message;
  }
  return 'nothing was wrong';
}

describe('readYaml', () => {
  it('reads several documents, and says where they stand', () => {
    const found = readYaml(
      '# first\n---\nkind: a\nspec: {x: 1}\n---\n# nothing\n---\nkind: b\n\nspec:\n  y: |\n    1\n    2\n',
      'f.yml',
    );
    expect(found.map(({ value }) => value)).toEqual([
      { kind: 'a', spec: { x: 1 } },
      { kind: 'b', spec: { y: '1\n2\n' } },
    ]);
    expect(found.map(({ place }) => place)).toEqual([
      { file: 'f.yml', document: 1, line: 3 },
      { file: 'f.yml', document: 3, line: 8 },
    ]);
    expect(found[1]!.placeOf('spec')).toEqual({ file: 'f.yml', document: 3, line: 10 });
    expect(found[1]!.placeOf('nothing').line).toBe(8);
  });

  it.each([
    ['', []],
    ['---\n---\n', []],
    ['a: &x [1, 2]\nb: *x\n', [{ a: [1, 2], b: [1, 2] }]],
    // An alias means what stood before it.
    ['a: &x 1\nb: &y [*x]\nc: &x 2\nd: [*y, *x]\n', [{ a: 1, b: [1], c: 2, d: [[1], 2] }]],
    [
      'a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc: {<<: [{p: 4}, *x]}\n',
      [{ a: { p: 1, q: 2 }, b: { p: 1, q: 3 }, c: { p: 4, q: 2 } }],
    ],
    ['on: yes\nno: ~\n1: 2\n', [{ on: 'yes', no: null, 1: 2 }]],
    ['\ufeffa: é\r\nb: 2\r\n', [{ a: 'é', b: 2 }]],
    ['{"kind":"a","spec":{"x":"---"}}\n\n{"kind":"b"}\n', [{ kind: 'a', spec: { x: '---' } }, { kind: 'b' }]],
    ['{a: 1,\n b: 2}', [{ a: 1, b: 2 }]],
  ])('reads %j', (text, values) => {
    expect(valuesOf(text)).toEqual(values);
  });

  it('takes __proto__ for a key like any other', () => {
    const [value] = valuesOf('__proto__: {polluted: 1}\na: &x {__proto__: 2}\nb: {<<: *x}\n');
    expect(Object.keys(value as object)).toEqual(['__proto__', 'a', 'b']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    [
      'kind: a\nspec:\n\tx: 1\n',
      'f.yml: document 1, line 3: a tab stands before the text: YAML is indented by spaces',
    ],
    ['a: 1\n---\nb: [1\n', /^f\.yml: document 2, line \d: not YAML: /],
    ['a: b: c\n', /^f\.yml: document 1, line 1: not YAML: /],
    ['a: 1\n---\nb: &x [1, *x]\n', 'f.yml: document 2, line 3: *x contains itself'],
    ['a: &x {b: {c: *x}}\n', 'f.yml: document 1, line 1: *x contains itself'],
    ['a: 1\nb: *gone\n', 'f.yml: document 1, line 2: *gone stands for nothing: no &gone before it'],
    ['a: &x 1\n---\nb: *x\n', 'f.yml: document 2, line 3: *x stands for nothing: no &x before it'],
    ['a: 1\nb: 2\na: 3\n', 'f.yml: document 1, line 3: the key "a" stands here twice'],
    ['a: !!js/function f\n', /^f\.yml: document 1, line 1: not YAML: Unresolved tag/],
    ['a: .inf\n', 'f.yml: document 1, line 1: a value is neither text, number, true, false nor null'],
    ['? [1]\n: 2\n', 'f.yml: document 1, line 1: a key is not a text'],
    ['a: {<<: 1}\n', 'f.yml: document 1, line 1: << takes a map, or a list of maps'],
    ['['.repeat(100_000), 'f.yml: document 1, line 1: nested more than 100 levels deep'],
    ['- '.repeat(5_000), 'f.yml: document 1, line 1: nested more than 100 levels deep'],
    ['? '.repeat(5_000), 'f.yml: document 1, line 1: nested more than 100 levels deep'],
    ['{"a":'.repeat(5_000), 'f.yml: document 1, line 1: nested more than 100 levels deep'],
  ])('says what is wrong, case %#', (text, message) => {
    const said = messageOf(text);
    if (typeof message === 'string') expect(said).toBe(message);
    else expect(said).toMatch(message);
    expect(said).not.toContain('\n');
  });

  it('does not quote what may be a secret', () => {
    const said = messageOf('spec:\n  secrets:\n  - secret: abc\n ]hunter2secret\n');
    expect(said).toMatch(/^f\.yml: document 1, line \d: not YAML: /);
    expect(said).not.toContain('hunter2');
  });

  it('does not let aliases multiply', () => {
    const levels = Array.from({ length: 12 }, (_, level) => {
      const inside = level === 0 ? 'lol' : `*l${level - 1}`;
      return `l${level}: &l${level} [${Array.from({ length: 10 }, () => inside).join(', ')}]`;
    });
    expect(messageOf(levels.join('\n'))).toBe(
      'f.yml: document 1, line 7: its aliases multiply to more than can be meant',
    );
    const long = `a: &x ${'x'.repeat(100_000)}\nb: [${Array.from({ length: 1_000 }, () => '*x').join(', ')}]\n`;
    expect(messageOf(long)).toContain('line 2: its aliases multiply');
    // Many that stay small are fine.
    expect(messageOf(`a: &x 1\nb: [${Array.from({ length: 5_000 }, () => '*x').join(', ')}]\n`)).toBe(
      'nothing was wrong',
    );
  });
});
