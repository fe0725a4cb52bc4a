import { realpathSync } from 'node:fs';
import { type Table } from '../engine/table.js';
import { SIZES, sizesOf } from '../posix/filesystem-sizes.js';
import { readLines } from './proc.js';

/** Blanks and the like stand in /proc/mounts as three octal digits. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** A line of /proc/mounts. */
export function parseMount(
  line: string,
): { device: string; path: string; type: string; flags: string } | null {
  const [device, path, type, flags] = line.split(' ').map(unescape);
  if (device === undefined || path === undefined || type === undefined || flags === undefined) return null;
  return { device, path, type, flags };
}

function canonical(device: string): string {
  try {
    return device.startsWith('/') ? realpathSync(device) : device;
  } catch {
    return device;
  }
}

/** What is mounted where, as this process sees it. */
export const mounts: Table = {
  name: 'mounts',
  platforms: ['linux'],
  *rows(scan) {
    const sized = SIZES.some((column) => scan.uses(column));
    for (const line of readLines('/proc/self/mounts', scan)) {
      const mount = parseMount(line);
      if (mount === null) continue;
      yield {
        ...mount,
        device_alias: scan.uses('device_alias') ? canonical(mount.device) : mount.device,
        // To ask an automounter for its size would make it mount.
        ...(sized && mount.type !== 'autofs' ? sizesOf(mount.path) : {}),
      };
    }
  },
};
