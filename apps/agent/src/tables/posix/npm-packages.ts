import { join } from 'node:path';
import { type Row, type Table } from '../engine/table.js';
import { namesIn, readText, realPath, type Warn } from './files.js';

const DIRECTORIES = ['/usr/lib', '/usr/local/lib', '/opt/homebrew/lib'];
const DEFAULT_DEPTH = 100;
/** However much is asked for. */
const MOST_DEPTH = 100;

/** A package.json, which anybody may have written: null when it is none. */
export function parsePackage(text: string): Row | null {
  const json = parseObject(text);
  if (!json) return null;
  const string = (value: unknown): string => (typeof value === 'string' ? value : '');
  const inside = (value: unknown, name: string): string =>
    typeof value === 'object' && value !== null
      ? string((value as Record<string, unknown>)[name])
      : string(value);
  const { license } = json;
  return {
    name: string(json['name']),
    version: string(json['version']),
    description: string(json['description']),
    author: inside(json['author'], 'name'),
    license: inside(license, 'url') || inside(license, 'type'),
    homepage: string(json['homepage']),
  };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/**
 * Packages in the node_modules of a directory, and theirs, each before those inside it.
 *
 * @param seen the node_modules that have been read: by links they may be inside each other
 */
function* packagesIn(
  directory: string,
  depth: number,
  most: number,
  seen: Set<string>,
  scan: Warn,
): Generator<Row> {
  const modules = join(directory, 'node_modules');
  const real = realPath(modules);
  if (depth > Math.min(most, MOST_DEPTH) || seen.has(real)) return;
  seen.add(real);
  for (const name of namesIn(modules, scan, 'every node_modules')) {
    if (name.startsWith('.')) continue;
    const scoped = name.startsWith('@') ? namesIn(join(modules, name), scan, 'every node_modules') : null;
    for (const place of scoped?.map((inner) => join(modules, name, inner)) ?? [join(modules, name)]) {
      const path = join(place, 'package.json');
      const row = parsePackage(readText(path, scan, 'every package.json') ?? '');
      if (row) yield { ...row, path, depth };
      yield* packagesIn(place, depth + 1, most, seen, scan);
    }
  }
}

/** Packages of Node. */
export const npmPackages: Table = {
  name: 'npm_packages',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    const asked = Number(scan.equals('max_depth')?.[0] ?? DEFAULT_DEPTH);
    const most = asked < 0 ? MOST_DEPTH : asked;
    for (const directory of scan.equals('directory') ?? DIRECTORIES)
      for (const row of packagesIn(directory, 0, most, new Set(), scan))
        yield { ...row, directory, max_depth: asked };
  },
};
