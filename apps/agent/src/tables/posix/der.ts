/** One value in DER. */
export interface Der {
  readonly tag: number;
  readonly content: Buffer;
}

export const TAG = { boolean: 1, integer: 2, bits: 3, bytes: 4, oid: 6, sequence: 0x30, set: 0x31 } as const;

/** The values that follow each other in these bytes. @throws RangeError, where they end too early */
export function* derValues(bytes: Buffer): Generator<Der> {
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at);
    let length = bytes.readUInt8(at + 1);
    at += 2;
    if (length >= 0x80) {
      const count = length & 0x7f;
      length = count === 0 ? 0 : bytes.readUIntBE(at, count);
      at += count;
    }
    if (at + length > bytes.length) throw new RangeError('cut off');
    yield { tag, content: bytes.subarray(at, at + length) };
    at += length;
  }
}

/** An object identifier in digits and dots. */
export function oidText(content: Buffer): string {
  const parts: number[] = [];
  let value = 0;
  for (const byte of content) {
    value = value * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (parts.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      parts.push(first, value - first * 40);
    } else parts.push(value);
    value = 0;
  }
  return parts.join('.');
}
