import fc from 'fast-check';
import { readYaml } from './read-yaml.js';
import { toJson, toYaml } from './write-documents.js';

describe('documents', () => {
  const spec = {
    query: 'select 1\nfrom t;\n',
    name: 'on',
    interval: 60,
    team: '',
    nested: { b: [1], a: null },
  };

  it('are written with their keys in alphabetical order after a line', () => {
    expect(toYaml({ kind: 'query', spec })).toBe(
      [
        '---',
        'apiVersion: v1',
        'kind: query',
        'spec:',
        '  interval: 60',
        '  name: "on"',
        '  nested:',
        '    a: null',
        '    b:',
        '      - 1',
        '  query: |',
        '    select 1',
        '    from t;',
        '  team: ""',
        '',
      ].join('\n'),
    );
    expect(toJson({ kind: 'query', spec: { name: 'a\nb' } })).toBe(
      '{"kind":"query","apiVersion":"v1","spec":{"name":"a\\nb"}}\n',
    );
  });

  it.each([' \n', '\n \n', '\t\nselect 1\n', ' \n\n'])(
    'keep the blanks of a text whose first line has nothing else: %j',
    (query) => {
      const [document] = readYaml(toYaml({ kind: 'query', spec: { query, nested: { query } } }), 'f.yml');
      expect(document?.value).toMatchObject({ spec: { query, nested: { query } } });
    },
  );

  it('are read as what was written, whatever they hold', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.string({ unit: fc.constantFrom(...' \t\n\r:#-|>\'"&*!?{}[]%@`~,ab1\u0085\u2028\ufeff<') }),
      fc.constantFrom(
        'yes',
        'Off',
        '~',
        'null',
        '<<',
        '1_000',
        '0o17',
        '1e3',
        '2001-01-01',
        '---',
        '...',
        '=',
        '0x1f',
        '12:30',
      ),
    );
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(text, tie('any'), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).any;
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(text, value, { noNullPrototype: true }), { minLength: 1, maxLength: 3 }),
        (specs) => {
          for (const write of [toYaml, toJson]) {
            const documents = readYaml(
              specs.map((each) => write({ kind: 'query', spec: each })).join(''),
              'f.yml',
            );
            expect(documents.map((each) => (each.value as { spec: unknown }).spec)).toEqual(specs);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
