import { existsSync } from 'node:fs';
import { type Table } from '../engine/table.js';
import { pidsOf, readProcLink } from './proc.js';

const KINDS = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'user', 'uts'] as const;

/** The number in `net:[4026531840]`, which is the namespace's inode; empty when it may not be seen. */
export function namespaceNumber(link: string | null): string {
  return /\[(\d+)\]$/.exec(link ?? '')?.[1] ?? '';
}

/** Which namespaces each process lives in. */
export const processNamespaces: Table = {
  name: 'process_namespaces',
  platforms: ['linux'],
  *rows(scan) {
    for (const pid of pidsOf(scan)) {
      if (!existsSync(`/proc/${pid}`)) continue;
      const row: Record<string, string | number> = { pid };
      for (const kind of KINDS) {
        const column = `${kind}_namespace`;
        if (scan.uses(column)) row[column] = namespaceNumber(readProcLink(`/proc/${pid}/ns/${kind}`, scan));
      }
      yield row;
    }
  },
};
