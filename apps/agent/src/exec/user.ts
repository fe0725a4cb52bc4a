import { execFile } from 'node:child_process';
import { ReasonCode } from '#libs/protocol/index';
import { StartError } from './run-error.js';

/** An account of the operating system. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/**
 * Looks an account up where the system does (files, LDAP, …) and says whether this agent may become it.
 * The run gets the account's user and primary group, and no supplementary groups.
 */
export async function resolveAccount(name: string): Promise<Account> {
  if (!/^[A-Za-z0-9_.@\\-]{1,255}$/.test(name) || name.startsWith('-')) {
    throw new StartError(ReasonCode.badUser, `"${name}" is no user name`);
  }
  const line = await new Promise<string>((resolve) =>
    execFile('getent', ['passwd', name], { timeout: 10_000 }, (_error, stdout) => resolve(stdout.trim())),
  );
  const [login = '', , uid, gid, , home = '/'] = line.split(':');
  if (login === '' || uid === undefined || gid === undefined) {
    throw new StartError(ReasonCode.badUser, `there is no user "${name}" on this host`);
  }
  const account = { name: login, uid: Number(uid), gid: Number(gid), home };
  const own = process.getuid?.() ?? -1;
  if (own !== 0 && own !== account.uid) {
    throw new StartError(ReasonCode.badUser, `the agent does not run as root and may not become "${name}"`);
  }
  return account;
}
