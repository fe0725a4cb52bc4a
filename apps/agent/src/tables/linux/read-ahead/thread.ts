import { closeSync, openSync, readlinkSync, readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import { isProgram, statFields } from '../../../platform/proc-stat.js';
import {
  AREA_BYTES,
  AREAS,
  FINISHED,
  FREE,
  GROUP,
  LEAST_ROOM,
  LENGTH_BYTES,
  NOT_READ,
  OF_THREAD,
  type Part,
  placeOf,
  READ,
  type Scan,
  stateOf,
} from './layout.js';

/** Reads what is free of a scan, group by group, until the scan has all. */
function readAhead({ pids, parts, claims: shared, areas }: Scan): void {
  const claims = new Int32Array(shared);
  for (let group = 0; group * GROUP < pids.length; group++) {
    if (untilAreaIsFree(claims, group) > group) continue;
    const place = (group % AREAS) * AREA_BYTES;
    const entries = new Entries(Buffer.from(areas, place, AREA_BYTES));
    for (let index = Math.min(pids.length, (group + 1) * GROUP) - 1; index >= group * GROUP; index--) {
      if (!entries.hasRoom) break;
      if (Atomics.compareExchange(claims, stateOf(index), FREE, OF_THREAD) !== FREE) break;
      claims[placeOf(index)] = place + entries.end;
      entries.add(`/proc/${pids[index]}/`, parts);
      Atomics.store(claims, stateOf(index), READ);
      Atomics.notify(claims, stateOf(index));
    }
  }
}

/** @returns how many groups the scan has behind it */
function untilAreaIsFree(claims: Int32Array, group: number): number {
  for (;;) {
    const finished = Atomics.load(claims, FINISHED);
    if (finished > group - AREAS) return finished;
    Atomics.wait(claims, FINISHED, finished);
  }
}

/** What was read of one process after the other, in an area. */
class Entries {
  end = 0;

  constructor(private readonly area: Buffer) {}

  get hasRoom(): boolean {
    return this.area.length - this.end >= LEAST_ROOM;
  }

  add(folder: string, parts: readonly Part[]): void {
    let reads = true;
    for (const [at, { name, isLink, ofPrograms }] of parts.entries()) {
      const begin = this.end + LENGTH_BYTES;
      // So much that the lengths of what is not read still have room.
      const room = this.area.length - begin - LENGTH_BYTES * (parts.length - at);
      const wanted = reads || !ofPrograms;
      const length = wanted ? this.read(folder + name, isLink, begin, room) : NOT_READ;
      this.area.writeInt32LE(length, this.end);
      this.end = begin + Math.max(length, 0);
      if (name === 'stat' && length > 0)
        reads = isProgram(statFields(this.area.toString('utf8', begin, this.end)) ?? []);
    }
  }

  /** What cannot be read, or has no room, is the scan's: it knows what to say of it. */
  private read(path: string, isLink: boolean, begin: number, room: number): number {
    try {
      if (isLink) {
        const target = readlinkSync(path, 'buffer');
        return target.length > room ? NOT_READ : target.copy(this.area, begin);
      }
      const file = openSync(path, 'r');
      try {
        const length = readSync(file, this.area, begin, room, null);
        return length < room ? length : NOT_READ;
      } finally {
        closeSync(file);
      }
    } catch {
      return NOT_READ;
    }
  }
}

// What cannot be read is an error that nobody looks at: for an ordinary user there are hundreds.
Error.stackTraceLimit = 0;
parentPort?.on('message', readAhead);
