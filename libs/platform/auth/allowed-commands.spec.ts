import fc from 'fast-check';
import { allowedCommandProblem, allowsCommand, type CommandLine } from './allowed-commands.js';

const argv = (...words: string[]): CommandLine => ({ kind: 'command', argv: words });
const line = (text: string): CommandLine => ({ kind: 'shell', line: text });

describe('allowed commands', () => {
  it.each([
    ['uptime', ['uptime'], true],
    ['uptime', ['uptime', '-p'], false],
    ['uptime', ['/usr/bin/uptime'], false],
    ['/usr/bin/uptime', ['uptime'], false],
    ['systemctl status *', ['systemctl', 'status', 'nginx'], true],
    ['systemctl status *', ['systemctl', 'status', 'nginx; reboot'], true],
    ['systemctl status *', ['systemctl', 'status'], false],
    ['systemctl status *', ['systemctl', 'status', 'nginx', 'sshd'], false],
    ['systemctl status *', ['systemctl', 'stop', 'nginx'], false],
    ['systemctl * nginx', ['systemctl', 'stop', 'nginx'], true],
    ['journalctl **', ['journalctl'], true],
    ['journalctl **', ['journalctl', '-u', 'nginx'], true],
    ['journalctl -u **', ['journalctl'], false],
    ['journalctl -u * **', ['journalctl', '-u'], false],
    ['ls *.log', ['ls', '*.log'], true],
    ['ls *.log', ['ls', 'x.log'], false],
    ['echo a b', ['echo', 'a b'], false],
    ['echo', ['echo', ''], false],
    ['echo *', ['echo', ''], true],
  ])('%j for the program %j: %s', (entry, words, expected) => {
    expect(allowsCommand([entry], argv(...words))).toBe(expected);
  });

  it.each([
    ['uptime', 'uptime', true],
    ['uptime', 'uptime ', false],
    ['uptime', 'uptime; reboot', false],
    ['cat *', 'cat /etc/shadow', false],
    ['cat *', 'cat *', true],
    ['journalctl **', 'journalctl -u nginx', false],
    ['ps aux | grep nginx', 'ps aux | grep nginx', true],
  ])('%j for the shell line %j: %s', (entry, text, expected) => {
    expect(allowsCommand([entry], line(text))).toBe(expected);
  });

  it('allow what one of them allows', () => {
    expect(allowsCommand(['uptime', 'id'], argv('id'))).toBe(true);
    expect(allowsCommand([], argv('id'))).toBe(false);
  });

  it.each([
    ['', /begin with a program/],
    [' uptime', /begin with a program/],
    ['* status', /name its program/],
    ['**', /name its program/],
    ['ls ** -l', /last word/],
    ['ls \0', /NUL/],
  ])('%j makes no sense', (entry, problem) => {
    expect(allowedCommandProblem(entry)).toMatch(problem);
  });

  it('makes sense of the others', () => {
    for (const entry of ['uptime', 'ls -l *', 'ls **', 'ps aux | grep *.log'])
      expect(allowedCommandProblem(entry)).toBeNull();
  });

  const word = fc.stringMatching(/^[a-z/*]{1,4}$/);

  it('never allow another program, whatever the pattern', () => {
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 1, maxLength: 4 }),
        fc.array(word, { minLength: 1 }),
        (words, args) => {
          const entry = words.join(' ');
          if (allowedCommandProblem(entry) === null && allowsCommand([entry], argv(...args)))
            expect(args[0]).toBe(words[0]);
        },
      ),
    );
  });

  it('without patterns allow exactly themselves', () => {
    const plain = fc.array(fc.stringMatching(/^[a-z;$|]{1,3}$/), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(plain, plain, (words, args) => {
        expect(allowsCommand([words.join(' ')], argv(...args))).toBe(words.join(' ') === args.join(' '));
      }),
    );
  });
});
