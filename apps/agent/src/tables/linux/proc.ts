import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
import { type ScanContext } from '../engine/table.js';
import { partsOf, refused } from '../posix/files.js';

/** Reads a file of a process; null when it has gone or may not be read (then with a warning). */
export function readProc(path: string, scan: ScanContext): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return refusedAt(path, error, scan);
  }
}

const record = Buffer.allocUnsafe(64 * 1024);

/**
 * As `readProc`, for files that the kernel gives as one record (`stat`, `status`, `io`, `cmdline`, `cgroup` of a process): a read
 * that is not full is the last. Of 300 processes that saves thousands of system calls.
 */
export function readRecord(path: string, scan: ScanContext): string | null {
  try {
    const file = openSync(path, 'r');
    try {
      const length = readSync(file, record, 0, record.length, null);
      if (length < record.length) return record.toString('utf8', 0, length);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return refusedAt(path, error, scan);
  }
  return readProc(path, scan);
}

/** The lines of a file that may be large, without holding all of it; none as for `readProc`. */
export function readLines(path: string, scan: ScanContext): Iterable<string> {
  return partsOf(path, '\n', scan, generalName(path));
}

/** The parts of a file that end with NUL, as the kernel gives arguments and environments; none as for `readProc`. */
export function readStrings(path: string, scan: ScanContext): Iterable<string> {
  return partsOf(path, '\0', scan, generalName(path));
}

/** Where a link of a process points to; null as for `readProc`. */
export function readProcLink(path: string, scan: ScanContext): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    return refusedAt(path, error, scan);
  }
}

/** Names in a directory of a process; empty as for `readProc`. */
export function listProc(path: string, scan: ScanContext): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    refusedAt(path, error, scan);
    return [];
  }
}

/** The processes that a scan is about: those asked for by `column`, else all that there are. */
export function* pidsOf(scan: ScanContext, column = 'pid'): Iterable<number> {
  const asked = scan.equals(column);
  for (const name of asked ?? readdirSync('/proc')) if (/^[1-9]\d*$/.test(name)) yield Number(name);
}

/** One word for all processes: their numbers would make as many warnings as there are processes; and files of theirs. */
function generalName(path: string): string {
  const general = path.replace(/^\/proc\/\d+/, '/proc/<pid>').replace(/\/fd\/\d+$/, '/fd');
  return general === path ? path : `${general} of every process`;
}

function refusedAt(path: string, error: unknown, scan: ScanContext): null {
  refused(error, scan, generalName(path));
  return null;
}
