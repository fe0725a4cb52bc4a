import fc from 'fast-check';
import { checkCron, CronTimes } from './cron-times.js';

const at = (text: string): number => Date.parse(text);
const iso = (times: readonly number[]): string[] => times.map((time) => new Date(time).toISOString());

interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number> | null;
}

/** A field of a line, with the values it means; null: a star. */
function field(least: number, most: number): fc.Arbitrary<Field> {
  const value = fc.integer({ min: least, max: most });
  const all = Array.from({ length: most - least + 1 }, (_, index) => least + index);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({ text: '*', values: null }) },
    value.map((one) => ({ text: String(one), values: new Set([one]) })),
    fc.tuple(value, value).map(([a, b]) => ({
      text: `${Math.min(a, b)}-${Math.max(a, b)}`,
      values: new Set(all.filter((one) => one >= Math.min(a, b) && one <= Math.max(a, b))),
    })),
    fc.integer({ min: 2, max: most }).map((step) => ({
      text: `*/${step}`,
      values: new Set(all.filter((one) => (one - least) % step === 0)),
    })),
    fc
      .uniqueArray(value, { minLength: 2, maxLength: 4 })
      .map((list) => ({ text: list.join(','), values: new Set(list) })),
  );
}

const line = fc.record({
  minute: field(0, 59),
  hour: field(0, 23),
  day: field(1, 31),
  month: field(1, 12),
  weekday: field(0, 6),
});
type Line = typeof line extends fc.Arbitrary<infer T> ? T : never;

/** Whether cron starts at this minute, said minute by minute. `local` is the time of the zone, as if it were UTC. */
function fires(fields: Line, local: Date): boolean {
  const has = ({ values }: Field, value: number): boolean => values === null || values.has(value);
  const day = has(fields.day, local.getUTCDate());
  const weekday = has(fields.weekday, local.getUTCDay());
  // Both said: either is enough.
  const date = fields.day.values !== null && fields.weekday.values !== null ? day || weekday : day && weekday;
  return (
    has(fields.minute, local.getUTCMinutes()) &&
    has(fields.hour, local.getUTCHours()) &&
    has(fields.month, local.getUTCMonth() + 1) &&
    date
  );
}

describe('cron lines', () => {
  it.each([
    ['* * * * *', null],
    ['*/5 * * * * *', null],
    ['0 0 29 2 *', null],
    ['@daily', null],
    ['0 0 30 2 *', 'this never comes to pass'],
    ['0 0 31 4,6 *', 'this never comes to pass'],
    ['61 * * * *', 'Invalid value for minute: 61'],
    ['0 0 * * 8', 'Invalid value for dayOfWeek: 8'],
  ])('%s: %s', (text, fault) => {
    expect(checkCron(text)).toBe(fault);
  });

  it.each(['', 'abc', '* * * *', '0 0 0 1 1 * 2020', '2030-01-01T00:00:00'])('"%s" is none', (text) => {
    expect(checkCron(text)).toMatch(/five/);
  });

  it('says which time zone there is not', () => {
    expect(checkCron('* * * * *', 'Mars/Olympus')).toBe('there is no time zone "Mars/Olympus"');
    expect(checkCron('* * * * *', 'Europe/Berlin')).toBeNull();
  });

  it.each([
    ['UTC', 0],
    ['Asia/Kolkata', 330],
    ['Etc/GMT+7', -420],
  ])('finds the next time as a look at each minute does, in %s', (zone, offset) => {
    fc.assert(
      fc.property(line, fc.integer({ min: 0, max: 400 * 1440 * 60 }), (fields, seconds) => {
        const { minute, hour, day, month, weekday } = fields;
        const text = [minute, hour, day, month, weekday].map((part) => part.text).join(' ');
        const from = at('2027-01-01T00:00:00Z') + seconds * 1000;
        const next = new CronTimes(text, zone).next(from);
        const end = Math.min(next ?? Infinity, from + 20 * 86_400_000);
        for (let time = Math.floor(from / 60_000) * 60_000 + 60_000; time < end; time += 60_000) {
          if (fires(fields, new Date(time + offset * 60_000))) return false;
        }
        return next === null || fires(fields, new Date(next + offset * 60_000));
      }),
      { numRuns: 150 },
    );
  });

  it('goes through a change of the clocks once', () => {
    const fixed = new CronTimes('30 2 * * *', 'Europe/Berlin');
    expect(iso(fixed.between(at('2026-03-27T12:00:00Z'), at('2026-03-30T12:00:00Z'), 10))).toEqual([
      '2026-03-28T01:30:00.000Z',
      '2026-03-29T01:00:00.000Z',
      '2026-03-30T00:30:00.000Z',
    ]);
    expect(iso(fixed.between(at('2026-10-24T12:00:00Z'), at('2026-10-26T12:00:00Z'), 10))).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
    ]);
  });

  it('tells the last of many missed times', () => {
    const times = new CronTimes('0 * * * *', 'UTC');
    const missed = times.between(at('2026-01-01T00:00:00Z'), at('2026-01-03T00:00:00Z'), 3);
    expect(iso(missed)).toEqual([
      '2026-01-02T22:00:00.000Z',
      '2026-01-02T23:00:00.000Z',
      '2026-01-03T00:00:00.000Z',
    ]);
  });
});
