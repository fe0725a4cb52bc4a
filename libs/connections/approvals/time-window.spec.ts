import fc from 'fast-check';
import { DomainError } from '#libs/platform/errors/index';
import { checkTimeWindow, inWords, openUntil, type TimeWindow } from './time-window.js';

const window = (start_time: string, end_time: string): TimeWindow => ({
  type: 'time_range',
  configuration: { start_time, end_time },
});
const at = (time: string): number => Date.parse(`2026-03-01T${time}Z`);

describe('openUntil', () => {
  it.each<[TimeWindow[], string, string | null]>([
    [[window('09:00', '18:00')], '09:00:00', '2026-03-01T18:00:00Z'],
    [[window('09:00', '18:00')], '17:59:59.999', '2026-03-01T18:00:00Z'],
    [[window('09:00', '18:00')], '18:00:00', null],
    [[window('09:00', '18:00')], '08:59:59.999', null],
    [[window('22:00', '04:00')], '23:30:00', '2026-03-02T04:00:00Z'],
    [[window('22:00', '04:00')], '03:30:00', '2026-03-01T04:00:00Z'],
    [[window('22:00', '04:00')], '12:00:00', null],
    [[window('00:00', '00:01')], '00:00:30', '2026-03-01T00:01:00Z'],
    [[window('09:00', '18:00'), window('12:00', '13:00')], '12:30:00', '2026-03-01T13:00:00Z'],
    [[window('09:00', '18:00'), window('12:00', '13:00')], '14:00:00', null],
  ])('%j at %s', (windows, time, end) => {
    expect(openUntil(windows, at(time))).toBe(end === null ? null : Date.parse(end));
  });

  it('is without an end where there is no window', () => {
    expect(openUntil([], at('12:00:00'))).toBe(Infinity);
  });

  it('is what walking from minute to minute says', () => {
    const minute = fc.integer({ min: 0, max: 1_439 });
    const text = (m: number): string =>
      `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`;
    fc.assert(
      fc.property(minute, minute, minute, (start, end, now) => {
        fc.pre(start !== end);
        const inside = new Set<number>();
        for (let m = start; m !== end; m = (m + 1) % 1_440) inside.add(m);
        let left = 0;
        for (let m = now; inside.has(m); m = (m + 1) % 1_440) left += 1;
        const from = at('00:00:00') + now * 60_000;
        expect(openUntil([window(text(start), text(end))], from)).toBe(
          left === 0 ? null : from + left * 60_000,
        );
      }),
    );
  });
});

describe('checkTimeWindow', () => {
  it.each([
    [{}, 'time_window.type must be time_range'],
    [{ type: 'forever' }, 'time_window.type must be time_range'],
    [{ type: 'time_range' }, 'start_time must be a time of day in UTC, as HH:MM'],
    [{ type: 'time_range', configuration: { start_time: '9:00', end_time: '18:00' } }, 'start_time must be'],
    [{ type: 'time_range', configuration: { start_time: '09:00', end_time: '24:00' } }, 'end_time must be'],
    [{ type: 'time_range', configuration: { start_time: '09:00', end_time: 18 } }, 'end_time must be'],
    [
      { type: 'time_range', configuration: { start_time: '09:00', end_time: '09:00' } },
      'other than its start_time',
    ],
  ])('refuses %j', (given, reason) => {
    expect(() => checkTimeWindow(given)).toThrow(DomainError);
    expect(() => checkTimeWindow(given)).toThrow(reason);
  });

  it('keeps what it knows', () => {
    const given = { ...window('22:00', '04:00'), more: true };
    expect(checkTimeWindow(given)).toEqual(window('22:00', '04:00'));
    expect(inWords([checkTimeWindow(given)])).toBe('22:00 to 04:00 UTC');
  });
});
