import { Recorder } from '../../testing/terminal.js';
import { type Execution, type Rollout, type Target } from '../api/shapes.js';
import { type Io } from '../terminal/io.js';
import { describeProgress } from './run-progress.js';
import { isHalted, tellVerdict, worstExitCode } from './verdict.js';

function target(id: number, fields: Partial<Target>): Target {
  return {
    id,
    uuid: `target-${id}`,
    host: { id, uuid: `host-${id}`, hostname: `web-${id}` },
    state: 'finished',
    reason: undefined,
    message: undefined,
    exitCode: undefined,
    signal: undefined,
    durationMs: undefined,
    truncated: false,
    raw: {},
    ...fields,
  };
}

function execution(targets: Partial<Target>[], rollout?: Partial<Rollout>): Execution {
  return {
    id: 'E',
    targets: targets.map((fields, index) => target(index + 1, fields)),
    rollout: rollout && {
      state: 'running',
      reason: undefined,
      wave: 1,
      waves: 3,
      nextAt: undefined,
      ...rollout,
    },
    raw: {},
  };
}

function told(of: Execution): string {
  const stderr = new Recorder();
  tellVerdict({ stdout: new Recorder(), stderr, color: false } as unknown as Io, of);
  return stderr.text;
}

const ok = { exitCode: 0 };
const waiting = { state: 'ready' };

describe('the exit code of many hosts', () => {
  it.each<[string, Partial<Target>[], number]>([
    ['all well', [ok, ok], 0],
    ['the worst code', [ok, { exitCode: 3 }, { exitCode: 2 }], 3],
    ['one in time, one not', [ok, { state: 'timed_out' }], 124],
    ['lost', [ok, { state: 'lost' }], 125],
    ['offline', [ok, { state: 'failed_to_start', reason: 'host_offline' }], 125],
    ['denied', [ok, { state: 'denied' }], 125],
    ['not found', [{ state: 'failed_to_start', reason: 'not_found' }, ok], 127],
    ['256 is no success', [{ exitCode: 256 }], 1],
    ['cancelled', [ok, { state: 'cancelled' }], 130],
  ])('%s', (_, targets, expected) => {
    expect(worstExitCode(execution(targets))).toBe(expected);
  });

  it('is 1 at least where it was halted, whatever waits', () => {
    expect(worstExitCode(execution([ok, waiting], { state: 'halted' }))).toBe(1);
    expect(worstExitCode(execution([{ exitCode: 7 }, waiting], { state: 'halted' }))).toBe(7);
  });

  it('counts tens of thousands', () => {
    const many = execution([...Array<typeof ok>(200_000).fill(ok), { exitCode: 5 }]);
    expect(worstExitCode(many)).toBe(5);
  });
});

it('is halted when nothing runs any more, not before', () => {
  expect(isHalted(execution([ok, waiting], { state: 'halted' }))).toBe(true);
  expect(isHalted(execution([{ state: 'running' }, waiting], { state: 'halted' }))).toBe(false);
  expect(isHalted(execution([ok, waiting], { state: 'pausing' }))).toBe(false);
  expect(isHalted(execution([ok, waiting]))).toBe(false);
});

describe('the table at the end', () => {
  it('has a row for each host, by name, with its end', () => {
    const ended = execution([
      { ...ok, durationMs: 12 },
      { signal: 11, durationMs: 1500 },
      { state: 'failed_to_start', reason: 'not_found', message: 'x: not found\u001b[2J' },
      { state: 'denied', message: 'only admins of its team' },
    ]);
    expect(told(ended).split('\n')).toEqual([
      'HOST   STATUS           EXIT  TIME   ERROR',
      'web-1  finished         0     12 ms',
      'web-2  finished               1.5 s  ended by SIGSEGV',
      'web-3  failed to start               x: not found�[2J',
      'web-4  denied                        only admins of its team',
      '1 of 4 hosts ended with 0',
      '',
    ]);
  });

  it('names only what went wrong where there are many', () => {
    const targets = [...Array<typeof ok>(300).fill(ok), ...Array<object>(150).fill({ exitCode: 1 })];
    const lines = told(execution(targets)).trimEnd().split('\n');
    expect(lines).toHaveLength(1 + 100 + 1);
    expect(lines[1]).toMatch(/^web-301 /);
    expect(lines.at(-1)).toBe('300 of 450 hosts ended with 0; 50 more that did not are not listed');
    const good = execution(Array<typeof ok>(1000).fill(ok));
    expect(told(good)).toBe('1,000 of 1,000 hosts ended with 0\n');
  });

  it('says why it was halted, and what to do', () => {
    const rollout = { state: 'halted', wave: 2, reason: '3 hosts failed, 2 are allowed' };
    const text = told(execution([ok, { exitCode: 1 }, waiting, waiting], rollout));
    expect(text).toContain('web-3  not sent');
    expect(text).toContain('halted in wave 2 of 3: 3 hosts failed, 2 are allowed\n');
    expect(text).toContain(
      '2 hosts were not sent anything: `muster resume E` goes on, `muster cancel E` ends it',
    );
  });
});

describe('progress', () => {
  const targets = [ok, { exitCode: 1 }, { state: 'lost' }, { state: 'running' }, waiting];

  it.each<[Partial<Rollout> | undefined, string]>([
    [undefined, '3/5 done, 2 failed'],
    [{ wave: 2 }, '3/5 done, 2 failed, wave 2/3'],
    [{ state: 'pausing', nextAt: '2026-01-01T00:00:10.500Z' }, '3/5 done, 2 failed, wave 1/3, next in 11 s'],
    [{ state: 'pausing', nextAt: '2025-01-01T00:00:00Z' }, '3/5 done, 2 failed, wave 1/3, next in 0 s'],
    [{ state: 'halted' }, '3/5 done, 2 failed, wave 1/3, halted'],
  ])('%j', (rollout, expected) => {
    expect(describeProgress(execution(targets, rollout), Date.parse('2026-01-01T00:00:00Z'))).toBe(expected);
  });
});
