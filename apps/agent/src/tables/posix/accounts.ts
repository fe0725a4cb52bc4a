import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { recordsOf, type DirectoryRecord } from './directory-service.js';
import { linesOf, type Warn } from './files.js';

/** An account of this machine. */
export interface Account {
  readonly username: string;
  readonly uid: number;
  readonly gid: number;
  readonly description: string;
  readonly directory: string;
  readonly shell: string;
  /** Of macOS alone. */
  readonly uuid?: string;
  readonly is_hidden?: boolean;
}

/** A group of this machine, with the names of those who are in it besides their own group. */
export interface Group {
  readonly groupname: string;
  readonly gid: number;
  readonly members: readonly string[];
  /** Of macOS alone. */
  readonly is_hidden?: boolean;
}

const NUMBER = /^\d+$/;
const ID = /^-?\d+$/;
const USER_ATTRIBUTES = [
  'RecordName',
  'UniqueID',
  'PrimaryGroupID',
  'RealName',
  'NFSHomeDirectory',
  'UserShell',
  'GeneratedUID',
  'IsHidden',
];
const GROUP_ATTRIBUTES = ['RecordName', 'PrimaryGroupID', 'GroupMembership', 'IsHidden'];

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

/** An account of macOS's directory; null for one without a number. */
export function toAccount(record: DirectoryRecord): Account | null {
  const one = (name: string): string => record.get(name)?.[0] ?? '';
  const [uid, gid] = [one('UniqueID'), one('PrimaryGroupID')];
  if (!ID.test(uid) || !ID.test(gid)) return null;
  return {
    username: one('RecordName'),
    // Those of nobody are -2, which is 4294967294 without a sign.
    uid: Number(uid) >>> 0,
    gid: Number(gid) >>> 0,
    description: one('RealName'),
    directory: one('NFSHomeDirectory'),
    shell: one('UserShell'),
    uuid: one('GeneratedUID'),
    is_hidden: isHidden(record),
  };
}

/** A group of macOS's directory; null for one without a number. */
export function toGroup(record: DirectoryRecord): Group | null {
  const gid = record.get('PrimaryGroupID')?.[0] ?? '';
  if (!ID.test(gid)) return null;
  return {
    groupname: record.get('RecordName')?.[0] ?? '',
    gid: Number(gid) >>> 0,
    members: record.get('GroupMembership') ?? [],
    is_hidden: isHidden(record),
  };
}

function isHidden(record: DirectoryRecord): boolean {
  return ['1', 'yes', 'true'].includes(record.get('IsHidden')?.[0]?.toLowerCase() ?? '');
}

/** The accounts in /etc/passwd; on macOS those of its directory, of which that file has but a part. */
export function* accounts(scan: Warn): Generator<Account> {
  if (process.platform === 'darwin') {
    for (const record of recordsOf('/Users', USER_ATTRIBUTES, scan)) {
      const account = toAccount(record);
      if (account) yield account;
    }
    return;
  }
  for (const line of linesOf('/etc/passwd', scan)) {
    const account = parseAccount(line);
    if (account) yield account;
  }
}

/** The groups in /etc/group, or in macOS's directory. */
export function* groupsOf(scan: Warn): Generator<Group> {
  if (process.platform === 'darwin') {
    for (const record of recordsOf('/Groups', GROUP_ATTRIBUTES, scan)) {
      const group = toGroup(record);
      if (group) yield group;
    }
    return;
  }
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
    platforms: ['linux', 'darwin'],
    *rows(scan) {
      for (const account of accountsOf(scan))
        for (const row of rowsOf(account, scan)) yield { uid: account.uid, ...row };
    },
  };
}
