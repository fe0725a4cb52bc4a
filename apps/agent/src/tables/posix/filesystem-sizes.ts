import { statfsSync } from 'node:fs';
import { type Row } from '../engine/table.js';

/** Columns of `mounts` that only the file system itself can tell. */
export const SIZES = ['blocks_size', 'blocks', 'blocks_free', 'blocks_available', 'inodes', 'inodes_free'];

/** What a file system says of its size; nothing where it may not be asked. */
export function sizesOf(path: string): Row {
  try {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true });
    return {
      blocks_size: bsize,
      blocks,
      blocks_free: bfree,
      blocks_available: bavail,
      inodes: files,
      inodes_free: ffree,
    };
  } catch {
    return {};
  }
}
