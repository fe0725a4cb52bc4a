import * as fs from 'node:fs';
import { errorCode } from '../../platform/files.js';
import { type ScanContext } from '../engine/table.js';
import { joined, refused, type Warn } from './files.js';

/*
 * Names of files are bytes. In here they are strings of one character per byte ("latin1"), so that a name that is no UTF-8
 * can be opened; `textOf` makes of it what a person reads.
 */

/** A file that a query is about. */
export interface FoundPath {
  /** One character per byte; a directory found by a pattern that ends in `%` or `/` ends in `/`, as in osquery. */
  readonly path: string;
  /** The directory as the query named it; otherwise the one that the path stands in. */
  readonly directory: string;
}

/** How deep `%%` goes at most. */
const MOST_DEPTH = 64;
/** So many in a row: the directory itself has gone. */
const MOST_VANISHED = 1_000;

export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

export function textOf(bytes: string): string {
  return pathBuffer(bytes).toString('utf8');
}

/** As the functions of `node:fs` want a path whose name may be anything. */
export function pathBuffer(bytes: string): Buffer {
  return Buffer.from(bytes, 'latin1');
}

/**
 * The paths that a scan of a table with the columns `path` and `directory` is about, one by one: nothing is collected, and
 * what vanishes on the way is not there. In patterns `%` stands for any part of one name, names with a dot included, and
 * `%%` as the last name for everything below.
 */
export function* pathsOf(scan: ScanContext): Generator<FoundPath> {
  const paths = scan.equals('path');
  const directories = scan.equals('directory')?.map(bytesOf) ?? null;
  if (paths) {
    for (const path of new Set(paths.map(bytesOf))) {
      const parent = parentOf(path);
      // The directory may be spelt with a slash at its end, which SQLite then compares.
      const spelt = directories?.find((directory) => trimmed(directory) === parent);
      yield { path, directory: spelt ?? parent };
    }
    return;
  }
  if (directories) {
    for (const directory of new Set(directories)) yield* inside(directory, scan);
    return;
  }
  const [pattern] = scan.like('path');
  if (pattern !== undefined) {
    for (const path of expand(bytesOf(pattern), scan)) yield { path, directory: parentOf(path) };
    return;
  }
  for (const like of scan.like('directory').slice(0, 1))
    for (const directory of expand(bytesOf(like), scan))
      if (statusOf(directory, true)?.isDirectory()) yield* inside(directory, scan);
}

