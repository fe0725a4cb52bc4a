import { lstatSync, statSync } from 'node:fs';
import { type ScanContext, type Table } from '../engine/table.js';
import { pidsOf } from './proc.js';
import { type Descriptor, descriptorsOf } from './process-open-files.js';

interface Pipe extends Descriptor {
  readonly mode: string;
  readonly inode: number;
  readonly type: 'anonymous' | 'named';
}

function pipeOf(descriptor: Descriptor): Pipe | null {
  const { pid, fd, target } = descriptor;
  const anonymous = /^pipe:\[(\d+)\]$/.exec(target);
  if (!anonymous && !target.startsWith('/')) return null;
  const link = `/proc/${pid}/fd/${fd}`;
  try {
    // The permissions of the link are those that the file was opened with.
    const bits = lstatSync(link).mode;
    const mode = `${bits & 0o444 ? 'r' : ''}${bits & 0o222 ? 'w' : ''}`;
    if (anonymous) return { ...descriptor, mode, inode: Number(anonymous[1]), type: 'anonymous' };
    const file = statSync(link);
    return file.isFIFO() ? { ...descriptor, mode, inode: file.ino, type: 'named' } : null;
  } catch {
    return null;
  }
}

function allPipes(scan: ScanContext): Map<string, Pipe[]> {
  const byInode = new Map<string, Pipe[]>();
  for (const pid of pidsOf(scan)) {
    for (const descriptor of descriptorsOf(pid, scan)) {
      const pipe = pipeOf(descriptor);
      if (pipe === null) continue;
      // Numbers of anonymous pipes are not those of files.
      const key = `${pipe.type} ${pipe.inode}`;
      const list = byInode.get(key);
      if (list) list.push(pipe);
      else byInode.set(key, [pipe]);
    }
  }
  return byInode;
}

/** Ends of pipes, each with every end that it is connected to; alone when nobody holds the other end. */
export const processOpenPipes: Table = {
  name: 'process_open_pipes',
  platforms: ['linux'],
  *rows(scan) {
    for (const ends of allPipes(scan).values()) {
      for (const end of ends) {
        const { pid, fd, mode, inode, type } = end;
        const partners = ends.filter((other) => other !== end && (other.mode !== mode || mode === 'rw'));
        if (partners.length === 0) yield { pid, fd, mode, inode, type };
        for (const partner of partners)
          yield {
            pid,
            fd,
            mode,
            inode,
            type,
            partner_pid: partner.pid,
            partner_fd: partner.fd,
            partner_mode: partner.mode,
          };
      }
    }
  },
};
