import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { linesOf, namesIn } from './files.js';

const DIRECTORIES = [
  '/etc/cron.d',
  '/var/spool/cron',
  '/var/spool/cron/crontabs',
  // Of macOS, where /var/at/tabs is the same by a link.
  '/usr/lib/cron/tabs',
];

/** A line of a crontab(5); null for comments and variables. In the system's own the account is part of the command, as osquery. */
export function parseCronLine(text: string): Row | null {
  const line = text.trim();
  if (line === '' || line.startsWith('#') || /^[A-Za-z_"'][\w"']*\s*=/.test(line)) return null;
  const words = line.split(/\s+/);
  if (line.startsWith('@')) {
    const [event, ...command] = words;
    return command.length === 0 ? null : { event, command: command.join(' ') };
  }
  const [minute, hour, day_of_month, month, day_of_week, ...command] = words;
  if (command.length === 0) return null;
  return { event: '', minute, hour, day_of_month, month, day_of_week, command: command.join(' ') };
}

/** Commands that cron runs. */
export const crontab: Table = {
  name: 'crontab',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    const inDirectories = DIRECTORIES.flatMap((place) =>
      namesIn(place, scan).map((name) => join(place, name)),
    );
    for (const path of ['/etc/crontab', ...inDirectories])
      for (const line of linesOf(path, scan)) {
        const row = parseCronLine(line);
        if (row) yield { ...row, path };
      }
  },
};
