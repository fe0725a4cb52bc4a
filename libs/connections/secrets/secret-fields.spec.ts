import { DomainError } from '#libs/platform/errors/index';
import { readSecrets, SECRET_MASK } from './secret-fields.js';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

it('reads what is set, what is removed and what stays', () => {
  const { set, removed } = readSecrets(
    {
      'envvar:A': base64('one'),
      'filesystem:B': base64('\0two'),
      'envvar:OLD': null,
      'envvar:GONE': null,
      'envvar:KEPT': SECRET_MASK,
      'envvar:EMPTY': '',
    },
    new Set(['envvar:OLD', 'envvar:KEPT']),
  );
  expect([...set].map(([name, secret]) => [name, secret.toString()])).toEqual([
    ['envvar:A', 'one'],
    ['filesystem:B', '\0two'],
    ['envvar:EMPTY', ''],
  ]);
  expect(removed).toEqual(['envvar:OLD']);
});

it('lets a variable change its kind', () => {
  const { set, removed } = readSecrets(
    { 'envvar:A': null, 'filesystem:A': base64('x') },
    new Set(['envvar:A']),
  );
  expect([[...set.keys()], removed]).toEqual([['filesystem:A'], ['envvar:A']]);
});

it.each<[Record<string, unknown>, string]>([
  [{ PGPASSWORD: base64('hunter2') }, 'secret PGPASSWORD must be named envvar:NAME or filesystem:NAME'],
  [{ 'envvar:A-B': base64('hunter2') }, 'must be named'],
  [{ 'envvar:': base64('hunter2') }, 'must be named'],
  [{ 'envvar:MUSTER_X': base64('hunter2') }, 'must not begin with MUSTER_'],
  [{ 'envvar:A': 'hunter2!' }, 'secret envvar:A must be base64'],
  [{ 'envvar:A': 'aHVudGVyMg' }, 'secret envvar:A must be base64'],
  [{ 'envvar:A': 5 }, 'secret envvar:A must be base64'],
  [{ 'envvar:A': base64('hunter2\0') }, 'must not hold a NUL'],
  [{ 'envvar:A': base64('x'.repeat(65_537)) }, 'at most 65536 bytes'],
  [{ 'filesystem:A': base64('x'.repeat(262_145)) }, 'at most 262144 bytes altogether'],
  [{ 'envvar:A': SECRET_MASK }, 'has no value yet'],
  [{ 'envvar:A': '', 'filesystem:A': '' }, 'would be the same variable'],
  [Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`envvar:A${i}`, ''])), 'at most 100 entries'],
])('%#: says what is wrong, and never the secret', (given, reason) => {
  const refused = (): unknown => readSecrets(given, new Set());
  expect(refused).toThrow(DomainError);
  expect(refused).toThrow(reason);
  expect(refused).not.toThrow(/hunter2|aHVudGVy/);
});
