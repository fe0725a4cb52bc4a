import { type Row, type Table } from '../engine/table.js';
import { type Warn } from '../posix/files.js';
import { DEAD_PROCESS, loginRecords, USER_PROCESS } from './utmp.js';

/** Logins and their ends in a file of the kind of /var/log/wtmp, the oldest first. */
export function* lastRows(path: string, scan: Warn): Generator<Row> {
  for (const { type, user, line, pid, time, host } of loginRecords(path, scan)) {
    if (type !== USER_PROCESS && type !== DEAD_PROCESS) continue;
    const name = type === USER_PROCESS ? 'user-process' : 'dead-process';
    yield { username: user, tty: line, pid, type, type_name: name, time, host };
  }
}

/** Past logins. */
export const last: Table = {
  name: 'last',
  platforms: ['linux'],
  rows: (scan) => lastRows('/var/log/wtmp', scan),
};
