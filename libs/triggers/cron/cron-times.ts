import { Cron } from 'croner';

/** Five fields, or six with seconds first. */
const FIELDS = '5-or-6-parts';

/**
 * What is wrong with a cron line, or with its time zone (IANA; absent: this machine's), for people: null when nothing is. A line
 * that never fires, as on the 30th of February, is wrong.
 */
export function checkCron(text: string, timezone?: string): string | null {
  const zone = timezone === undefined ? null : checkTimezone(timezone);
  if (zone !== null) return zone;
  try {
    const fields = text.trim().split(/\s+/).length;
    if (!text.trim().startsWith('@') && fields !== 5 && fields !== 6)
      return 'five fields are expected, or six with seconds first';
    return new CronTimes(text, timezone).next(Date.now()) === null ? 'this never comes to pass' : null;
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).replace(/^CronPattern: /, '');
  }
}

/** What is wrong with the name of a time zone: null when nothing is. */
export function checkTimezone(timezone: string): string | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone });
    return null;
  } catch {
    return `there is no time zone "${timezone}"`;
  }
}

/**
 * The times of a cron line in a time zone. Where clocks are put forward, a fixed time that is left out comes when the gap has
 * passed; where they are put back, a fixed time comes once.
 */
export class CronTimes {
  private readonly cron: Cron;

  /** Throws when the line cannot be read. */
  constructor(text: string, timezone?: string) {
    this.cron = new Cron(text, { mode: FIELDS, paused: true, ...(timezone !== undefined && { timezone }) });
  }

  /** The first time after this one, milliseconds since the epoch; null: there is none. */
  next(after: number): number | null {
    return this.cron.nextRun(new Date(after))?.getTime() ?? null;
  }

  /** The times after `after` until `until`, that one included; of more than `most` the last ones. */
  between(after: number, until: number, most: number): number[] {
    const times: number[] = [];
    for (let time = this.next(after); time !== null && time <= until; time = this.next(time)) {
      times.push(time);
      if (times.length > most) times.shift();
    }
    return times;
  }
}
