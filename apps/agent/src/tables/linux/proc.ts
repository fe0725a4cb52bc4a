import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errorCode } from '../../platform/files.js';
import { type ScanContext } from '../engine/table.js';

/** Reads a file of a process; null when it has gone or may not be read (then with a warning). */
export function readProc(path: string, scan: ScanContext): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return refused(error, path, scan);
  }
}

/** Where a link of a process points to; null as for `readProc`. */
export function readProcLink(path: string, scan: ScanContext): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    return refused(error, path, scan);
  }
}

/** Names in a directory of a process; empty as for `readProc`. */
export function listProc(path: string, scan: ScanContext): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    refused(error, path, scan);
    return [];
  }
}

/** The processes that a scan is about: those asked for by `column`, else all that there are. */
export function* pidsOf(scan: ScanContext, column = 'pid'): Iterable<number> {
  const asked = scan.equals(column);
  for (const name of asked ?? readdirSync('/proc')) if (/^[1-9]\d*$/.test(name)) yield Number(name);
}

function refused(error: unknown, path: string, scan: ScanContext): null {
  const code = errorCode(error);
  // One word for all processes: their numbers would make as many warnings as there are processes.
  if (code === 'EACCES' || code === 'EPERM')
    scan.warn(`not permitted to read ${path.replace(/^\/proc\/\d+/, '/proc/<pid>')} of every process`);
  return null;
}
