import { type Row, type Table } from '../engine/table.js';
import { readLines } from './proc.js';

/** In the mode: to be removed with the last process that leaves it; not to be swapped. */
const DESTROY = 0o1000;
const LOCKED = 0o2000;

/** A line of /proc/sysvipc/shm; null for the heading. */
export function parseSegment(line: string): Row | null {
  const fields = line.trim().split(/\s+/);
  const [, shmid, mode = '', size, creator, last, attached, uid, , creatorUid, , atime, dtime, ctime] =
    fields;
  if (ctime === undefined || !/^\d+$/.test(shmid ?? '')) return null;
  const bits = Number.parseInt(mode, 8);
  return {
    shmid: Number(shmid),
    owner_uid: Number(uid),
    creator_uid: Number(creatorUid),
    pid: Number(last),
    creator_pid: Number(creator),
    atime: Number(atime),
    dtime: Number(dtime),
    ctime: Number(ctime),
    permissions: (bits & 0o777).toString(8).padStart(4, '0'),
    size: BigInt(size ?? 0),
    attached: Number(attached),
    status: bits & DESTROY ? 'dest' : '',
    locked: (bits & LOCKED) !== 0,
  };
}

/** Memory of System V that processes share. */
export const sharedMemory: Table = {
  name: 'shared_memory',
  platforms: ['linux'],
  *rows(scan) {
    for (const line of readLines('/proc/sysvipc/shm', scan)) {
      const row = parseSegment(line);
      if (row !== null) yield row;
    }
  },
};
