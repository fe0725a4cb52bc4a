import { type Row, type Table } from '../engine/table.js';
import { pidsOf, readLines } from './proc.js';

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) (\S+) (\d+) *(.*)$/;

/** A line of /proc/<pid>/maps; null when it is none. */
export function parseMapping(line: string): Row | null {
  const [, start, end, permissions, offset, device, inode, path = ''] = LINE.exec(line) ?? [];
  if (inode === undefined) return null;
  return {
    start: `0x${start}`,
    end: `0x${end}`,
    permissions,
    offset: BigInt.asIntN(64, BigInt(`0x${offset}`)),
    device,
    inode: Number(inode),
    path,
    // The heap, the stack, what the kernel maps: named, and of no file.
    pseudo: inode === '0' && path !== '',
  };
}

/** What each process has mapped into its memory. */
export const processMemoryMap: Table = {
  name: 'process_memory_map',
  platforms: ['linux'],
  *rows(scan) {
    for (const pid of pidsOf(scan)) {
      for (const line of readLines(`/proc/${pid}/maps`, scan)) {
        const mapping = parseMapping(line);
        if (mapping !== null) yield { pid, ...mapping };
      }
    }
  },
};
