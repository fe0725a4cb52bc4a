import { readFileSync } from 'node:fs';
import { type DomainError } from '#libs/platform/errors/index';
import { FACTS } from './facts.js';
import { bytesOf, likePattern } from './fact-kinds.js';
import { MAX_CONDITIONS, MAX_LENGTH, parseSelector } from './parse-selector.js';
import { printSelector } from './selector.js';

const printed = async (text: string): Promise<string> => printSelector(await parseSelector(text));
/** What is wrong with it. */
const complaint = (text: string): Promise<string> =>
  parseSelector(text).then(
    (selector) => `nothing: ${printSelector(selector)}`,
    (error: DomainError) => {
      expect(error).toMatchObject({ code: 'malformed', problems: [{ name: 'target' }] });
      return error.problems[0]!.reason;
    },
  );

describe('a selector', () => {
  it.each([
    ['group:web', 'group:web'],
    ['  GROUP:web\tAND\nnot  region:eu.* ', 'GROUP:web and not region:eu.*'],
    ['a:1 or b:2 and c:3', 'a:1 or b:2 and c:3'],
    ['(a:1 or b:2) and c:3', '(a:1 or b:2) and c:3'],
    ['((a:1)) or (b:2 and c:3)', 'a:1 or b:2 and c:3'],
    ['not (a:1 or b:2)', 'not (a:1 or b:2)'],
    ['not not not a:1', 'not a:1'],
    ['not (not a:1)', 'a:1'],
    ['os.platform=="debian"', 'os.platform = debian'],
    ["OS.Platform != 'debian'", 'not os.platform = debian'],
    ["host not in (web-1,'web 2', \"o'neill\")", "not host in (web-1, 'web 2', 'o''neill')"],
    ['host in (web-1)', 'host = web-1'],
    ["host not like 'web-*'", "not host like 'web-*'"],
    ['host like web-?', "host like 'web-?'"],
    ['memory >= 8 GB or memory<512MiB', 'memory >= 8GB or memory < 512MiB'],
    ['label = \'or\' and team = "Say ""hi"""', "label = 'or' and team = 'Say \"hi\"'"],
    ['label = GB', "label = 'GB'"],
    ['ip in (10.0.0.0/8, 2001:db8::1, fe80::1)', 'ip in (10.0.0.0/8, 2001:db8::1, fe80::1)'],
    ['_all, sample 05.50%, limit 007, online', '_all, sample 5.5 %, limit 7, online = true'],
    ['sample 3', 'sample 3'],
    ['offline = FALSE', 'offline = FALSE'],
    ['-x:_.', '-x:_.'],
  ])('%j is %j', async (text, expected) => {
    expect(await printed(text)).toBe(expected);
    expect(await printed(expected)).toBe(expected);
  });

  it('means one thing, however deep its parentheses and many its negations', async () => {
    expect(await printed(`${'('.repeat(50)}a:1${')'.repeat(50)}`)).toBe('a:1');
    expect(await printed(`${'not '.repeat(10_001)}a:1`)).toBe('not a:1');
  });

  it('may name many hosts', async () => {
    const hosts = Array.from({ length: 3_000 }, (_, index) => `host-${index}`).join(', ');
    expect(await printed(`host in (${hosts})`)).toBe(`host in (${hosts})`);
  });
});

