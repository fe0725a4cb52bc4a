import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';

/** Columns and what /proc/meminfo calls them. */
const COLUMNS = {
  memory_total: 'MemTotal',
  memory_free: 'MemFree',
  memory_available: 'MemAvailable',
  buffers: 'Buffers',
  cached: 'Cached',
  swap_cached: 'SwapCached',
  active: 'Active',
  inactive: 'Inactive',
  swap_total: 'SwapTotal',
  swap_free: 'SwapFree',
} as const;

/** /proc/meminfo in bytes, by its own names. */
export function parseMeminfo(lines: Iterable<string>): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const line of lines) {
    const [, name, size, unit] = /^(\S+):\s+(\d+)( kB)?$/.exec(line) ?? [];
    if (name !== undefined) sizes.set(name, Number(size) * (unit === undefined ? 1 : 1024));
  }
  return sizes;
}

/** The memory of this host, in bytes. */
export const memoryInfo: Table = {
  name: 'memory_info',
  platforms: ['linux'],
  *rows(scan) {
    const sizes = parseMeminfo(readLines('/proc/meminfo', scan));
    if (sizes.size === 0) return;
    yield Object.fromEntries(Object.entries(COLUMNS).map(([column, name]) => [column, sizes.get(name)]));
  },
};

/** A line of /proc/iomem; null when it is none. */
export function parseRegion(line: string): Row | null {
  const [, start, end, name] = /^\s*([0-9a-f]+)-([0-9a-f]+) : (.+)$/.exec(line) ?? [];
  return name === undefined ? null : { name, start: `0x${start}`, end: `0x${end}` };
}

/** What physical addresses are used for. The kernel shows them as zeros to whoever is not root. */
export const memoryMap: Table = {
  name: 'memory_map',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/iomem', scan)) {
      const region = parseRegion(line);
      if (region !== null) yield region;
    }
  },
};
