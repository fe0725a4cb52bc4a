/**
 * The largest cut ≤ `limit` that does not split a UTF-8 character. Bytes that are not UTF-8 at all are cut at `limit`:
 * nothing is ever held back for more than the three bytes that a character may still miss.
 */
export function utf8Cut(bytes: Buffer, limit = bytes.length): number {
  const end = Math.min(limit, bytes.length);
  for (let back = 1; back <= 3 && back <= end; back += 1) {
    const byte = bytes[end - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const needed = byte >= 0xf0 && byte < 0xf8 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc2 ? 2 : 1;
    return byte < 0xf8 && needed > back ? end - back : end;
  }
  return end;
}

/** The smallest cut ≥ `limit` that does not split a UTF-8 character, at most three bytes further on. */
export function utf8CutAfter(bytes: Buffer, limit: number): number {
  let end = Math.min(limit, bytes.length);
  if (utf8Cut(bytes, end) === end) return end;
  for (let more = 0; more < 3 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80; more += 1)
    end += 1;
  return end;
}
