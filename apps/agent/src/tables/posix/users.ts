import { type ScanContext, type Table } from '../engine/table.js';
import { type Account, accountsOf, parseAccount, signed } from './accounts.js';
import { outputOf } from './programs.js';

/** Accounts of directories such as LDAP too, if the query says `include_remote = 1`. */
function remoteAccounts(scan: ScanContext): Account[] {
  const text = outputOf('getent', ['passwd'], scan);
  return text === null ? [...accountsOf(scan)] : text.split('\n').flatMap((line) => parseAccount(line) ?? []);
}

/** Local accounts. */
export const users: Table = {
  name: 'users',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    const remote = scan.equals('include_remote')?.includes('1') === true;
    const names = scan.equals('username');
    for (const account of remote ? remoteAccounts(scan) : accountsOf(scan)) {
      if (names && !names.includes(account.username)) continue;
      yield {
        uuid: '',
        ...account,
        uid_signed: signed(account.uid),
        gid_signed: signed(account.gid),
        include_remote: remote,
      };
    }
  },
};
