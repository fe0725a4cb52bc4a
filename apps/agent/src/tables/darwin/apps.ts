import { basename } from 'node:path';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { accounts } from '../posix/accounts.js';
import { joined, namesIn } from '../posix/files.js';
import { outputOf } from '../posix/programs.js';
import { dictionaryOf, plainOf, type Plist, readPlist } from './plist.js';

const DIRECTORIES = [
  '/Applications',
  '/Applications/Utilities',
  '/System/Applications',
  '/System/Applications/Utilities',
  '/System/Library/CoreServices',
  '/System/Library/CoreServices/Applications',
  '/Users/Shared/Applications',
];
const IN_HOMES = ['Applications', 'Desktop', 'Downloads'];

const KEYS: Readonly<Record<string, string>> = {
  bundle_executable: 'CFBundleExecutable',
  bundle_identifier: 'CFBundleIdentifier',
  bundle_name: 'CFBundleName',
  bundle_short_version: 'CFBundleShortVersionString',
  bundle_version: 'CFBundleVersion',
  bundle_package_type: 'CFBundlePackageType',
  environment: 'LSEnvironment',
  element: 'LSUIElement',
  compiler: 'DTCompiler',
  development_region: 'CFBundleDevelopmentRegion',
  display_name: 'CFBundleDisplayName',
  info_string: 'CFBundleGetInfoString',
  minimum_system_version: 'LSMinimumSystemVersion',
  category: 'LSApplicationCategoryType',
  applescript_enabled: 'NSAppleScriptEnabled',
  copyright: 'NSHumanReadableCopyright',
};

/** Words that stand for a boolean in such files. */
const WORDS: Readonly<Record<string, string>> = {
  true: '1',
  YES: '1',
  Yes: '1',
  false: '0',
  NO: '0',
  No: '0',
};

/** A row of the Info.plist of an application. */
export function toApp(path: string, plist: Plist): Row {
  const info = dictionaryOf(plist);
  const values = Object.entries(KEYS).map(([column, key]) => {
    const value = plainOf(info.get(key));
    return [column, WORDS[value] ?? value] as const;
  });
  return { name: basename(path), path, ...Object.fromEntries<string>(values) };
}

/**
 * What `mdls -raw -nullMarker - -name kMDItemLastUsedDate` says of as many files, in seconds since 1970; -1 of what has never
 * been opened, and of all of them where it has not said as much as was asked.
 */
export function parseLastUsed(text: string, count: number): number[] {
  const fields = text.split('\0');
  if (fields.length === count + 1 && fields.at(-1) === '') fields.pop();
  return Array.from({ length: count }, (_, i) => {
    const [, day, clock, offset] = /^(\S+) (\S+) ([-+]\d{4})$/.exec(fields[i] ?? '') ?? [];
    const time = fields.length === count ? Date.parse(`${day ?? ''}T${clock ?? ''}${offset ?? ''}`) : NaN;
    return Number.isNaN(time) ? -1 : Math.floor(time / 1000);
  });
}

/** Asked about together. */
const AT_ONCE = 200;

function* placesOf(scan: ScanContext): Generator<string> {
  const asked = scan.equals('path');
  if (asked) {
    yield* asked.map((path) => path.replace(/(?<=[^/])\/+$/, ''));
    return;
  }
  const homes = [...accounts(scan)].flatMap(({ directory }) =>
    IN_HOMES.map((name) => joined(directory, name)),
  );
  for (const directory of new Set([...DIRECTORIES, ...homes]))
    for (const name of namesIn(directory, scan, 'the applications of every account'))
      if (name.endsWith('.app')) yield joined(directory, name);
}

/** Applications where macOS and people put them. */
export const apps: Table = {
  name: 'apps',
  platforms: ['darwin'],
  *rows(scan) {
    const found = [...placesOf(scan)].flatMap((path) => {
      const plist = readPlist(`${path}/Contents/Info.plist`, scan, 'every application');
      return plist === null ? [] : [toApp(path, plist)];
    });
    for (let at = 0; at < found.length; at += AT_ONCE) {
      const some = found.slice(at, at + AT_ONCE);
      const paths = some.map((row) => String(row['path'])).filter((path) => path.startsWith('/'));
      const options = ['-raw', '-nullMarker', '-', '-name', 'kMDItemLastUsedDate'];
      const times = scan.uses('last_opened_time')
        ? parseLastUsed(outputOf('mdls', [...options, ...paths], scan, { partial: true }) ?? '', some.length)
        : [];
      for (const [i, row] of some.entries()) yield { ...row, last_opened_time: times[i] ?? -1 };
    }
  },
};
