import { type Plist } from './plist-value.js';

const TRAILER_BYTES = 32;
const MOST_DEPTH = 128;
/** An object may be in many places: what is put together is bounded, not only what the file has. */
const MOST_OBJECTS = 1_000_000;
/** Dates count from the beginning of 2001. */
const EPOCH = Date.UTC(2001, 0, 1);

/** A property list in Apple's binary format. @throws RangeError where it is broken */
export function parseBinary(bytes: Buffer): Plist {
  if (bytes.length < TRAILER_BYTES + 8) throw new RangeError('too short');
  const trailer = bytes.subarray(bytes.length - TRAILER_BYTES);
  const offsetBytes = trailer.readUInt8(6);
  const referenceBytes = trailer.readUInt8(7);
  const count = Number(trailer.readBigUInt64BE(8));
  const top = Number(trailer.readBigUInt64BE(16));
  const table = Number(trailer.readBigUInt64BE(24));
  let made = 0;

  function unsigned(at: number, length: number): number {
    if (length <= 6) return bytes.readUIntBE(at, length);
    return Number(bytes.readBigUInt64BE(at + length - 8));
  }

  function object(index: number, depth: number): Plist {
    if (index >= count || depth > MOST_DEPTH || ++made > MOST_OBJECTS) throw new RangeError('no such object');
    const at = unsigned(table + index * offsetBytes, offsetBytes);
    const marker = bytes.readUInt8(at);
    const kind = marker >> 4;
    const low = marker & 15;
    if (kind === 0) return low === 9;
    if (kind === 1) return integer(at + 1, 1 << low);
    if (kind === 2) return low === 2 ? bytes.readFloatBE(at + 1) : bytes.readDoubleBE(at + 1);
    if (kind === 3) return new Date(EPOCH + bytes.readDoubleBE(at + 1) * 1000);
    if (kind === 8) return unsigned(at + 1, low + 1);
    const [length, start] = lengthAt(at, low);
    switch (kind) {
      case 4:
        return Buffer.from(slice(start, length));
      case 5:
        return slice(start, length).toString('latin1');
      case 6:
        return Buffer.from(slice(start, length * 2))
          .swap16()
          .toString('utf16le');
      case 10:
      case 12:
        return references(start, length, depth);
      case 13:
        return dictionary(start, length, depth);
      default:
        throw new RangeError('unknown kind of object');
    }
  }

  /** 15 stands for "an integer follows". */
  function lengthAt(at: number, low: number): [length: number, start: number] {
    if (low < 15) return [low, at + 1];
    const size = 1 << (bytes.readUInt8(at + 1) & 15);
    return [unsigned(at + 2, size), at + 2 + size];
  }

  function slice(start: number, length: number): Buffer {
    if (start + length > bytes.length) throw new RangeError('beyond the end');
    return bytes.subarray(start, start + length);
  }

  /** Up to 4 bytes without a sign, 8 with one; of 16 the lower half counts. */
  function integer(at: number, length: number): number | bigint {
    if (length < 8) return bytes.readUIntBE(at, length);
    const value = bytes.readBigInt64BE(at + length - 8);
    return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  }

  function references(start: number, length: number, depth: number): Plist[] {
    const places = slice(start, length * referenceBytes).length / referenceBytes;
    return Array.from({ length: places }, (_, i) =>
      object(unsigned(start + i * referenceBytes, referenceBytes), depth + 1),
    );
  }

  function dictionary(start: number, length: number, depth: number): ReadonlyMap<string, Plist> {
    const keys = references(start, length, depth);
    const values = references(start + length * referenceBytes, length, depth);
    return new Map(keys.map((key, i) => [typeof key === 'string' ? key : '', values[i] ?? '']));
  }

  return object(top, 0);
}
