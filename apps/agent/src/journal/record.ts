import { crc32 } from 'node:zlib';

/*
 * One record on disk: [u32 length][u32 crc32][payload], all little-endian. The payload is [u32 json length][json][blob].
 * The checksum covers the length too, so that neither a torn tail nor a run of zeros (what a file system leaves of
 * blocks that were allocated but never written) can pass for a record.
 */

const HEADER = 8;
const MIN_PAYLOAD = 4;

/** No record of ours comes near this; a length beyond it is damage, not a record. */
export const MAX_RECORD_BYTES = 16 * 1024 * 1024;

/** A record as it was found in a file: where it stands and what it says. */
export interface FoundRecord {
  readonly offset: number;
  readonly length: number;
  readonly json: unknown;
  readonly blob: Buffer;
}

const NO_BLOB = Buffer.alloc(0);

function checksum(lengthField: Buffer, payload: Buffer): number {
  return crc32(payload, crc32(lengthField));
}

/** The bytes of one record. */
export function encodeRecord(json: unknown, blob: Buffer = NO_BLOB): Buffer {
  const text = JSON.stringify(json);
  const jsonBytes = Buffer.byteLength(text);
  const payloadBytes = MIN_PAYLOAD + jsonBytes + blob.length;
  if (payloadBytes > MAX_RECORD_BYTES) throw new RangeError(`a record of ${payloadBytes} bytes is too large`);
  const frame = Buffer.allocUnsafe(HEADER + payloadBytes);
  frame.writeUInt32LE(payloadBytes, 0);
  frame.writeUInt32LE(jsonBytes, HEADER);
  frame.write(text, HEADER + MIN_PAYLOAD, 'utf8');
  blob.copy(frame, HEADER + MIN_PAYLOAD + jsonBytes);
  frame.writeUInt32LE(checksum(frame.subarray(0, 4), frame.subarray(HEADER)), 4);
  return frame;
}

/** The record at `offset`, or null when there is none that is whole and sound. The blob shares `bytes`' memory. */
export function decodeRecord(bytes: Buffer, offset: number): FoundRecord | null {
  if (offset + HEADER + MIN_PAYLOAD > bytes.length) return null;
  const payloadBytes = bytes.readUInt32LE(offset);
  if (payloadBytes < MIN_PAYLOAD || payloadBytes > MAX_RECORD_BYTES) return null;
  const end = offset + HEADER + payloadBytes;
  if (end > bytes.length) return null;
  const payload = bytes.subarray(offset + HEADER, end);
  if (checksum(bytes.subarray(offset, offset + 4), payload) !== bytes.readUInt32LE(offset + 4)) return null;
  const jsonBytes = payload.readUInt32LE(0);
  if (MIN_PAYLOAD + jsonBytes > payload.length) return null;
  try {
    const json: unknown = JSON.parse(payload.toString('utf8', MIN_PAYLOAD, MIN_PAYLOAD + jsonBytes));
    return { offset, length: end - offset, json, blob: payload.subarray(MIN_PAYLOAD + jsonBytes) };
  } catch {
    return null;
  }
}

/** Every record from the start of `bytes` up to the first one that is not sound. */
export function* scanRecords(bytes: Buffer): Generator<FoundRecord> {
  for (let offset = 0; ;) {
    const record = decodeRecord(bytes, offset);
    if (record === null) return;
    yield record;
    offset += record.length;
  }
}

/** Whether a sound record stands anywhere at or after `from`: tells damage in the middle from a torn tail. */
export function hasRecordAfter(bytes: Buffer, from: number): boolean {
  for (let offset = from; offset + HEADER + MIN_PAYLOAD <= bytes.length; offset += 1) {
    if (decodeRecord(bytes, offset) !== null) return true;
  }
  return false;
}
