import { type Row, type Table } from '../engine/table.js';
import { accounts, groupsOf } from './accounts.js';
import { type Warn } from './files.js';
import { below, statusOf, textOf } from './paths.js';

const DIRECTORIES = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin', '/tmp'];
const SETUID = 0o4000;
const SETGID = 0o2000;

/** Programs below a directory that run with their owner's or their group's rights. */
export function* suidBelow(
  directory: string,
  users: ReadonlyMap<number, string>,
  groups: ReadonlyMap<number, string>,
  scan: Warn,
): Generator<Row> {
  for (const { path, isDirectory } of below(directory, scan, false)) {
    const status = isDirectory ? null : statusOf(path, true);
    if (!status?.isFile() || (status.mode & (SETUID | SETGID)) === 0) continue;
    yield {
      path: textOf(path),
      username: users.get(status.uid) ?? String(status.uid),
      groupname: groups.get(status.gid) ?? String(status.gid),
      permissions: `${status.mode & SETUID ? 'S' : ''}${status.mode & SETGID ? 'G' : ''}`,
    };
  }
}

/** Programs that run with other rights than those of who starts them, where programs are looked for. */
export const suidBin: Table = {
  name: 'suid_bin',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    // The first name of an id counts, as in the C library.
    const users = new Map([...accounts(scan)].reverse().map(({ uid, username }) => [uid, username]));
    const groups = new Map([...groupsOf(scan)].reverse().map(({ gid, groupname }) => [gid, groupname]));
    for (const directory of DIRECTORIES) yield* suidBelow(directory, users, groups, scan);
  },
};