/** The last name of a path; `.` where it ends in a slash. */
export function filenameOf(path: string): string {
  if (/^\/+$/.test(path)) return '/';
  return path.endsWith('/') ? '.' : path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Everything below a directory, itself excepted.
 *
 * @param follow whether into links to directories too: then each target once, and never into a loop
 */
export function* below(
  root: string,
  scan: Warn,
  follow: boolean,
): Generator<{ path: string; isDirectory: boolean }> {
  const followed = new Set<string>();
  const chain: string[] = [];
  function* walk(directory: string): Generator<{ path: string; isDirectory: boolean }> {
    const key = keyOf(directory);
    if (key === null || chain.includes(key) || chain.length >= MOST_DEPTH) return;
    chain.push(key);
    for (const entry of entriesOf(directory, scan)) {
      const path = joined(directory, entry.name);
      const link = entry.isSymbolicLink();
      const isDirectory = link ? (statusOf(path, true)?.isDirectory() ?? false) : entry.isDirectory();
      yield { path, isDirectory };
      if (!isDirectory) continue;
      if (link) {
        // Those of /proc lead to every place where a process is: that would be everything, again and again.
        if (!follow || path.startsWith('/proc/')) continue;
        const target = keyOf(path);
        if (target === null || followed.has(target)) continue;
        followed.add(target);
      }
      yield* walk(path);
    }
    chain.pop();
  }
  yield* walk(root);
}

function* inside(directory: string, scan: Warn): Generator<FoundPath> {
  for (const { name } of entriesOf(directory, scan)) yield { path: joined(directory, name), directory };
}

/** @param pattern in bytes, with osquery's wildcards */
function* expand(pattern: string, scan: Warn): Generator<string> {
  if (!pattern.startsWith('/')) return;
  const marked = /[%/]$/.test(pattern);
  const onlyDirectories = pattern.endsWith('/');
  const names = pattern.split('/').filter((name) => name !== '');
  const mark = (path: string, isDirectory: boolean): string => (marked && isDirectory ? `${path}/` : path);
  function* level(base: string, index: number): Generator<string, void> {
    const name = names[index];
    if (name === undefined) return;
    const last = index === names.length - 1;
    if (!name.includes('%')) {
      const path = joined(base, name);
      if (!last) return yield* level(path, index + 1);
      const status = statusOf(path, true) ?? statusOf(path, false);
      if (status && (!onlyDirectories || status.isDirectory())) yield mark(path, status.isDirectory());
      return;
    }
    if (last && name === '%%') {
      for (const found of below(base, scan, true))
        if (!onlyDirectories || found.isDirectory) yield mark(found.path, found.isDirectory);
      return;
    }
    const expression = toExpression(name);
    for (const entry of entriesOf(base, scan)) {
      if (!expression.test(entry.name)) continue;
      const path = joined(base, entry.name);
      const isDirectory = entry.isSymbolicLink()
        ? (statusOf(path, true)?.isDirectory() ?? false)
        : entry.isDirectory();
      if (!last) {
        if (isDirectory) yield* level(path, index + 1);
      } else if (!onlyDirectories || isDirectory) yield mark(path, isDirectory);
    }
  }
  yield* level('/', 0);
}

function toExpression(name: string): RegExp {
  const literal = name.split(/%+/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`, 's');
}

interface Entry {
  /** One character per byte. */
  readonly name: string;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

/** Entries as the system hands them over: a directory of a million names is not held in memory. */
function* entriesOf(directory: string, scan: Warn): Generator<Entry> {
  let handle: fs.Dir;
  try {
    // Names as bytes, which the declarations of Node do not know.
    const encoding = 'buffer' as BufferEncoding;
    handle = fs.opendirSync(pathBuffer(directory), { encoding, bufferSize: 256 });
  } catch (error) {
    refused(error, scan, 'every directory');
    return;
  }
  try {
    for (let vanished = 0; vanished < MOST_VANISHED;) {
      const entry = next(handle);
      if (entry === null) return;
      if (entry === 'vanished') {
        vanished++;
        continue;
      }
      vanished = 0;
      const name = (entry.name as unknown as Buffer).toString('latin1');
      yield { name, isDirectory: () => entry.isDirectory(), isSymbolicLink: () => entry.isSymbolicLink() };
    }
  } catch (error) {
    refused(error, scan, 'every directory');
  } finally {
    handle.closeSync();
  }
}

/** Null at the end. Where a file system does not tell types, Node looks at each file, which may have gone by then. */
function next(handle: fs.Dir): fs.Dirent | 'vanished' | null {
  try {
    return handle.readSync();
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'vanished';
    throw error;
  }
}

/** Null when it has gone; a path with a NUL in it has never been there. */
export function statusOf(path: string, follow: boolean): fs.Stats | null {
  try {
    return follow ? fs.statSync(pathBuffer(path)) : fs.lstatSync(pathBuffer(path));
  } catch {
    return null;
  }
}

function keyOf(path: string): string | null {
  try {
    const { dev, ino } = fs.statSync(pathBuffer(path), { bigint: true });
    return `${dev}:${ino}`;
  } catch {
    return null;
  }
}

function parentOf(path: string): string {
  if (/^\/+$/.test(path)) return '';
  const slash = path.lastIndexOf('/');
  return slash < 0 ? '' : trimmed(path.slice(0, slash + 1));
}

function trimmed(directory: string): string {
  return directory.replace(/(?<=[^/])\/+$/, '').replace(/^\/+$/, '/');
}