describe('what is no selector is told with its place:', () => {
  it.each([
    [
      'group:web and',
      'at the end: expected a condition such as group:web or os.platform = debian, not the end',
    ],
    ['group:web or or db', 'at character 14 ("or db"): expected a condition'],
    [
      'group:web group:db',
      'at character 11 ("group:db"): expected "and", "or", a comma or the end, not "group:db"',
    ],
    ['(group:web', 'at the end: expected ")", not the end'],
    ['(group:web, group:db)', 'at character 11 (", group:db)"): expected ")", not ","'],
    ['group:web)', 'at character 10 (")"): expected "and", "or", a comma or the end, not ")"'],
    [
      'group:web,',
      'at the end: expected a condition such as group:web or os.platform = debian, sample or limit',
    ],
    [', group:web', 'at character 1 (", group:web"): expected a condition'],
    ['group:web && db', 'at character 11 ("&& db"): "&" means nothing here'],
    ["host = 'web", 'at character 8 ("\'web"): the quote that begins here does not end'],
    ['host =', 'at the end: expected a value'],
    ['host = (web)', 'at character 8 ("(web)"): expected a value'],
    [
      'host = or',
      'at character 8 ("or"): expected a value (in quotes unless it is one plain word), not "or"',
    ],
    ['host in web-1', 'at character 9 ("web-1"): expected "(", not "web-1"'],
    ['host in ()', 'at character 10 (")"): expected a value'],
    ['host not = web', 'at character 10 ("= web"): expected "in" or "like", not "="'],
    ['web-1 or web-2', 'at character 1 ("web-1 or web-2"): "web-1" alone says nothing; write host = web-1'],
    [
      'os.plaform = debian',
      'at character 1 ("os.plaform = debian"): there is no fact "os.plaform"; there are host, uuid',
    ],
    ['constructor = 1', 'at character 1 ("constructor = 1"): there is no fact "constructor"'],
    ['_any and group:web', 'at character 1 ("_any and group:web"): _any stands alone'],
    [
      'os.platform',
      'at character 1 ("os.platform"): os.platform is to be compared with something, by =, != and in, like',
    ],
    ['arch > x86', 'at character 1 ("arch > x86"): arch is compared by =, != and in, like, not by >'],
    ['online like x', 'at character 1 ("online like x"): online is compared by =, != and in, not by like'],
    ['online = yes', 'at character 10 ("yes"): expected true or false'],
    [
      'host = web-*',
      'at character 8 ("web-*"): "web-*" would be compared as it stands; for a pattern write host like web-*',
    ],
    ["arch = ''", 'at character 8 ("\'\'"): expected a text, not an empty one'],
    ['os.version = bookworm', 'at character 14 ("bookworm"): expected a version such as 22.04'],
    ['cpu.cores > many', 'at character 13 ("many"): expected a number such as 4'],
    ['memory > 8XB', 'at character 10 ("8XB"): expected a size such as 8GB or 512MiB'],
    ['id = 2147483648', 'at character 6 ("2147483648"): expected an id'],
    ['uuid = 7', 'at character 8 ("7"): expected a uuid'],
    ['ip = 10.0.0.0/33', 'at character 6 ("10.0.0.0/33"): expected an address such as 10.1.2.3'],
    ["ip = 'fe80::1%eth0'", 'at character 6 ("\'fe80::1%eth0\'"): expected an address'],
    ['_all, sample 0 %', 'at character 14 ("0 %"): expected a percentage above 0 and up to 100, not "0"'],
    ['_all, sample 101%', 'at character 14 ("101%"): expected a percentage'],
    ['_all, sample 2.5', 'at character 14 ("2.5"): expected how many hosts, from 1 on, not "2.5"'],
    ['_all, limit 0', 'at character 13 ("0"): expected how many hosts'],
    ['_all, limit', 'at the end: expected a name, not the end'],
    [
      "label = 'a' and team like 'b*'",
      'at character 17 ("team like \'b*\'"): team is compared by =, != and in',
    ],
    [
      `${'('.repeat(51)}a:1${')'.repeat(51)}`,
      'at character 51 ("(a:1))))))))))))))))))))"…): parentheses nest deeper than 50',
    ],
    ['('.repeat(10_240), 'parentheses nest deeper than 50'],
    ['a:1 \0', 'at character 5 ("\\u0000"): "\\u0000" means nothing here'],
    ['', 'at the end: expected a condition'],
    ['x'.repeat(MAX_LENGTH + 1), `is longer than ${MAX_LENGTH} characters`],
    [
      Array<string>(MAX_CONDITIONS + 1)
        .fill('a:1')
        .join(' or '),
      `more than ${MAX_CONDITIONS} conditions`,
    ],
  ])('%.60j', async (text, expected) => {
    expect(await complaint(text)).toContain(expected);
  });

  it('and the next one is read as if nothing had been wrong', async () => {
    await complaint('group:web and (');
    await complaint('_all, sample 0 %');
    expect(await printed('group:web')).toBe('group:web');
  });
});

describe('docs/selectors.md', () => {
  const page = readFileSync('docs/selectors.md', 'utf8');

  it('gives examples that can be read', async () => {
    const table = /\n## Examples\n([^#]*)/.exec(page)?.[1] ?? '';
    const examples = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, text]) => text!);
    const [, first = ''] = /```\n([^`]+)\n```/.exec(page) ?? [];
    expect(examples.length).toBeGreaterThan(5);
    for (const text of [first, ...examples]) expect(await printed(text)).not.toBe('');
  });

  it('names every fact', () => {
    const table = /\n## Facts\n([^#]*)/.exec(page)?.[1] ?? '';
    const named = [...table.matchAll(/^\|((?: `[a-z.]+`,?)+) \|/gm)].flatMap(
      ([, cell]) => cell!.match(/[a-z.]+/g) ?? [],
    );
    expect(named.sort()).toEqual(Object.keys(FACTS).sort());
  });

  it('tells refusals in the words in which they come', async () => {
    expect(await complaint('group:web and os.plaform = debian')).toContain(
      'at character 15 ("os.plaform = debian"): there is no fact "os.plaform"; there are host, uuid, id, ',
    );
    expect(page).toContain(`\n${await complaint('host = web-*')}\n`);
  });
});

it('knows each fact by its name', async () => {
  for (const name of Object.keys(FACTS)) {
    expect(await complaint(`${name} = '#'`)).not.toContain('there is no fact');
  }
});

it.each([
  ['8', 8],
  ['8B', 8],
  ['8k', 8_000],
  ['8KB', 8_000],
  ['8KiB', 8_192],
  ['1.5GB', 1_500_000_000],
  ['2TiB', 2 * 1024 ** 4],
  ['GB', null],
  ['8 GB', null],
])('a size of %j is %j bytes', (text, bytes) => {
  expect(bytesOf(text)).toBe(bytes);
});

it('makes patterns of which only * % and ? are special', () => {
  expect(likePattern('a*b%c?d_e\\f')).toBe('a%b%c_d\\_e\\\\f');
});
