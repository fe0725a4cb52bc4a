import { DomainError } from '#libs/platform/errors/index';

/** Between two times of every day, in UTC: hoop's `time_range`. When the end lies before the beginning, across midnight. */
export interface TimeWindow {
  readonly type: 'time_range';
  /** As `HH:MM`. */
  readonly configuration: { readonly start_time: string; readonly end_time: string };
}

const DAY = 24 * 60 * 60 * 1_000;

/** @throws DomainError invalid, naming the field */
export function checkTimeWindow(window: unknown): TimeWindow {
  const { type, configuration } = (window ?? {}) as { type?: unknown; configuration?: unknown };
  if (type !== 'time_range')
    throw new DomainError('invalid', { name: 'time_window', reason: 'time_window.type must be time_range' });
  const { start_time: start, end_time: end } = (configuration ?? {}) as Record<string, unknown>;
  for (const [name, value] of [
    ['start_time', start],
    ['end_time', end],
  ])
    if (typeof value !== 'string' || !/^([01]\d|2[0-3]):[0-5]\d$/.test(value)) {
      const reason = `time_window.configuration.${String(name)} must be a time of day in UTC, as HH:MM`;
      throw new DomainError('invalid', { name: 'time_window', reason });
    }
  if (start === end) {
    const reason = 'time_window must have an end_time other than its start_time';
    throw new DomainError('invalid', { name: 'time_window', reason });
  }
  return { type, configuration: { start_time: start as string, end_time: end as string } };
}

/**
 * When the windows that are open at a moment close; null: not all of them are open.
 * @returns Infinity without a window
 */
export function openUntil(windows: readonly TimeWindow[], now: number): number | null {
  const ends = windows.map((window) => endOf(window, now));
  return ends.includes(null) ? null : Math.min(Infinity, ...(ends as number[]));
}

/** For people. */
export function inWords(windows: readonly TimeWindow[]): string {
  return windows
    .map(({ configuration: { start_time, end_time } }) => `${start_time} to ${end_time} UTC`)
    .join(' and ');
}

function endOf({ configuration }: TimeWindow, now: number): number | null {
  const [start, end] = [timeOf(configuration.start_time), timeOf(configuration.end_time)];
  const length = (end - start + DAY) % DAY;
  // Since the window opened last.
  const since = (((now - start) % DAY) + DAY) % DAY;
  return since < length ? now - since + length : null;
}

/** Since midnight, in ms. */
function timeOf(text: string): number {
  return (Number(text.slice(0, 2)) * 60 + Number(text.slice(3))) * 60_000;
}
