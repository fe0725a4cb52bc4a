import { basename } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { accounts } from '../posix/accounts.js';
import { joined, namesIn } from '../posix/files.js';
import { dictionaryOf, itemsOf, plainOf, type Plist, readPlist } from './plist.js';

const DIRECTORIES = [
  '/System/Library/LaunchDaemons',
  '/Library/LaunchDaemons',
  '/System/Library/LaunchAgents',
  '/Library/LaunchAgents',
];

const KEYS: Readonly<Record<string, string>> = {
  label: 'Label',
  program: 'Program',
  run_at_load: 'RunAtLoad',
  keep_alive: 'KeepAlive',
  on_demand: 'OnDemand',
  disabled: 'Disabled',
  username: 'UserName',
  groupname: 'GroupName',
  stdout_path: 'StandardOutPath',
  stderr_path: 'StandardErrorPath',
  start_interval: 'StartInterval',
  inetd_compatibility: 'inetdCompatibility',
  start_on_mount: 'StartOnMount',
  root_directory: 'RootDirectory',
  working_directory: 'WorkingDirectory',
  process_type: 'ProcessType',
};
const LISTS: Readonly<Record<string, string>> = {
  program_arguments: 'ProgramArguments',
  watch_paths: 'WatchPaths',
  queue_directories: 'QueueDirectories',
};

/** A row of the property list of a job (launchd.plist(5)); what has parts, such as conditions to keep it alive, is empty. */
export function toJob(path: string, plist: Plist): Row {
  const job = dictionaryOf(plist);
  const plain = Object.entries(KEYS).map(([column, key]) => [column, plainOf(job.get(key))] as const);
  const lists = Object.entries(LISTS).map(
    ([column, key]) => [column, itemsOf(job.get(key)).map(plainOf).join(' ')] as const,
  );
  return { path, name: basename(path), ...Object.fromEntries<string>([...plain, ...lists]) };
}

/** What launchd starts, for the machine and for accounts. */
export const launchd: Table = {
  name: 'launchd',
  platforms: ['darwin'],
  *rows(scan) {
    const asked = scan.equals('path');
    const homes = [...accounts(scan)].map(({ directory }) => joined(directory, 'Library/LaunchAgents'));
    for (const directory of new Set([...DIRECTORIES, ...homes]))
      for (const name of namesIn(directory, scan, 'the jobs of every account')) {
        const path = joined(directory, name);
        if (!name.endsWith('.plist') || (asked && !asked.includes(path))) continue;
        const plist = readPlist(path, scan, 'every job of launchd');
        if (plist !== null) yield toJob(path, plist);
      }
  },
};

/** Rows of the overrides of launchd of old: what is set otherwise than in the job itself. */
export function* overridesOf(path: string, plist: Plist): Generator<Row> {
  // com.apple.launchd.peruser.501
  const uid = Number(/\.peruser\.(\d+)\/[^/]+$/.exec(path)?.[1] ?? 0);
  for (const [label, settings] of dictionaryOf(plist))
    for (const [key, value] of dictionaryOf(settings)) yield { label, key, value: plainOf(value), uid, path };
}

const OVERRIDES = '/var/db/launchd.db';

export const launchdOverrides: Table = {
  name: 'launchd_overrides',
  platforms: ['darwin'],
  *rows(scan) {
    for (const name of namesIn(OVERRIDES, scan)) {
      const path = `${OVERRIDES}/${name}/overrides.plist`;
      const plist = readPlist(path, scan);
      if (plist !== null) yield* overridesOf(path, plist);
    }
  },
};
