import { type TargetRow } from '../executions.repository.js';
import { TARGET_STATES } from '../states.js';
import { targetRow } from '../testing/target-row.js';
import { byHostname, counting, toItem, toOutcome, wantedOf } from './items.js';

const MIB = 1024 * 1024;
const outcome = (fields: Partial<TargetRow>): unknown => toOutcome(targetRow(fields), 7);

describe('toOutcome: each row of the table of outcomes', () => {
  it.each([
    ['finished 0', { state: 'finished', exit_code: 0 }, { status: 'ok', exit_code: 0, changed: true }],
    ['finished n', { state: 'finished', exit_code: 3 }, { status: 'ok', exit_code: 3, changed: true }],
    ['died by a signal', { state: 'finished', signal: 11 }, { status: 'ok', exit_code: 139, changed: true }],
    [
      'timed out',
      { state: 'timed_out', reason: 'timeout', signal: 15, message: 'timeout' },
      { status: 'failed', error: 'command timed out after 7s', reason: 'timeout', changed: true },
    ],
    [
      'killed on request',
      { state: 'killed', reason: 'cancel_requested', stop_by: 'ann@example.com' },
      {
        status: 'failed',
        error: 'command was stopped by ann@example.com',
        reason: 'cancel_requested',
        changed: true,
      },
    ],
    [
      'killed with its agent',
      { state: 'killed', reason: 'agent_shutdown', message: 'the agent was shut down' },
      {
        status: 'failed',
        error: 'command was stopped: the agent was shut down',
        reason: 'agent_shutdown',
        changed: true,
      },
    ],
    [
      'failed to start',
      { state: 'failed_to_start', reason: 'not_found', message: 'nope: command not found' },
      { status: 'failed', error: 'nope: command not found', reason: 'not_found', changed: false },
    ],
    [
      'denied by the agent',
      {
        state: 'failed_to_start',
        reason: 'denied',
        message: "denied by the agent's policy: nothing runs as root here",
      },
      {
        status: 'failed',
        error: "denied: the agent's policy: nothing runs as root here",
        reason: 'denied',
        changed: false,
      },
    ],
    [
      'host offline',
      { state: 'failed_to_start', reason: 'host_offline', message: 'host offline' },
      { status: 'failed', error: 'host offline', reason: 'host_offline', changed: false },
    ],
    [
      'lost',
      { state: 'lost', reason: 'agent_died', message: 'the agent died while this ran' },
      { status: 'failed', error: 'lost: the agent died while this ran', reason: 'agent_died' },
    ],
    [
      'expired',
      { state: 'expired', reason: 'expired', message: 'expired before the host came online' },
      { status: 'failed', error: 'expired before the host came online', reason: 'expired', changed: false },
    ],
    [
      'cancelled before start',
      { state: 'cancelled', reason: 'cancel_requested', message: 'cancelled by ann@example.com' },
      {
        status: 'skipped',
        error: 'cancelled by ann@example.com',
        reason: 'cancel_requested',
        changed: false,
      },
    ],
    [
      'denied',
      { state: 'denied', reason: 'denied', message: 'only uptime is allowed' },
      { status: 'failed', error: 'denied: only uptime is allowed', reason: 'denied', changed: false },
    ],
    ['queued', { state: 'queued' }, { status: 'queued', reason: 'queued' }],
    ['of a later wave', { state: 'ready' }, { status: 'queued', reason: 'ready' }],
    ['handed to a silent agent', { state: 'dispatched' }, { status: 'running', reason: 'unconfirmed' }],
    ['running', { state: 'running' }, { status: 'running', reason: 'running', changed: true }],
  ] as const)('%s', (_, fields, expected) => {
    expect(outcome(fields)).toEqual(expected);
  });

  it('says what went wrong wherever something did, and for programs wherever it is not ok', () => {
    for (const state of TARGET_STATES) {
      const { status, error, reason } = toOutcome(targetRow({ state, message: '' }), 7);
      expect({ state, error: error !== undefined }).toEqual({
        state,
        error: status === 'failed' || status === 'skipped',
      });
      expect({ state, reason: reason !== undefined }).toEqual({ state, reason: status !== 'ok' });
      expect(error).not.toBe('');
    }
  });
});

describe('toItem', () => {
  const tail = { stdout: 'out', stderr: '', stdoutBytes: 3, stderrBytes: 0, limit: MIB };

  it('shows all of what ran to its end, also where it wrote nothing', () => {
    const target = targetRow({
      host_id: 3,
      hostname: 'web-1',
      state: 'finished',
      exit_code: 0,
      duration_ms: '12',
    });
    expect(toItem(target, 7, undefined)).toEqual({
      hostname: 'web-1',
      host_id: 3,
      status: 'ok',
      exit_code: 0,
      changed: true,
      stdout: '',
      stderr: '',
      duration_ms: 12,
    });
  });

  it('keeps the output of what was ended', () => {
    const target = targetRow({ state: 'timed_out', stdout_bytes: '3', started_at: new Date(0) });
    expect(toItem(target, 7, tail)).toMatchObject({ status: 'failed', stdout: 'out', stderr: '' });
  });

  it('has no output where nothing ran', () => {
    expect(toItem(targetRow({ state: 'failed_to_start', message: 'x' }), 7, undefined)).not.toHaveProperty(
      'stdout',
    );
  });

  it('says of each stream whether there was more', () => {
    const target = targetRow({ state: 'finished', exit_code: 0, stdout_bytes: '4', stderr_bytes: '0' });
    const item = toItem(target, 7, tail);
    expect(item.stdout_truncated).toBe(true);
    expect(item).not.toHaveProperty('stderr_truncated');
    // Of a run that goes on the amount is not known: a full answer may not be all.
    const running = targetRow({ state: 'running', started_at: new Date(0) });
    expect(toItem(running, 7, { ...tail, limit: 3 })).toMatchObject({ stdout_truncated: true });
    expect(toItem(running, 7, tail)).not.toHaveProperty('stdout_truncated');
  });

  it('reads what was counted, and whatever there may be of what was not', () => {
    expect(wantedOf(targetRow({ id: '5', state: 'finished', stdout_bytes: '4' }))).toEqual({
      id: '5',
      stdoutBytes: 4,
      stderrBytes: 0,
    });
    for (const state of ['running', 'lost'] as const)
      expect(wantedOf(targetRow({ state, started_at: new Date(0) }))).toMatchObject({
        stdoutBytes: Infinity,
      });
    expect(wantedOf(targetRow({ state: 'queued' }))).toMatchObject({ stdoutBytes: 0, stderrBytes: 0 });
  });
});

it('sorts by hostname, hosts of one name by id', () => {
  const hosts = [
    { hostname: 'b', host_id: 1 },
    { hostname: 'a', host_id: 12 },
    { hostname: 'B', host_id: 3 },
    { hostname: 'a', host_id: 2 },
  ];
  expect([...hosts].sort(byHostname).map((host) => host.host_id)).toEqual([3, 2, 12, 1]);
});

it('counts the last host of `_any`, and every host of all else', () => {
  const targets = [targetRow({ id: '1' }), targetRow({ id: '2' })];
  expect(counting(targets, true).map(({ id }) => id)).toEqual(['2']);
  expect(counting(targets, false)).toEqual(targets);
});
