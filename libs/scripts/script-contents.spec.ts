import {
  ADHOC_SCRIPT_LIMIT,
  checkScriptContents,
  refuseSecretVariables,
  SAVED_SCRIPT_LIMIT,
  unixNewlines,
} from './script-contents.js';

const check = (contents: string | Buffer) => () =>
  checkScriptContents(contents, SAVED_SCRIPT_LIMIT, 'script');

const EMPTY = 'Script contents must not be empty.';
const LONG = "Script is too large. It's limited to 500,000 characters (approximately 10,000 lines).";
const NO_TEXT = 'Wrong data format. Only plain text allowed.';

describe('checkScriptContents', () => {
  it.each<[string, string | Buffer, string]>([
    ['nothing', '', EMPTY],
    ['blanks', ' \t\r\n', EMPTY],
    ['blank bytes', Buffer.from('\n\n'), EMPTY],
    ['one character too many', 'x'.repeat(500_001), LONG],
    ['one emoji too many', '👋'.repeat(500_001), LONG],
    ['one emoji too many, as bytes', Buffer.from('👋'.repeat(500_001)), LONG],
    ['too long and no text', Buffer.alloc(500_001, 0xff), LONG],
    ['half a character', 'echo \ud800', NO_TEXT],
    ['latin1', Buffer.from('echo é', 'latin1'), NO_TEXT],
    ['UTF-16', Buffer.from('\ufeffecho', 'utf16le'), NO_TEXT],
    ['a surrogate as UTF-8', Buffer.from([0xed, 0xa0, 0x80, 0x0a]), NO_TEXT],
    ['an overlong slash', Buffer.from([0x2e, 0xc0, 0xaf]), NO_TEXT],
  ])('refuses %s', (_, contents, reason) => {
    expect(check(contents)).toThrow(
      expect.objectContaining({ code: 'invalid', problems: [{ name: 'script', reason }] }),
    );
  });

  it.each<[string, string | Buffer]>([
    ['as many characters as there may be', 'x'.repeat(500_000)],
    ['as many emoji', '👋'.repeat(500_000)],
    ['as many emoji, as bytes', Buffer.from('👋'.repeat(500_000))],
    ['a NUL', 'echo \0'],
    ['any interpreter', '#!/usr/bin/env python3\nprint(1)'],
  ])('takes %s', (_, contents) => {
    expect(check(contents)).not.toThrow();
  });

  it('tells the limit that it was given, of the field that it was given', () => {
    const reason = "Script is too large. It's limited to 10,000 characters (approximately 125 lines).";
    expect(() => checkScriptContents('x'.repeat(10_001), ADHOC_SCRIPT_LIMIT, 'script_contents')).toThrow(
      expect.objectContaining({ problems: [{ name: 'script_contents', reason }] }),
    );
  });
});

describe('refuseSecretVariables', () => {
  it.each([
    ['echo $FLEET_SECRET_TOKEN', 'FLEET_SECRET_TOKEN'],
    ['echo "${FLEET_SECRET_A1}"', 'FLEET_SECRET_A1'],
    ['echo ${FLEET_SECRET_X:-none} $FLEET_SECRET_Y', 'FLEET_SECRET_X'],
  ])('refuses %s, naming the variable', (contents, name) => {
    for (const form of [contents, Buffer.from(contents)])
      expect(() => refuseSecretVariables(form, 'script')).toThrow(`"$${name}"`);
  });

  it.each(['FLEET_SECRET_X', '$FLEET_SECRET', '$FLEET_SECRET_', '$MY_FLEET_SECRET_X', '# FLEET_SECRET_X='])(
    'takes %s',
    (contents) => {
      expect(() => refuseSecretVariables(contents, 'script')).not.toThrow();
    },
  );
});

describe('unixNewlines', () => {
  it.each([
    ['a\r\nb\r\n', 'a\nb\n'],
    ['a\rb\n\r', 'a\rb\n\r'],
    ['\r\r\n', '\r\n'],
    ['é👋\r\n', 'é👋\n'],
  ])('makes %j %j', (before, after) => {
    expect(unixNewlines(Buffer.from(before)).toString()).toBe(after);
  });

  it('leaves bytes that are no text', () => {
    expect(unixNewlines(Buffer.from([0xff, 0x0d, 0x0a, 0xc3]))).toEqual(Buffer.from([0xff, 0x0a, 0xc3]));
  });
});
