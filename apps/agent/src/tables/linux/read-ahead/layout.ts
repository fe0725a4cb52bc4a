/*
 * What a scan and the thread that reads ahead of it share. Of each process the one of them reads that comes first: the scan goes
 * from the first to the last; the thread takes the processes in groups, each from its end, so that the two meet in the middle of a group
 * and neither waits for the other while there is something left to read.
 */

/** A file, or a link, of a process. */
export interface Part {
  /** In its folder of /proc. */
  readonly name: string;
  readonly isLink: boolean;
  /** Threads of the kernel have none, or nothing in it. */
  readonly ofPrograms: boolean;
}

/** One scan. */
export interface Scan {
  readonly pids: readonly number[];
  /** In the order in which they stand in an entry; `stat` first. */
  readonly parts: readonly Part[];
  /** An Int32Array: how many groups the scan has behind it, then state and entry's place of each process. */
  readonly claims: SharedArrayBuffer;
  /** Of AREAS × AREA_BYTES: entries, each part with its length before it; NOT_READ when the scan has to read it itself. */
  readonly areas: SharedArrayBuffer;
}

/** Processes that are claimed from the end together; a group's entries lie in one area, which the next but one takes over. */
export const GROUP = 64;
export const AREAS = 2;
export const AREA_BYTES = 512 * 1024;
/** No entry is begun with less room than this. */
export const LEAST_ROOM = 64 * 1024;
export const LENGTH_BYTES = 4;
export const NOT_READ = -1;

/** States of a process. */
export const FREE = 0;
export const OF_SCAN = 1;
export const OF_THREAD = 2;
export const READ = 3;

/** Where in the claims. */
export const FINISHED = 0;
export const stateOf = (index: number): number => 1 + 2 * index;
export const placeOf = (index: number): number => 2 + 2 * index;
export const claimsFor = (count: number): number => Int32Array.BYTES_PER_ELEMENT * (1 + 2 * count);
