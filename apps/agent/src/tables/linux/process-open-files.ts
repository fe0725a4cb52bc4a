import { type ScanContext, type Table } from '../engine/table.js';
import { listProc, pidsOf, readProcLink } from './proc.js';

/** An open file descriptor and what it points to. */
export interface Descriptor {
  readonly pid: number;
  readonly fd: number;
  /** A path, or `socket:[1]`, `pipe:[1]`, `anon_inode:…`. */
  readonly target: string;
}

/** The open file descriptors of one process. */
export function* descriptorsOf(pid: number, scan: ScanContext): Iterable<Descriptor> {
  for (const name of listProc(`/proc/${pid}/fd`, scan)) {
    const target = readProcLink(`/proc/${pid}/fd/${name}`, scan);
    if (target !== null) yield { pid, fd: Number(name), target };
  }
}

/** Files and devices that processes have open; not sockets, pipes and what else has no path. */
export const processOpenFiles: Table = {
  name: 'process_open_files',
  platforms: ['linux'],
  *rows(scan) {
    for (const pid of pidsOf(scan)) {
      for (const { fd, target } of descriptorsOf(pid, scan)) {
        if (!/^(socket|pipe|anon_inode):/.test(target)) yield { pid, fd, path: target };
      }
    }
  },
};
