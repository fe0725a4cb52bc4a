import * as fs from 'node:fs';
import { type Row, type Table } from '../engine/table.js';
import { accounts } from '../posix/accounts.js';
import { joined, linesOf, namesIn, type Warn } from '../posix/files.js';
import { units } from './systemd.js';

const SYSTEM = '/etc/xdg/autostart/';
const SCRIPTS = '/etc/init.d/';

/** What is in a directory that is no directory itself. */
function* filesIn(directory: string, scan: Warn): Generator<{ name: string; path: string }> {
  for (const name of namesIn(directory, scan, 'what every account starts')) {
    const path = joined(directory, name);
    if (fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === false) yield { name, path };
  }
}

/** Desktop entries: programs with their names. Of several lines of a kind the first one counts, as in the specification. */
export function* desktopItems(directory: string, username: string, scan: Warn): Generator<Row> {
  for (const { path } of filesIn(directory, scan)) {
    const lines = [...linesOf(path, scan, 'what every account starts')];
    const value = (key: string): string =>
      lines
        .find((line) => line.startsWith(`${key}=`))
        ?.slice(key.length + 1)
        .trim() ?? '';
    const common = { type: 'Startup Item', status: 'enabled', source: directory, username };
    yield { name: value('Name'), path: value('Exec'), args: '', ...common };
  }
}

/** Scripts that run as they are. */
export function* scriptItems(directory: string, username: string, scan: Warn): Generator<Row> {
  for (const { name, path } of filesIn(directory, scan))
    yield { name, path, args: '', type: 'Startup Item', status: 'enabled', source: directory, username };
}

/** What starts by itself: desktop entries and scripts of accounts and of the machine, units of systemd. */
export const startupItems: Table = {
  name: 'startup_items',
  platforms: ['linux'],
  *rows(scan) {
    const homes = new Map(
      [...accounts(scan)].reverse().map(({ directory, username }) => [directory, username]),
    );
    for (const [home, username] of homes) {
      yield* desktopItems(`${joined(home, '.config/autostart')}/`, username, scan);
      yield* scriptItems(`${joined(home, '.config/autostart-scripts')}/`, username, scan);
    }
    yield* scriptItems(SCRIPTS, '', scan);
    yield* desktopItems(SYSTEM, '', scan);
    for (const { id, fragmentPath, sourcePath, activeState, user } of units(scan))
      yield {
        name: id,
        path: fragmentPath,
        args: '',
        type: 'systemd unit',
        source: sourcePath,
        status: activeState,
        username: user,
      };
  },
};
