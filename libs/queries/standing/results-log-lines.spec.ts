import { type ScheduledReport } from '#libs/protocol/index';
import { calendarTime, resultLines } from './results-log-lines.js';

const host = { id: 1, uuid: 'aa-bb', hostname: 'web-1' };
const AT = Date.UTC(2026, 10, 2, 8, 5, 9, 700);
const report = (result: ScheduledReport['result'], counter = 0): ScheduledReport => ({
  pack: 'Global',
  name: 'ports',
  query_id: 1,
  at: AT,
  counter,
  columns: ['port', 'name'],
  result,
});
const COMMON = {
  name: 'pack/Global/ports',
  hostIdentifier: 'aa-bb',
  calendarTime: 'Mon Nov  2 08:05:09 2026 UTC',
  unixTime: Math.floor(AT / 1000),
  epoch: 0,
  numerics: false,
  decorations: { host_uuid: 'aa-bb', hostname: 'web-1' },
};
const parsed = (of: ScheduledReport): unknown[] =>
  resultLines(host, of).map((line) => JSON.parse(line) as unknown);

it('a snapshot is one line', () => {
  expect(
    parsed(
      report({
        kind: 'snapshot',
        rows: [
          ['22', 'ssh'],
          ['80', null],
        ],
      }),
    ),
  ).toEqual([
    {
      ...COMMON,
      counter: 0,
      action: 'snapshot',
      snapshot: [
        { port: '22', name: 'ssh' },
        { port: '80', name: '' },
      ],
    },
  ]);
});

it('a differential result is a line per row', () => {
  const result = { kind: 'differential' as const, added: [['80', 'a']], removed: [['22', 'b']] };
  expect(parsed(report(result, 3))).toEqual([
    { ...COMMON, counter: 3, action: 'removed', columns: { port: '22', name: 'b' } },
    { ...COMMON, counter: 3, action: 'added', columns: { port: '80', name: 'a' } },
  ]);
});

it('a failure is none', () => {
  expect(parsed(report({ kind: 'failed', error: 'no such table' }))).toEqual([]);
});

it('days have two places', () => {
  expect(calendarTime(Date.UTC(2016, 4, 16, 23, 31, 5))).toBe('Mon May 16 23:31:05 2016 UTC');
});
