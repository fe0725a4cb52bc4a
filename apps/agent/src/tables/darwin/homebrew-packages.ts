import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { namesIn, readText, type Warn } from '../posix/files.js';

const PREFIXES = ['/usr/local', '/opt/homebrew'];

/** What the file that Homebrew keeps of an installed cask says; nothing of a file that is none. */
export function parseCask(text: string): Row {
  try {
    const cask = JSON.parse(text) as { auto_updates?: unknown; artifacts?: unknown } | null;
    const artifacts = Array.isArray(cask?.artifacts) ? (cask.artifacts as unknown[]) : [];
    const apps = artifacts.flatMap((item) => (item as { app?: unknown } | null)?.app ?? []);
    const name = apps.find((app) => typeof app === 'string');
    return { auto_updates: cask?.auto_updates === true, app_name: typeof name === 'string' ? name : '' };
  } catch {
    return {};
  }
}

function caskOf(place: string, name: string, version: string, scan: Warn): Row {
  const kept = join(place, '.metadata', version);
  const time = namesIn(kept, scan, 'every cask').at(-1);
  const text = time && readText(join(kept, time, 'Casks', `${name}.json`), scan, 'every cask');
  return text ? parseCask(text) : {};
}

/** Formulae and casks below one prefix, a row for each version. */
export function* packagesBelow(prefix: string, scan: Warn): Generator<Row> {
  for (const [folder, type] of [
    ['Cellar', 'formula'],
    ['Caskroom', 'cask'],
  ] as const) {
    for (const name of namesIn(join(prefix, folder), scan)) {
      const path = join(prefix, folder, name);
      for (const version of namesIn(path, scan))
        if (!name.startsWith('.') && !version.startsWith('.')) {
          const cask = type === 'cask' ? caskOf(path, name, version, scan) : {};
          yield { name, path, version, type, auto_updates: false, app_name: '', ...cask, prefix };
        }
    }
  }
}

/** What Homebrew has installed. */
export const homebrewPackages: Table = {
  name: 'homebrew_packages',
  platforms: ['darwin'],
  *rows(scan) {
    for (const prefix of scan.equals('prefix') ?? PREFIXES) yield* packagesBelow(prefix, scan);
  },
};
