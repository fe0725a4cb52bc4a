import { type Table } from './engine/table.js';
import { authorizedKeys } from './linux/authorized-keys.js';
import { crontab } from './linux/crontab.js';
import { etcHosts } from './linux/etc-hosts.js';
import { etcProtocols } from './linux/etc-protocols.js';
import { etcServices } from './linux/etc-services.js';
import { file } from './linux/file.js';
import { groups } from './linux/groups.js';
import { hash } from './linux/hash.js';
import { knownHosts } from './linux/known-hosts.js';
import { last } from './linux/last.js';
import { loggedInUsers } from './linux/logged-in-users.js';
import { processes } from './linux/processes.js';
import { shadow } from './linux/shadow.js';
import { shellHistory } from './linux/shell-history.js';
import { sshConfigs } from './linux/ssh-configs.js';
import { sudoers } from './linux/sudoers.js';
import { userGroups } from './linux/user-groups.js';
import { userSshKeys } from './linux/user-ssh-keys.js';
import { users } from './linux/users.js';

/** Every table that is served somewhere, in the order of their names. */
export const TABLES: readonly Table[] = [
  authorizedKeys,
  crontab,
  etcHosts,
  etcProtocols,
  etcServices,
  file,
  groups,
  hash,
  knownHosts,
  last,
  loggedInUsers,
  processes,
  shadow,
  shellHistory,
  sshConfigs,
  sudoers,
  userGroups,
  userSshKeys,
  users,
];
