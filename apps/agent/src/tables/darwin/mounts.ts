import { type Row, type Table } from '../engine/table.js';
import { sizesOf, SIZES } from '../posix/filesystem-sizes.js';
import { outputOf } from '../posix/programs.js';

/** A line of `mount`; null for what is none. What stands in parentheses is the type, then the flags. */
export function parseMount(line: string): (Row & { path: string; type: string }) | null {
  const [, device, path, options = ''] = /^(.+?) on (\/.*) \(([^()]*)\)$/.exec(line) ?? [];
  if (device === undefined || path === undefined) return null;
  const [type = '', ...flags] = options.split(', ');
  return { device, device_alias: device, path, type, flags: flags.join(',') };
}

/** What is mounted where; its flags in the words of mount(8). */
export const darwinMounts: Table = {
  name: 'mounts',
  platforms: ['darwin'],
  *rows(scan) {
    const sized = SIZES.some((column) => scan.uses(column));
    for (const line of (outputOf('mount', [], scan) ?? '').split('\n')) {
      const mount = parseMount(line);
      // To ask an automounter for its size would make it mount.
      if (mount) yield { ...mount, ...(sized && mount.type !== 'autofs' ? sizesOf(mount.path) : {}) };
    }
  },
};
