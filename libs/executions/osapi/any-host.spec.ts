import { ReasonCode } from '#libs/protocol/index';
import { TARGET_STATES } from '../states.js';
import { targetRow } from '../testing/target-row.js';
import { least, mayMove } from './any-host.js';
import { NOT_HERE } from './any-host.service.js';

const first = (): number => 0;

describe('least', () => {
  it('takes the host with most of its slots free', () => {
    const hosts = [
      { id: 1, slots: 4, busy: '2' },
      { id: 2, slots: 100, busy: '3' },
      { id: 3, slots: 1, busy: '0' },
    ];
    expect(least(hosts, first)).toBe(3);
    expect(least(hosts.slice(0, 2), first)).toBe(2);
  });

  it('draws among equals', () => {
    const hosts = [1, 2, 3].map((id) => ({ id, slots: 4, busy: 1 }));
    expect([0, 0.5, 0.99].map((chance) => least(hosts, () => chance))).toEqual([1, 2, 3]);
  });

  it('is null where there is nobody', () => {
    expect(least([], first)).toBeNull();
  });
});

describe('mayMove', () => {
  const verdict = (fields: Parameters<typeof targetRow>[0]): string => mayMove(targetRow(fields), NOT_HERE);

  it.each([
    ['its host is gone from the queue', { state: 'expired', reason: ReasonCode.hostOffline }],
    ['its host was removed', { state: 'cancelled', reason: ReasonCode.hostRemoved }],
    ['it waits', { state: 'queued' }],
    ...NOT_HERE.map(
      (reason) => [`its agent refused: ${reason}`, { state: 'failed_to_start', reason }] as const,
    ),
  ] as const)('moves when %s', (_, fields) => {
    expect(verdict(fields)).toBe('may');
  });

  it('waits for the word of an agent that has it', () => {
    expect(verdict({ state: 'dispatched' })).toBe('unknown');
  });

  it('waits for the word of those who have to approve it', () => {
    expect(verdict({ state: 'waiting_approval' })).toBe('unknown');
  });

  it('never moves what has started, whatever became of it', () => {
    const started_at = new Date();
    for (const state of TARGET_STATES) expect(verdict({ state, started_at })).toBe('stays');
    for (const state of ['running', 'terminating', 'finished', 'timed_out', 'killed', 'lost'] as const)
      for (const reason of [null, ...Object.values(ReasonCode)])
        expect(verdict({ state, reason })).toBe('stays');
  });

  it.each([
    'not_found',
    'not_executable',
    'bad_cwd',
    'bad_user',
    'start_failed',
    'expired',
    'content_mismatch',
  ] as const)('never runs again what failed by itself: %s', (reason) => {
    expect(verdict({ state: 'failed_to_start', reason })).toBe('stays');
  });

  it('leaves alone what somebody has cancelled, or its time has ended', () => {
    expect(verdict({ state: 'cancelled', reason: ReasonCode.cancelRequested })).toBe('stays');
    expect(verdict({ state: 'expired', reason: ReasonCode.expired })).toBe('stays');
  });
});
