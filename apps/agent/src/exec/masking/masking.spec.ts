import fc from 'fast-check';
import { type MaskType } from '#libs/protocol/index';
import { OutputFilters, type OutputWishes } from './index.js';
import { OutputGuard } from './output-guard.js';
import { formsOf } from './secret-values.js';

function filtersOf(wishes: OutputWishes, onBlocked: (message: string) => void): OutputFilters {
  const rules = wishes.deny_output;
  return new OutputFilters(wishes, rules === undefined ? null : new OutputGuard(rules, onBlocked));
}

/** Passes pieces through the filters of one stream. */
function pass(wishes: OutputWishes, pieces: readonly Buffer[]) {
  const out: Buffer[] = [];
  const said: string[] = [];
  const filters = filtersOf(wishes, (message) => said.push(message));
  const filter = filters.filter((data) => out.push(data));
  for (const piece of pieces) filter.write(piece);
  const prompt = Buffer.concat(out).toString('latin1');
  filter.end();
  return { prompt, text: Buffer.concat(out).toString('latin1'), masked: filters.masked(), said };
}
const passText = (wishes: OutputWishes, ...pieces: string[]) =>
  pass(
    wishes,
    pieces.map((piece) => Buffer.from(piece)),
  );

function cut(text: string, lengths: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const pieces: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const length = lengths.length === 0 ? bytes.length : (lengths[index % lengths.length] ?? 1);
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}
const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });

/** The definition: every occurrence is hidden, what overlaps is one. */
function hideAll(text: string, words: readonly string[]): { text: string; count: number } {
  const found = words
    .flatMap((word) =>
      [...text].flatMap((_, at) => (text.startsWith(word, at) ? [{ start: at, end: at + word.length }] : [])),
    )
    .sort((a, b) => a.start - b.start);
  return hide(text, found);
}

function hide(text: string, found: readonly { start: number; end: number }[]) {
  let result = '';
  let count = 0;
  let upto = 0;
  for (const { start, end } of found) {
    if (start < upto || (count > 0 && start === upto && end === upto)) upto = Math.max(upto, end);
    else {
      result += `${text.slice(upto, start)}[masked]`;
      count += 1;
      upto = end;
    }
  }
  return { text: result + text.slice(upto), count };
}

