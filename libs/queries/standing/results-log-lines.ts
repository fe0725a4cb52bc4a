import { type ScheduledReport } from '#libs/protocol/index';

/** Who found it. */
export interface ReportingHost {
  readonly id: number;
  readonly uuid: string;
  readonly hostname: string;
}

type Row = readonly (string | null)[];

/** A row as osquery words it: text by column; what is null is empty. */
export function rowObject(columns: readonly string[], row: Row): Record<string, string> {
  return Object.fromEntries(columns.map((column, i) => [column, row[i] ?? '']));
}

/**
 * A report in osquery's format of result logs, one JSON text per line: a snapshot is one, a differential result one per row. A run
 * that failed found nothing, and is told by none.
 */
export function resultLines(host: ReportingHost, report: ScheduledReport): string[] {
  const { columns, result } = report;
  const common = {
    name: `pack/${report.pack}/${report.name}`,
    hostIdentifier: host.uuid,
    calendarTime: calendarTime(report.at),
    unixTime: Math.floor(report.at / 1000),
    epoch: 0,
    counter: report.counter,
    numerics: false,
    decorations: { host_uuid: host.uuid, hostname: host.hostname },
  };
  const line = (more: object): string => JSON.stringify({ ...common, ...more });
  const each = (rows: readonly Row[], action: string): string[] =>
    rows.map((row) => line({ columns: rowObject(columns, row), action }));
  switch (result.kind) {
    case 'snapshot':
      return [line({ snapshot: result.rows.map((row) => rowObject(columns, row)), action: 'snapshot' })];
    case 'differential':
      return [...each(result.removed, 'removed'), ...each(result.added, 'added')];
    case 'failed':
      return [];
  }
}

/** C's `asctime` with the zone behind it: `Mon Nov  2 08:05:09 2026 UTC`. @param at milliseconds since the epoch */
export function calendarTime(at: number): string {
  const [weekday, day = '', month, year, time] = new Date(at).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year} UTC`;
}
