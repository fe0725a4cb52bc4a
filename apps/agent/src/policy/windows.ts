export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
type Day = (typeof DAYS)[number];

const MINUTES_PER_DAY = 24 * 60;

/** The days that `mon` or `fri-mon` stands for; null: neither a day nor a range of days. */
export function daysOf(text: string): readonly Day[] | null {
  const [first = '', last = first, ...more] = text.toLowerCase().split('-');
  const [from, to] = [DAYS.indexOf(first as Day), DAYS.indexOf(last as Day)];
  if (from < 0 || to < 0 || more.length > 0) return null;
  const count = ((to - from + 7) % 7) + 1;
  return Array.from({ length: count }, (_, i) => DAYS[(from + i) % 7] as Day);
}

/** Minutes since midnight of `HH:MM`, up to 24:00; null: it is no time. */
export function minutesOf(text: string): number | null {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? [];
  if (hours === undefined || minutes === undefined || Number(minutes) > 59) return null;
  const all = Number(hours) * 60 + Number(minutes);
  return all <= MINUTES_PER_DAY ? all : null;
}

/** A time of the day, on some days, somewhere. */
export interface TimeWindow {
  readonly days?: readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly timezone?: string;
}

/** Whether a moment lies in one of the windows. */
export function isWithin(windows: readonly TimeWindow[], at: Date): boolean {
  return windows.some((window) => contains(window, at));
}

function contains({ days, from = '00:00', to = '24:00', timezone }: TimeWindow, at: Date): boolean {
  const { day, minute } = localTime(at, timezone);
  const wanted = days?.flatMap((text) => daysOf(text) ?? []) ?? DAYS;
  const [begin, end] = [minutesOf(from) ?? 0, minutesOf(to) ?? MINUTES_PER_DAY];
  const onDay = (index: number): boolean => wanted.includes(DAYS[(index + 7) % 7] as Day);
  if (begin < end) return onDay(day) && minute >= begin && minute < end;
  // Over midnight: it belongs to the day on which it began.
  return (onDay(day) && minute >= begin) || (onDay(day - 1) && minute < end);
}

/** Index of the day, Monday 0, and minutes since midnight, where that zone is. */
function localTime(at: Date, timezone: string | undefined): { day: number; minute: number } {
  if (timezone === undefined)
    return { day: (at.getDay() + 6) % 7, minute: at.getHours() * 60 + at.getMinutes() };
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  }).formatToParts(at);
  const part = (type: string): string => parts.find((each) => each.type === type)?.value ?? '';
  return {
    day: DAYS.indexOf(part('weekday').toLowerCase() as Day),
    minute: Number(part('hour')) * 60 + Number(part('minute')),
  };
}
