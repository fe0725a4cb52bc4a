import { createHash } from 'node:crypto';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { readPieces, type Warn } from './files.js';
import { pathBuffer, pathsOf, statusOf, textOf } from './paths.js';

const ALGORITHMS = ['md5', 'sha1', 'sha256'] as const;
const PIECE_BYTES = 1024 * 1024;

/** Digests of one file in hex, read once; null when it cannot be read. */
function digests(path: Buffer, wanted: readonly string[], scan: Warn): Row | null {
  const hashes = wanted.map((name) => [name, createHash(name)] as const);
  const pieces = readPieces(path, scan, 'every file', PIECE_BYTES);
  let next = pieces.next();
  for (; next.done !== true; next = pieces.next()) for (const [, hash] of hashes) hash.update(next.value);
  return next.value ? Object.fromEntries(hashes.map(([name, hash]) => [name, hash.digest('hex')])) : null;
}

function row(path: string, directory: string, scan: ScanContext): Row | null {
  if (!statusOf(path, true)?.isFile()) return null;
  const wanted = ALGORITHMS.filter((name) => scan.uses(name));
  const found = wanted.length === 0 ? {} : digests(pathBuffer(path), wanted, scan);
  return found && { path: textOf(path), directory: textOf(directory), ...found };
}

/** Digests of files, only those that the query asks for. */
export const hash: Table = {
  name: 'hash',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const { path, directory } of pathsOf(scan)) {
      const one = row(path, directory, scan);
      if (one !== null) yield one;
    }
  },
};
