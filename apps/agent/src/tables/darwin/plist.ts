import { readPieces, type Warn } from '../posix/files.js';
import { parseBinary } from './plist-binary.js';
import { type Plist, type PlistDictionary } from './plist-value.js';
import { parseXml } from './plist-xml.js';

export type { Plist, PlistDictionary } from './plist-value.js';

/** Property lists beyond this are not read. */
const MOST_BYTES = 32 * 1024 * 1024;

/** A property list in either format; null for what is none. */
export function parsePlist(bytes: Buffer): Plist | null {
  try {
    return bytes.toString('latin1', 0, 6) === 'bplist'
      ? parseBinary(bytes)
      : parseXml(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

/** The property list in a file; null when there is none, when it cannot be read (then with a warning) or is none. */
export function readPlist(path: string, scan: Warn, what = path): Plist | null {
  const parts: Buffer[] = [];
  let size = 0;
  for (const piece of readPieces(path, scan, what)) {
    size += piece.length;
    if (size > MOST_BYTES) return null;
    parts.push(Buffer.from(piece));
  }
  return size === 0 ? null : parsePlist(Buffer.concat(parts));
}

/** A dictionary, or an empty one where it is something else. */
export function dictionaryOf(value: Plist | null | undefined): PlistDictionary {
  return value instanceof Map ? (value as PlistDictionary) : new Map();
}

/** The items of an array; none where it is something else. */
export function itemsOf(value: Plist | null | undefined): readonly Plist[] {
  return Array.isArray(value) ? (value as readonly Plist[]) : [];
}

/** As osquery writes a value: booleans as 1 and 0, dates in seconds since 1970, data in base64; what has parts is empty. */
export function plainOf(value: Plist | null | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof Date) return String(value.getTime() / 1000);
  return Buffer.isBuffer(value) ? value.toString('base64') : '';
}

/** A number; null where it is none. */
export function numberOf(value: Plist | null | undefined): number | bigint | null {
  if (typeof value === 'boolean') return value ? 1 : 0;
  return typeof value === 'number' || typeof value === 'bigint' ? value : null;
}

/** Texts that firmware keeps as bytes with zeros at the end; a text stays what it is. */
export function firmwareText(value: Plist | null | undefined): string {
  return Buffer.isBuffer(value) ? value.toString('utf8').replace(/\0[\s\S]*$/, '') : plainOf(value);
}