describe('secrets', () => {
  it('are masked like a search through the whole text would do it, however the output is cut', () => {
    const few = fc.constantFrom('a', 'b', '\n', 'ab', 'aab');
    const word = fc.string({ unit: few, minLength: 4, maxLength: 12 });
    const text = fc.array(fc.oneof(word, few, fc.string({ unit: 'binary-ascii' })), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), text, lengths, (values, parts, cuts) => {
        const whole = [...parts, ...values, ...parts].join('');
        const forms = formsOf(values.map((value) => Buffer.from(value))).map(String);
        const expected = hideAll(whole, forms);
        const { text: got, masked } = pass({ mask: { values, types: [] } }, cut(whole, cuts));
        expect(got).toBe(expected.text);
        expect(masked?.['secret'] ?? 0).toBe(expected.count);
        for (const form of forms)
          if (!'[masked]'.includes(form)) expect(got.split('[masked]').join('\0')).not.toContain(form);
      }),
    );
  });

  it('leave at once when they cannot become longer, and nothing waits that cannot become one', () => {
    const secrets = { env: { PASSWORD: 'hunter2-hunter2' } };
    expect(passText({ secrets }, 'Password: ').prompt).toBe('Password: ');
    expect(passText({ secrets }, 'it is hunter2-hunter2').prompt).toBe('it is [masked]');
    expect(passText({ secrets }, 'it is hunt').prompt).toBe('it is ');
    expect(passText({ secrets }, 'it is hunt', 'ing').prompt).toBe('it is hunting');
    expect(passText({ secrets }, 'it is hunt').text).toBe('it is hunt');
  });

  it('are known in their usual disguises', () => {
    const value = `p@ss "word"/it's ñ`;
    const secrets = { env: { PASSWORD: value } };
    const disguises = [
      value,
      `${value}\n`,
      encodeURIComponent(value),
      JSON.stringify(value),
      `'${value.replaceAll("'", `'\\''`)}'`,
      Buffer.from(value).toString('base64'),
      Buffer.from(value).toString('base64url'),
    ];
    for (const disguise of disguises) {
      const { text, masked } = passText({ secrets }, `<${disguise}>`);
      expect(text).toMatch(/^<['"]?\[masked\]['"]?\n?>$/);
      expect(masked).toEqual({ secret: 1 });
    }
    for (const before of ['u:', 'us:', 'use:']) {
      const { text } = passText({ secrets }, Buffer.from(`${before}${value}:more`).toString('base64'));
      expect(text).toMatch(/^.{2,6}\[masked\].{4,10}$/);
    }
  });

  it('are masked line by line where they have lines; what is too short is not', () => {
    const file = '-----BEGIN KEY-----\r\nMIIEvQIBADANBg\n  abc\n-----END KEY-----\n';
    const secrets = { env: { SHORT: 'abc', EMPTY: '' }, files: { KEY: file } };
    expect(passText({ secrets }, 'x MIIEvQIBADANBg abc -----BEGIN KEY-----').text).toBe(
      'x [masked] abc [masked]',
    );
    expect(passText({ secrets }, file).text).toBe('[masked]\n');
  });

  it('that are very long hold back no more than a piece', () => {
    const value = 'x1y2'.repeat(5_000);
    const { prompt, text } = passText(
      { secrets: { files: { LONG: value } } },
      value.slice(0, 10_000),
      value.slice(10_000),
    );
    expect(text.replaceAll('[masked]', '')).toBe('');
    expect(prompt.length).toBeGreaterThan(0);
  });
});

describe('shapes', () => {
  const both = (types: MaskType[], text: string) => passText({ mask: { values: [], types } }, text);

  it.each([
    ['card', 'pay 4111 1111 1111 1111.', 'pay [masked].'],
    ['card', '4111-1111-1111-1111 and 378282246310005', '[masked] and [masked]'],
    ['card', 'n=4111111111111112', 'n=4111111111111112'],
    ['card', 'at 1700000000000 and 41111111111111110000000', 'at 1700000000000 and 41111111111111110000000'],
    ['card', '4111  1111 1111 1111', '4111  1111 1111 1111'],
    ['card', '12 4111 1111 1111 1111 7', '12 [masked] 7'],
    ['token', 'id AKIAIOSFODNN7EXAMPLE,', 'id [masked],'],
    ['token', `ghp_${'a1'.repeat(18)} xoxb-1234567890-abc`, '[masked] [masked]'],
    ['token', 'Authorization: Bearer abcdefghijklmnop.q/r+s==', 'Authorization: Bearer [masked]'],
    [
      'token',
      'Bearer of bad news; AKIA; eyJhbGciOiJIUzI1NiJ9',
      'Bearer of bad news; AKIA; eyJhbGciOiJIUzI1NiJ9',
    ],
    ['token', 't=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig-_1 end', 't=[masked] end'],
    ['token', 'notAKIAIOSFODNN7EXAMPLE', 'notAKIAIOSFODNN7EXAMPLE'],
    ['email', 'to <joe.doe+x@mail.example.com>, b@c', 'to <[masked]>, b@c'],
    ['email', 'a@b.de.', '[masked].'],
  ] as [MaskType, string, string][])('%s: %s', (type, text, expected) => {
    expect(both([type], text).text).toBe(expected);
    for (let at = 0; at <= text.length; at += 1)
      expect(passText({ mask: { values: [], types: [type] } }, text.slice(0, at), text.slice(at)).text).toBe(
        expected,
      );
  });

  /** Cards by their definition: sequences of whole groups. */
  function cards(text: string): { start: number; end: number }[] {
    const found: { start: number; end: number }[] = [];
    for (let start = 0; start < text.length; start += 1) {
      if (!/[2-9]/.test(text[start] ?? '') || /\d/.test(text[start - 1] ?? '')) continue;
      for (let end = start + 13; end <= text.length; end += 1) {
        const part = text.slice(start, end);
        if (!/^\d+(?:[ -]\d+)*$/.test(part) || /\d/.test(text[end] ?? '')) continue;
        const digits = part.replace(/\D/g, '');
        const sum = [...digits].reverse().reduce((total, digit, index) => {
          const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
          return total + (value > 9 ? value - 9 : value);
        }, 0);
        if (digits.length >= 13 && digits.length <= 19 && sum % 10 === 0) found.push({ start, end });
      }
    }
    return found;
  }

  it('cards are masked as their definition says, however the output is cut', () => {
    const part = fc.oneof(
      fc.constantFrom('4111 1111 1111 1111', '378282246310005', '8888 ', ' ', '-', 'x', '\n', '4', '0'),
      fc.string({ unit: fc.constantFrom(...'0123456789 -'), maxLength: 24 }),
      fc.string({ unit: fc.constantFrom('x', ' '), maxLength: 40 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), lengths, (parts, cuts) => {
        const whole = parts.join('');
        const expected = hide(whole, cards(whole));
        const { text, masked } = pass({ mask: { values: [], types: ['card'] } }, cut(whole, cuts));
        expect(text).toBe(expected.text);
        expect(masked?.['card'] ?? 0).toBe(expected.count);
      }),
      { numRuns: 300 },
    );
  });

  const TOKENS =
    /(?<![A-Za-z0-9_])(?:A[KS]IA[A-Z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{36,}|glpat-[A-Za-z0-9_-]{20,}|xox[baprs]-[A-Za-z0-9._~+/=-]{10,}|([Bb]earer )[A-Za-z0-9._~+/=-]{16,}|(?<!-)eyJ[A-Za-z0-9_-]{8,2048}\.[A-Za-z0-9_-]{8}[A-Za-z0-9_.-]*)/g;

  it('tokens are masked as their definition says, however the output is cut', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'AKIA',
        'ASIA',
        'ghp_',
        'gho_',
        'glpat-',
        'xoxb-',
        'Bearer ',
        'bearer ',
        'eyJ',
        '.',
        ' ',
        '-',
        '_',
        '\n',
      ),
      fc.string({ unit: fc.constantFrom(...'ABCDE0123456789abc'), maxLength: 40 }),
      fc.string({ unit: fc.constantFrom('A', '7'), minLength: 14, maxLength: 18 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), lengths, (parts, cuts) => {
        const whole = parts.join('');
        const expected = whole.replace(TOKENS, (_, kept = '') => `${kept}[masked]`);
        expect(pass({ mask: { values: [], types: ['token'] } }, cut(whole, cuts)).text).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('addresses are masked as their definition says, however the output is cut', () => {
    const part = fc.oneof(
      fc.constantFrom('joe', '@', '.', '-', 'example.com', 'x@y.zz', '%', ' ', '\n', 'a'.repeat(70)),
      fc.string({ unit: fc.constantFrom('a', '.', '-', '@', '1'), maxLength: 10 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), lengths, (parts, cuts) => {
        const whole = parts.join('');
        const expected = whole.replace(
          /[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,63}/g,
          '[masked]',
        );
        fc.pre(!/@[A-Za-z0-9.-]{256}/.test(whole));
        expect(pass({ mask: { values: [], types: ['email'] } }, cut(whole, cuts)).text).toBe(expected);
      }),
      { numRuns: 500 },
    );
  });

  it('are masked after secrets, and all are counted', () => {
    const wishes: OutputWishes = {
      secrets: { env: { DB: 'letmein123' } },
      mask: { values: [], types: ['card', 'email', 'token'] },
    };
    const { text, masked } = passText(
      wishes,
      'letmein123 a@b.org c@d.org 4111111111111111 AKIAIOSFODNN7EXAMPLE',
    );
    expect(text).toBe('[masked] [masked] [masked] [masked] [masked]');
    expect(masked).toEqual({ secret: 1, email: 2, card: 1, token: 1 });
    expect(passText(wishes, 'nothing').masked).toBeNull();
  });
});

describe('rules that end a run', () => {
  const rules = [
    { words: ['DROP TABLE', 'x'], message: 'no tables' },
    { pattern: 'secret-\\d+$', message: 'no numbers' },
  ];

  it('let what stood before the match leave, and nothing after it, on any stream', () => {
    const said: string[] = [];
    const filters = filtersOf({ deny_output: rules }, (message) => said.push(message));
    const out = { stdout: '', stderr: '' };
    const stdout = filters.filter((data) => (out.stdout += data.toString()));
    const stderr = filters.filter((data) => (out.stderr += data.toString()));
    stderr.write(Buffer.from('fine\n'));
    stdout.write(Buffer.from('one DROP T'));
    expect(out.stdout).toBe('one ');
    stdout.write(Buffer.from('ABLE two'));
    stdout.write(Buffer.from('three'));
    stderr.write(Buffer.from('four'));
    stdout.end();
    stderr.end();
    expect(out).toEqual({ stdout: 'one ', stderr: 'fine\n' });
    expect(said).toEqual(['no tables']);
  });

  it('hold words exactly, however the output is cut', () => {
    const part = fc.constantFrom('a', 'b', 'ab', 'abab', ' ');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 20 }), lengths, (parts, cuts) => {
        const whole = parts.join('');
        const { text, said } = pass(
          { deny_output: [{ words: ['abba', 'aab '], message: 'm' }] },
          cut(whole, cuts),
        );
        const ends = ['abba', 'aab '].flatMap((word) =>
          whole.includes(word) ? [{ end: whole.indexOf(word) + 4, start: whole.indexOf(word) }] : [],
        );
        const first = ends.sort((a, b) => a.end - b.end)[0];
        expect(text).toBe(first === undefined ? whole : whole.slice(0, first.start));
        expect(said).toEqual(first === undefined ? [] : ['m']);
      }),
    );
  });

  it('see patterns across pieces, by line, also in what is no text', () => {
    expect(passText({ deny_output: rules }, 'a secret-', '12', '3\nrest').said).toEqual(['no numbers']);
    expect(passText({ deny_output: rules }, 'ñ secret-1\n')).toMatchObject({
      text: Buffer.from('ñ ').toString('latin1'),
    });
    const bytes = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('secret-7')]);
    expect(pass({ deny_output: rules }, [bytes])).toMatchObject({ text: '\xff\xfe', said: ['no numbers'] });
    expect(passText({ deny_output: rules }, 'box')).toMatchObject({ text: 'bo', said: ['no tables'] });
  });

  it('see the output before it is masked', () => {
    const wishes: OutputWishes = {
      secrets: { env: { P: 'pass-word-1' } },
      deny_output: [{ words: ['pass-word-1'], message: 'the password itself' }],
    };
    expect(passText(wishes, 'a pass-word-1')).toMatchObject({ text: 'a ', said: ['the password itself'] });
  });

  it('that cannot be read let nothing start', () => {
    expect(() => passText({ deny_output: [{ pattern: '(', message: '' }] })).toThrow(/cannot be read here/);
  });
});
