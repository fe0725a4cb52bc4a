import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { linesOf, type Warn } from './files.js';

/** An account of this machine. */
export interface Account {
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly description: string;
  readonly directory: string;
  readonly shell: string;
}

/** A group of this machine, with the names of those who are in it besides their own group. */
export interface Group {
  readonly groupname: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const NUMBER = /^\d+$/;

/** A line of passwd(5); null for one that is none. */
export function parseAccount(line: string): Account | null {
  const [username = '', , uid = '', gid = '', description = '', directory = '', shell = ''] = line.split(':');
  if (username === '' || /^[#+-]/.test(username) || !NUMBER.test(uid) || !NUMBER.test(gid)) return null;
  return { username, uid: Number(uid), gid: Number(gid), description, directory, shell };
}

/** A line of group(5); null for one that is none. */
export function parseGroup(line: string): Group | null {
  const [groupname = '', , gid = '', members = ''] = line.split(':');
  if (groupname === '' || /^[#+-]/.test(groupname) || !NUMBER.test(gid)) return null;
  return { groupname, gid: Number(gid), members: members.split(',').filter((name) => name !== '') };
}

/** The accounts in /etc/passwd. */
export function* accounts(scan: Warn): Generator<Account> {
  for (const line of linesOf('/etc/passwd', scan)) {
    const account = parseAccount(line);
    if (account) yield account;
  }
}

/** The groups in /etc/group. */
export function* groupsOf(scan: Warn): Generator<Group> {
  for (const line of linesOf('/etc/group', scan)) {
    const group = parseGroup(line);
    if (group) yield group;
  }
}

/** The accounts that a scan of a table with a `uid` column is about: those asked for, else all. */
export function* accountsOf(scan: ScanContext): Generator<Account> {
  const asked = scan.equals('uid');
  for (const account of accounts(scan)) if (!asked || asked.includes(String(account.uid))) yield account;
}

/** As a C program without the word "unsigned" reads it. */
export function signed(id: number): number {
  return id | 0;
}

/** A table of what stands in the homes of accounts: the rows of each account, with its `uid`. */
export function tableOfAccounts(
  name: string,
  rowsOf: (account: Account, scan: ScanContext) => Iterable<Row>,
): Table {
  return {
    name,
    platforms: ['linux'],
    *rows(scan) {
      for (const account of accountsOf(scan))
        for (const row of rowsOf(account, scan)) yield { uid: account.uid, ...row };
    },
  };
}
