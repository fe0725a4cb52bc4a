import * as fs from 'node:fs';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { filenameOf, type FoundPath, pathBuffer, pathsOf, textOf } from './paths.js';

function typeOf(status: fs.BigIntStats): string {
  if (status.isFile()) return 'regular';
  if (status.isDirectory()) return 'directory';
  if (status.isSymbolicLink()) return 'symlink';
  if (status.isBlockDevice()) return 'block';
  if (status.isCharacterDevice()) return 'character';
  if (status.isFIFO()) return 'fifo';
  return status.isSocket() ? 'socket' : 'unknown';
}

const SECOND = 1_000_000_000n;

function row({ path, directory }: FoundPath, scan: ScanContext): Row | null {
  // A slash at the end would lead through the link.
  const name = pathBuffer(path.replace(/(?<=[^/])\/+$/, ''));
  try {
    const link = fs.lstatSync(name, { bigint: true });
    const status = link.isSymbolicLink() ? targetOf(name, link) : link;
    return {
      path: textOf(path),
      directory: textOf(directory),
      filename: textOf(filenameOf(path)),
      inode: status.ino,
      uid: status.uid,
      gid: status.gid,
      mode: (status.mode & 0o7777n).toString(8).padStart(4, '0'),
      device: status.rdev,
      size: status.size,
      block_size: status.blksize,
      atime: status.atimeNs / SECOND,
      mtime: status.mtimeNs / SECOND,
      ctime: status.ctimeNs / SECOND,
      // As osquery on Linux.
      btime: process.platform === 'darwin' ? status.birthtimeNs / SECOND : 0,
      hard_links: status.nlink,
      symlink: link.isSymbolicLink(),
      // As osquery: of a link that leads nowhere, too, the type of what it leads to.
      type: link.isSymbolicLink() && status === link ? 'unknown' : typeOf(status),
      symlink_target_path:
        link.isSymbolicLink() && scan.uses('symlink_target_path') ? fs.readlinkSync(name) : '',
    };
  } catch {
    return null;
  }
}

/** Of what a link leads to; of the link itself where it leads nowhere. */
function targetOf(name: Buffer, link: fs.BigIntStats): fs.BigIntStats {
  try {
    return fs.statSync(name, { bigint: true });
  } catch {
    return link;
  }
}

/** Files by path, pattern or directory. */
export const file: Table = {
  name: 'file',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const found of pathsOf(scan)) {
      const one = row(found, scan);
      if (one !== null) yield one;
    }
  },
};
