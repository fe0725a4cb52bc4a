import * as fs from 'node:fs';
import * as os from 'node:os';
import { ReasonCode } from '#libs/protocol/index';
import { type Breach, sizeOf } from './limits.js';

/** Who has written less than this has not filled anything. */
const SUSPECT_BYTES = 64 * 2 ** 20;
const FLOOR_SHARE = 0.05;
const FLOOR_BYTES = 2 ** 30;

/**
 * Whether a run is about to fill the disk that the host itself needs: less than 5 % (at most 1 GiB) of the root's, of /tmp's or of
 * the agent's file system is free, and without what this run wrote it would be more.
 * @param written by the run so far, bytes
 */
export function filledDisk(written: number, places = ['/', os.tmpdir()]): Breach | null {
  if (written < SUSPECT_BYTES) return null;
  for (const place of places) {
    const { bsize, blocks, bavail } = fs.statfsSync(place);
    const floor = Math.min(FLOOR_BYTES, blocks * bsize * FLOOR_SHARE);
    const free = bavail * bsize;
    if (free >= floor || free + written < floor) continue;
    const message = `ended because the disk is nearly full: ${sizeOf(free)} are left at ${place}, and it had written ${sizeOf(written)}`;
    return { reason: ReasonCode.diskLimit, message };
  }
  return null;
}
