import * as fs from 'node:fs';
import { join } from 'node:path';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { accountsOf } from './accounts.js';
import { namesIn, readText, realPath, type Warn } from './files.js';

const LIBRARIES = [
  '/usr/local/lib',
  '/usr/local/lib64',
  '/usr/lib',
  '/usr/lib64',
  // Of macOS: Homebrew's; of python.org and of Apple each version has a lib of its own.
  '/opt/homebrew/lib',
];
const FRAMEWORKS = [
  '/Library/Frameworks/Python.framework/Versions',
  '/System/Library/Frameworks/Python.framework/Versions',
  '/Library/Developer/CommandLineTools/Library/Frameworks/Python3.framework/Versions',
];
/** Apple's own place, with a directory for each version: 3.9/site-packages. */
const APPLE = '/Library/Python';
const HEADER_BYTES = 64 * 1024;
const WHAT = 'every Python package';

/** The header of METADATA or PKG-INFO. */
export function parseMetadata(text: string): Row {
  const [header = ''] = text.split(/\r?\n\r?\n/, 1);
  const field = (name: string): string =>
    new RegExp(`^${name}:[ \\t]*(.*?)\\r?$`, 'mi').exec(header)?.[1]?.trim() ?? '';
  return {
    name: field('Name'),
    version: field('Version'),
    summary: field('Summary'),
    author: field('Author'),
    license: field('License') || field('License-Expression'),
  };
}

/** Packages in one site-packages directory. */
export function* packagesIn(directory: string, scan: Warn): Generator<Row> {
  for (const name of namesIn(directory, scan, WHAT)) {
    const path = join(directory, name);
    const places = name.endsWith('.dist-info')
      ? [join(path, 'METADATA')]
      : // Older ones are a directory, or only a file.
        name.endsWith('.egg-info')
        ? [join(path, 'PKG-INFO'), path]
        : [];
    for (const place of places) {
      const text = readText(place, scan, WHAT, HEADER_BYTES);
      if (text === null) continue;
      yield { ...parseMetadata(text), path, directory };
      break;
    }
  }
}

/** `python3.11/site-packages` and the like in a lib directory. */
function sitesIn(library: string, scan: Warn): string[] {
  return namesIn(library, scan, WHAT)
    .filter((name) => name.startsWith('python'))
    .flatMap((name) => ['dist-packages', 'site-packages'].map((kind) => join(library, name, kind)));
}

function sitesOfHome(home: string, scan: Warn): string[] {
  const versions = join(home, '.pyenv/versions');
  const installed = namesIn(versions, scan, WHAT).filter((name) => !isLink(join(versions, name)));
  return [
    ...sitesIn(join(home, '.local/lib'), scan),
    ...namesIn(join(home, 'Library/Python'), scan, WHAT).flatMap((name) =>
      sitesIn(join(home, 'Library/Python', name, 'lib'), scan),
    ),
    ...installed.flatMap((name) => sitesIn(join(versions, name, 'lib'), scan)),
  ];
}

function isLink(path: string): boolean {
  return fs.lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true;
}

function* sites(scan: ScanContext): Generator<{ directory: string; uid: number }> {
  const asked = scan.equals('directory');
  if (asked) {
    for (const directory of asked) yield { directory, uid: 0 };
    return;
  }
  const versions = FRAMEWORKS.flatMap((framework) =>
    namesIn(framework, scan, WHAT)
      .filter((name) => !isLink(join(framework, name)))
      .map((name) => join(framework, name, 'lib')),
  );
  for (const library of [...LIBRARIES, ...versions])
    for (const directory of sitesIn(library, scan)) yield { directory, uid: 0 };
  for (const name of namesIn(APPLE, scan, WHAT))
    yield { directory: join(APPLE, name, 'site-packages'), uid: 0 };
  for (const { uid, directory: home } of accountsOf(scan))
    for (const directory of sitesOfHome(home, scan)) yield { directory, uid };
}

/** Packages of Python: the machine's as of root, those in homes as of their account. */
export const pythonPackages: Table = {
  name: 'python_packages',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    const seen = new Set<string>();
    for (const { directory, uid } of sites(scan)) {
      // Homes that several accounts share, and lib64 that is a link to lib.
      const key = `${uid} ${realPath(directory)}`;
      if (seen.has(key)) continue;
      seen.add(key);
      for (const row of packagesIn(directory, scan)) yield { ...row, uid };
    }
  },
};
