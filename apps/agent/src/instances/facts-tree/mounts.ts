import { statfs } from 'node:fs/promises';
import { element, leaf, type TreeNode } from '#libs/triggers/index';
import { type TextRow } from './rows.js';

/** `/mounts`: what is mounted where, from rows of `mounts`. Sizes of what has a device of its own: a server that is away may answer never. */
export async function mounts(rows: readonly TextRow[]): Promise<TreeNode> {
  const found = await Promise.all(
    rows.map(async ({ path = '', device = '', type = '', flags = '' }) =>
      element('mount', { path }, [
        leaf('device', device),
        leaf('type', type),
        leaf('flags', flags),
        ...(device.startsWith('/dev/') || path === '/' ? await sizes(path) : []),
      ]),
    ),
  );
  return element('mounts', {}, found);
}

async function sizes(path: string): Promise<TreeNode[]> {
  try {
    const { bsize, blocks, bavail } = await statfs(path);
    if (blocks === 0) return [];
    return [
      leaf('size_bytes', bsize * blocks),
      leaf('free_bytes', bsize * bavail, { moves: true }),
      leaf('free_percent', Math.round((1000 * bavail) / blocks) / 10, { moves: true }),
    ];
  } catch {
    return [];
  }
}
