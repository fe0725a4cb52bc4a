import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { type Stats } from 'node:fs';
import { element, elementName, leaf, type TreeNode } from '#libs/triggers/index';

/** Keys are names of files; what is larger is no value. */
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_KEYS = 1000;

/** `/files`: those of these that exist. What is in them is never read: whoever may ask for facts may not therefore read every file. */
export async function files(paths: readonly string[]): Promise<TreeNode> {
  const absolute = [...new Set(paths)].filter((name) => path.isAbsolute(name)).sort();
  const found = await Promise.all(absolute.map((name) => file(name)));
  return element(
    'files',
    {},
    found.filter((node) => node !== null),
  );
}

async function file(name: string): Promise<TreeNode | null> {
  const stats = await stat(name).catch(() => lstat(name).catch(() => null));
  if (stats === null) return null;
  return element('file', { path: name }, [
    leaf('type', typeOf(stats)),
    leaf('size', stats.size),
    leaf('mode', (stats.mode & 0o7777).toString(8).padStart(4, '0')),
    leaf('uid', stats.uid),
    leaf('gid', stats.gid),
    leaf('inode', stats.ino),
    leaf('modified', new Date(stats.mtimeMs).toISOString()),
  ]);
}

function typeOf(stats: Stats): string {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'link';
  return 'special';
}

/** `/custom`: the files of a directory, by their names, with what is in them. Hidden ones are none. */
export async function custom(directory: string): Promise<TreeNode> {
  const names = await readdir(directory).catch(() => []);
  const keys = names.filter((name) => !name.startsWith('.')).sort();
  const found = await Promise.all(
    keys.slice(0, MAX_KEYS).map(async (key) => {
      const value = await valueOf(path.join(directory, key));
      return value === null ? null : leaf(elementName(key), value, { attributes: { name: key } });
    }),
  );
  return element(
    'custom',
    {},
    found.filter((node) => node !== null),
  );
}

async function valueOf(name: string): Promise<string | null> {
  try {
    const stats = await stat(name);
    if (!stats.isFile() || stats.size > MAX_VALUE_BYTES) return null;
    return (await readFile(name, 'utf8')).trim();
  } catch {
    return null;
  }
}
