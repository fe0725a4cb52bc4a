import { readFileSync } from 'node:fs';
import * as os from 'node:os';
import { type Table } from '../engine/table.js';

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Since when this host is up. */
export const uptime: Table = {
  name: 'uptime',
  platforms: ['linux', 'darwin'],
  *rows() {
    const total = Math.floor(os.uptime());
    yield {
      days: Math.floor(total / 86_400),
      hours: Math.floor(total / 3600) % 24,
      minutes: Math.floor(total / 60) % 60,
      seconds: total % 60,
      total_seconds: total,
    };
  },
};

/** How many processes wanted to run, on average. */
export const loadAverage: Table = {
  name: 'load_average',
  platforms: ['linux', 'darwin'],
  *rows() {
    const periods = ['1m', '5m', '15m'];
    for (const [i, average] of os.loadavg().entries())
      yield { period: periods[i], average: average.toFixed(6) };
  },
};

/**
 * What a zone calls its time, of the last line of its file: the rule for all times to come, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
 *
 * @param minutes east of Greenwich, now
 */
export function zoneName(rule: string, minutes: number): string | null {
  const name = '(<[^>]+>|[A-Za-z]{3,})';
  const [, standard, offset = '', summer] =
    new RegExp(`^${name}([-+]?\\d+(?::\\d+)*)(?:${name})?`).exec(rule) ?? [];
  if (standard === undefined) return null;
  const [hours = 0, rest = 0] = offset.split(':').map(Number);
  // POSIX counts westwards.
  const east = -(hours * 60 + (offset.startsWith('-') ? -rest : rest));
  const current = east === minutes ? standard : summer;
  return current?.replace(/[<>]/g, '') ?? null;
}

function localZone(now: Date): string {
  const file = `/usr/share/zoneinfo/${Intl.DateTimeFormat().resolvedOptions().timeZone}`;
  try {
    const rule = readFileSync(file, 'latin1').trimEnd().split('\n').pop() ?? '';
    const name = zoneName(rule, -now.getTimezoneOffset());
    if (name !== null) return name;
  } catch {
    // Small systems have no zones: then what Node says of it.
  }
  const parts = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' }).formatToParts(now);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
}

/** The time of this host, in UTC. */
export const time: Table = {
  name: 'time',
  platforms: ['linux', 'darwin'],
  *rows() {
    const now = new Date();
    const two = (number: number): string => String(number).padStart(2, '0');
    const clock = [now.getUTCHours(), now.getUTCMinutes(), now.getUTCSeconds()].map(two).join(':');
    const weekday = WEEKDAYS[now.getUTCDay()] ?? '';
    const day = String(now.getUTCDate()).padStart(2, ' ');
    const iso = `${now.toISOString().slice(0, 19)}Z`;
    yield {
      weekday,
      year: now.getUTCFullYear(),
      month: now.getUTCMonth() + 1,
      day: now.getUTCDate(),
      hour: now.getUTCHours(),
      minutes: now.getUTCMinutes(),
      seconds: now.getUTCSeconds(),
      timezone: 'UTC',
      local_timezone: localZone(now),
      unix_time: Math.floor(now.getTime() / 1000),
      timestamp: `${weekday.slice(0, 3)} ${MONTHS[now.getUTCMonth()]} ${day} ${clock} ${now.getUTCFullYear()} UTC`,
      datetime: iso,
      iso_8601: iso,
    };
  },
};
