import { attachment, checkScriptName } from './script-name.js';

describe('checkScriptName', () => {
  const type = 'File type not supported. Only .sh and .ps1 file type is allowed.';
  it.each([
    ['', 'The file name must not be empty.'],
    ['script', type],
    ['script.SH', type],
    ['script.Ps1', type],
    ['script.sh.txt', type],
    ['script.sh ', type],
    ['script.', type],
    ['sh', type],
    [`${'x'.repeat(253)}.sh`, 'The file name must have at most 255 characters.'],
    ['a/b.sh', 'The file name must not have a path.'],
    ...['a\nb.sh', '\0.sh', '\x7f.sh', '\ufffd.sh', '\ud800.sh'].map((name) => [
      name,
      'The file name must be plain text without control characters.',
    ]),
  ])('refuses %j', (name, reason) => {
    expect(() => checkScriptName(name, 'script')).toThrow(
      expect.objectContaining({ code: 'invalid', problems: [{ name: 'script', reason }] }),
    );
  });

  it.each([
    'a.sh',
    'a.ps1',
    '.sh',
    'a.b.sh',
    'späßchen 👋.sh',
    `${'x'.repeat(252)}.sh`,
    `${'👋'.repeat(252)}.sh`,
  ])('takes %s', (name) => {
    expect(() => checkScriptName(name, 'script')).not.toThrow();
  });
});

describe('attachment', () => {
  const day = new Date(2023, 8, 7, 23, 59);

  it.each([
    ['script_1.sh', 'attachment;filename="2023-09-07 script_1.sh"'],
    ["it's (one).sh", 'attachment;filename="2023-09-07 it\'s (one).sh"'],
    [
      'é👋\'(x)".sh',
      `attachment;filename="2023-09-07 __'(x)_.sh";filename*=UTF-8''2023-09-07%20%C3%A9%F0%9F%91%8B%27%28x%29%22.sh`,
    ],
    ['a\\b%41.sh', `attachment;filename="2023-09-07 a_b_41.sh";filename*=UTF-8''2023-09-07%20a%5Cb%2541.sh`],
  ])('of %s', (name, header) => {
    expect(attachment(name, day)).toBe(header);
  });
});
