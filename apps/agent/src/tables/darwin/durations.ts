const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Milliseconds of `1-02:03:04` or `3:04.56`, as ps writes times of processors. */
export function millisecondsOf(text: string): number {
  const [, days = '0', clock = ''] = /^(?:(\d+)-)?([\d:.]+)$/.exec(text) ?? [];
  const seconds = clock.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1000);
}

/** Seconds since 1970 of `Thu Nov 27 14:32:34 2026`, taken as UTC; 0 for what is no such time. */
export function secondsOfCtime(text: string): number {
  const [, month = '', day, hours, minutes, seconds, year] =
    /^\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d{4})$/.exec(text) ?? [];
  const time = [hours, minutes, seconds].map(Number) as [number, number, number];
  return year === undefined ? 0 : Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), ...time) / 1000;
}

/** Seconds since 1970 of `Nov 27 14:32`, taken as UTC: the last time that this has been. */
export function secondsOfRecent(month: string, day: string, clock: string, now: Date): number {
  const [hours = 0, minutes = 0] = clock.split(':').map(Number);
  const of = (year: number): number =>
    Date.UTC(year, MONTHS.indexOf(month), Number(day), hours, minutes) / 1000;
  const current = of(now.getUTCFullYear());
  // A minute's grace: the clock of who wrote it may be ahead of ours by then.
  return current > now.getTime() / 1000 + 60 ? of(now.getUTCFullYear() - 1) : current;
}
