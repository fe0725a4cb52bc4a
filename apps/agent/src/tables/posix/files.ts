import * as fs from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { errorCode } from '../../platform/files.js';
import { type ScanContext } from '../engine/table.js';

/** What a table may tell of what it could not read. */
export type Warn = Pick<ScanContext, 'warn'>;

const PIECE_BYTES = 64 * 1024;
/** Configuration and metadata beyond this are not read any further. */
const MOST_BYTES = 32 * 1024 * 1024;
/** A line beyond this is cut: it is no line of any file that is read here. */
const MOST_LINE = 1024 * 1024;
// What is opened might be a pipe or a terminal: never wait for it, never make it ours.
const OPEN = fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY;

/**
 * The content of a regular file in pieces; nothing when it is not there, not regular or not permitted (then with a warning).
 * The buffer is used again for the next piece.
 *
 * @param what how the warning calls files of this kind: one word for all of them
 * @returns whether it was read to its end
 */
export function* readPieces(
  path: string | Buffer,
  scan: Warn,
  what = String(path),
  bytes = PIECE_BYTES,
): Generator<Buffer, boolean> {
  let fd: number;
  try {
    fd = fs.openSync(path, OPEN);
  } catch (error) {
    refused(error, scan, what);
    return false;
  }
  try {
    if (!fs.fstatSync(fd).isFile()) return false;
    const buffer = Buffer.allocUnsafe(bytes);
    for (;;) {
      const count = fs.readSync(fd, buffer, 0, bytes, null);
      if (count === 0) return true;
      yield buffer.subarray(0, count);
    }
  } catch (error) {
    refused(error, scan, what);
    return false;
  } finally {
    fs.closeSync(fd);
  }
}

/** A whole text file, up to a bound; null as for `readPieces`. An empty file is an empty text. */
export function readText(
  path: string | Buffer,
  scan: Warn,
  what = String(path),
  most = MOST_BYTES,
): string | null {
  const parts: Buffer[] = [];
  const pieces = readPieces(path, scan, what);
  let size = 0;
  let next = pieces.next();
  for (; next.done !== true && size < most; next = pieces.next()) {
    parts.push(Buffer.from(next.value));
    size += next.value.length;
  }
  if (next.done !== true) pieces.return(false);
  else if (!next.value) return null;
  return Buffer.concat(parts).subarray(0, most).toString('utf8');
}

/** The lines of a text file of any size, without their ends; none as for `readPieces`. */
export function linesOf(path: string | Buffer, scan: Warn, what = String(path)): Generator<string> {
  return partsOf(path, '\n', scan, what);
}

/** The parts of a text file of any size that end with this character, without it; none as for `readPieces`. */
export function* partsOf(
  path: string | Buffer,
  separator: string,
  scan: Warn,
  what: string,
): Generator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for (const piece of readPieces(path, scan, what)) {
    const text = decoder.write(piece);
    // What is beyond the longest line is not even put together.
    if (rest.length === MOST_LINE && !text.includes(separator)) continue;
    const lines = (rest + text).split(separator);
    rest = (lines.pop() ?? '').slice(0, MOST_LINE);
    yield* lines;
  }
  rest += decoder.end();
  if (rest !== '') yield rest;
}

/** Names in a directory, sorted; none when it is not there or not permitted (then with a warning). */
export function namesIn(path: string, scan: Warn, what = path): string[] {
  try {
    return fs.readdirSync(path).sort();
  } catch (error) {
    refused(error, scan, what);
    return [];
  }
}

/** Warns when permission was the matter; anything else has just gone. */
export function refused(error: unknown, scan: Warn, what: string): void {
  const code = errorCode(error);
  if (code === 'EACCES' || code === 'EPERM') scan.warn(`not permitted to read ${what}`);
}

/** A directory and a name in it. */
export function joined(directory: string, name: string): string {
  return directory.endsWith('/') ? directory + name : `${directory}/${name}`;
}

/** A path without links; as it is where it leads nowhere. */
export function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}
