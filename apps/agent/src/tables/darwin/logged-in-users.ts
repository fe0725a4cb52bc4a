import { type Row, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';
import { secondsOfRecent } from './durations.js';

const LINE =
  /^(\S+)\s+(\S+)\s+([A-Z][a-z]{2}) +(\d{1,2}) (\d\d:\d\d)(?:\s+(\S+))??(?:\s+(\d+))?(?:\s+\((.*)\))?\s*$/;

/** A line of `who -u`: who, where, since when, how long idle, with which process, from where; null for what is none. */
export function parseWho(line: string, now: Date): Row | null {
  const [, user, tty, month = '', day = '', clock = '', , pid, host] = LINE.exec(line) ?? [];
  if (user === undefined) return null;
  return {
    type: 'user',
    user,
    tty,
    host: host ?? '',
    time: secondsOfRecent(month, day, clock, now),
    pid: pid === undefined ? -1 : Number(pid),
  };
}

/** Who is logged in now. */
export const darwinLoggedInUsers: Table = {
  name: 'logged_in_users',
  platforms: ['darwin'],
  *rows(scan) {
    const now = new Date();
    for (const line of (outputOf('who', ['-u'], scan) ?? '').split('\n')) {
      const row = parseWho(line, now);
      if (row) yield row;
    }
  },
};
