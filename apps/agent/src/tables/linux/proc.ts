import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync } from 'node:fs';
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

/** The lines of a file that may be large, without holding all of it; none as for `readProc`. */
export function* readLines(path: string, scan: ScanContext): Iterable<string> {
  for (const line of split(path, '\n', scan)) yield line;
}

/** The parts of a file that end with NUL, as the kernel gives arguments and environments; none as for `readProc`. */
export function* readStrings(path: string, scan: ScanContext): Iterable<string> {
  for (const part of split(path, '\0', scan)) yield part;
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

const CHUNK = 64 * 1024;

function* split(path: string, separator: string, scan: ScanContext): Iterable<string> {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    refused(error, path, scan);
    return;
  }
  try {
    const decoder = new TextDecoder();
    const buffer = Buffer.alloc(CHUNK);
    let rest = '';
    for (;;) {
      let bytes: number;
      try {
        bytes = readSync(file, buffer, 0, CHUNK, null);
      } catch (error) {
        // The process went while it was being read; or the kernel asks for permission only now.
        refused(error, path, scan);
        break;
      }
      if (bytes === 0) break;
      const parts = (rest + decoder.decode(buffer.subarray(0, bytes), { stream: true })).split(separator);
      rest = parts.pop() ?? '';
      yield* parts;
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(file);
  }
}

function refused(error: unknown, path: string, scan: ScanContext): null {
  const code = errorCode(error);
  if (code !== 'EACCES' && code !== 'EPERM') return null;
  // One word for all processes: their numbers would make as many warnings as there are processes; and files of theirs.
  const general = path.replace(/^\/proc\/\d+/, '/proc/<pid>').replace(/\/fd\/\d+$/, '/fd');
  scan.warn(
    general === path ? `not permitted to read ${path}` : `not permitted to read ${general} of every process`,
  );
  return null;
}
