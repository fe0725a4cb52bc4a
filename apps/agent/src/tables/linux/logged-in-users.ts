import { type Row, type Table } from '../engine/table.js';
import { type Warn } from '../posix/files.js';
import { loginRecords } from './utmp.js';

/** By `ut_type`. */
const TYPES = [
  'empty',
  'runlevel',
  'boot_time',
  'new_time',
  'old_time',
  'init',
  'login',
  'user',
  'dead',
  'accounting',
];

/** Records of a file of the kind of /var/run/utmp. */
export function* loggedInRows(path: string, scan: Warn): Generator<Row> {
  for (const { type, user, line, pid, time, host } of loginRecords(path, scan)) {
    // As osquery.
    if (pid === 1) continue;
    yield { type: TYPES[type] ?? 'unknown', user, tty: line, host, time, pid };
  }
}

/** Who is logged in now. */
export const loggedInUsers: Table = {
  name: 'logged_in_users',
  platforms: ['linux'],
  rows: (scan) => loggedInRows('/var/run/utmp', scan),
};
