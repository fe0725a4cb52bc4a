import { type Target } from '../api/shapes.js';
import { describeDuration, describeOutcome, exitCodeOf } from './outcome.js';

function target(fields: Partial<Target>): Target {
  return {
    id: 1,
    uuid: 'u',
    host: { id: 1, uuid: 'h', hostname: 'web-1' },
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

describe('the exit code of a target', () => {
  it.each<[Partial<Target>, number]>([
    [{ exitCode: 0 }, 0],
    [{ exitCode: 7 }, 7],
    [{ exitCode: 255 }, 255],
    [{ exitCode: 256 }, 1],
    [{ exitCode: -1 }, 255],
    [{ signal: 9 }, 137],
    [{ signal: 'SIGTERM' }, 143],
    [{ state: 'timed_out', signal: 15 }, 124],
    [{ state: 'killed', signal: 9 }, 130],
    [{ state: 'cancelled' }, 130],
    [{ state: 'failed_to_start', reason: 'not_found' }, 127],
    [{ state: 'failed_to_start', reason: 'not_executable' }, 126],
    [{ state: 'failed_to_start', reason: 'scripts_disabled' }, 125],
    [{ state: 'lost' }, 125],
    [{ state: 'expired' }, 125],
    [{ state: 'denied' }, 125],
    [{ state: 'running' }, 125],
  ])('%j → %i', (fields, expected) => {
    expect(exitCodeOf(target(fields))).toBe(expected);
  });
});

describe('the end in words', () => {
  it('is silent about an ordinary end', () => {
    expect(describeOutcome(target({ exitCode: 3 }))).toBeUndefined();
  });

  it('names the host, the signal and the reason', () => {
    expect(describeOutcome(target({ signal: 11 }))).toBe('ended on web-1 by SIGSEGV');
    expect(describeOutcome(target({ state: 'failed_to_start', reason: 'not_found' }))).toBe(
      'did not start on web-1: not found',
    );
    expect(describeOutcome(target({ state: 'killed', message: 'by me@example.com' }))).toBe(
      'killed on web-1: by me@example.com',
    );
  });

  it.each([
    [0.2, '1 ms'],
    [12.4, '12 ms'],
    [1500, '1.5 s'],
    [125_000, '2 min 5 s'],
  ])('%d ms is %s', (ms, expected) => {
    expect(describeDuration(ms)).toBe(expected);
  });
});
