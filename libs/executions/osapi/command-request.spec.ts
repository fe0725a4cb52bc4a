import { DomainError } from '#libs/platform/errors/index';
import { execLine, expiryOf, isGradual, lineOf, shellLine, toCommand, waitOf } from './command-request.js';

describe('toCommand', () => {
  it('keeps the argument vector as it is, and leaves out what was not asked for', () => {
    const dto = { command: 'echo', args: ['$HOME', ''], cwd: null, env: null, stdin: '', user: null };
    const command = toCommand(execLine(dto), dto);
    expect(JSON.parse(command.content.toString())).toEqual(['echo', '$HOME', '']);
    expect(command).toMatchObject({ kind: 'command', lane: 'parallel', options: {}, timeoutSeconds: 30 });
    expect(command).not.toHaveProperty('stdin');
  });

  it('keeps a line for the shell, and what stands beside it', () => {
    const dto = { command: 'cat', cwd: '/tmp', env: { A: 'b' }, stdin: 'in', user: 'nobody', timeout: 7 };
    const command = toCommand(shellLine(dto), dto);
    expect(JSON.parse(command.content.toString())).toBe('cat');
    expect(command).toMatchObject({
      kind: 'shell',
      stdin: Buffer.from('in'),
      options: { cwd: '/tmp', env: { A: 'b' }, user: 'nobody' },
      timeoutSeconds: 7,
    });
  });

  it('refuses what no process can be given, wherever it stands', () => {
    const much = 'x'.repeat(2 * 1024 * 1024);
    for (const dto of [{ command: much }, { command: 'a', args: [much] }, { command: 'a', env: { A: much } }])
      expect(() => toCommand(execLine(dto), dto)).toThrow(DomainError);
    const dto = { command: 'a', stdin: much };
    expect(() => toCommand(execLine(dto), dto)).not.toThrow();
  });
});

it('names to limited tokens what stands beside a command', () => {
  expect(lineOf(['a'], { env: {}, cwd: null, stdin: undefined, user: 'b' })).toMatchObject({
    beside: ['env', 'user'],
  });
  expect(lineOf('a', {})).toEqual({ kind: 'shell', line: 'a', beside: [] });
});

it.each([
  [{}, 45],
  [{ timeout: 300 }, 315],
  [{ timeout: 5, wait: 2 }, 2],
  [{ wait: 0 }, 0],
  [{ wait: null, timeout: null }, 45],
])('waits as long as the command may take and a little more, unless told otherwise: %j', (dto, seconds) => {
  expect(waitOf(dto)).toBe(seconds);
});

it.each([
  ['as long as the answer waits', { timeout: 5 }, false, 20],
  ['as long as the answer waits when that was asked for', { wait: 2 }, false, 2],
  ['as long as others wait when nobody does', { wait: 0 }, false, 45],
  ['what was asked for', { wait: 2, expires_in: 7 }, false, 7],
  ['a day for hosts that are away, or have to wait for their turn', { wait: 2 }, true, 86_400],
  ['what was asked for, also then', { expires_in: 7 }, true, 7],
] as const)('expires after %s', (_, dto, patient, seconds) => {
  expect(expiryOf(dto, patient)).toBe(seconds);
});

it('is patient with everything that goes from wave to wave', () => {
  expect([{}, { batch: null }].map((dto) => isGradual(dto))).toEqual([false, false]);
  expect([{ batch: 1 }, { ramp: [1] }, { max_failures: 0 }].map((dto) => isGradual(dto))).toEqual([
    true,
    true,
    true,
  ]);
});
