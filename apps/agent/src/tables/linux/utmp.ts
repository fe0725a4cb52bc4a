import { type Warn, readPieces } from '../posix/files.js';

/** A record of utmp(5). */
export interface LoginRecord {
  readonly type: number;
  readonly pid: number;
  readonly line: string;
  readonly user: string;
  readonly host: string;
  /** Seconds since 1970. */
  readonly time: number;
}

/** Of a record on every 64-bit Linux: times in it are of 32 bits. */
export const RECORD_BYTES = 384;
/** Of `ut_type`. */
export const USER_PROCESS = 7;
export const DEAD_PROCESS = 8;

/** One record of `RECORD_BYTES` bytes. */
export function parseRecord(bytes: Buffer): LoginRecord {
  const text = (from: number, length: number): string => {
    const field = bytes.subarray(from, from + length);
    const end = field.indexOf(0);
    return field.toString('utf8', 0, end < 0 ? length : end);
  };
  return {
    type: bytes.readInt16LE(0),
    pid: bytes.readInt32LE(4),
    line: text(8, 32),
    user: text(44, 32),
    host: text(76, 256),
    // Read without a sign it lasts until 2106.
    time: bytes.readUInt32LE(340),
  };
}

/** The records of a file such as /var/run/utmp or /var/log/wtmp; half a record at its end does not count. */
export function* loginRecords(path: string, scan: Warn): Generator<LoginRecord> {
  let rest: Buffer = Buffer.alloc(0);
  for (const piece of readPieces(path, scan)) {
    const bytes = Buffer.concat([rest, piece]);
    const whole = bytes.length - (bytes.length % RECORD_BYTES);
    for (let at = 0; at < whole; at += RECORD_BYTES) yield parseRecord(bytes.subarray(at, at + RECORD_BYTES));
    rest = bytes.subarray(whole);
  }
}
