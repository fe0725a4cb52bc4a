import { isUtf8 } from 'node:buffer';

/** A shorter value is not masked: it would hide half of the output and protect nothing. Bytes. */
export const SHORTEST_VALUE = 4;
/** Lines of a longer value are masked one by one too, from this many bytes on. */
export const SHORTEST_LINE = 8;
/** Longer values are looked for in pieces of this many bytes, so that no more is ever held back. */
export const LONGEST_PIECE = 4096;
/** What of an encoded value is certain whatever stands around it must be this long. */
const SHORTEST_CORE = 8;

/**
 * Everything that gives these values away: each as it is, without the blanks around it, each of its longer lines, and as
 * base64 (wherever in an encoded text it stands), percent-encoded, in a JSON string and in a shell's single quotes.
 */
export function formsOf(values: Iterable<Buffer>): Buffer[] {
  const forms = new Map<string, Buffer>();
  const add = (form: Buffer, shortest = SHORTEST_VALUE): void => {
    if (form.length < shortest) return;
    for (let at = 0; at < form.length; at += LONGEST_PIECE) {
      // The last piece reaches back rather than being too short.
      const start = at === 0 ? 0 : Math.min(at, form.length - SHORTEST_LINE);
      const piece = form.subarray(start, at + LONGEST_PIECE);
      forms.set(piece.toString('latin1'), piece);
    }
  };
  for (const value of values) {
    const bare = trim(value);
    if (bare.length < SHORTEST_VALUE) continue;
    add(bare);
    const lines = linesOf(bare);
    if (lines.length > 1) for (const line of lines) add(line, SHORTEST_LINE);
    if (bare.length > LONGEST_PIECE) continue;
    for (const form of encoded(bare)) add(form);
    for (const core of base64Cores(bare)) add(core, SHORTEST_CORE);
  }
  return [...forms.values()];
}

function encoded(value: Buffer): Buffer[] {
  const base64 = value.toString('base64');
  const forms = [base64, value.toString('base64url')];
  if (isUtf8(value)) {
    const text = value.toString('utf8');
    const percent = encodeURIComponent(text);
    forms.push(
      percent,
      percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    );
    forms.push(JSON.stringify(text).slice(1, -1), text.replaceAll("'", `'\\''`));
  }
  return forms.map((form) => Buffer.from(form));
}

/** The characters of base64 that this value alone decides, for each of the three places in a group where it may begin. */
function base64Cores(value: Buffer): Buffer[] {
  const cores: Buffer[] = [];
  for (let shift = 0; shift < 3; shift += 1) {
    const padded = Buffer.concat([Buffer.alloc(shift), value]);
    const from = Math.ceil((8 * shift) / 6);
    const to = Math.floor((8 * padded.length) / 6);
    for (const alphabet of ['base64', 'base64url'] as const)
      cores.push(Buffer.from(padded.toString(alphabet).slice(from, to)));
  }
  return cores;
}

function linesOf(value: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from <= value.length;) {
    const newline = value.indexOf(0x0a, from);
    const end = newline < 0 ? value.length : newline;
    lines.push(trim(value.subarray(from, end)));
    from = end + 1;
  }
  return lines;
}

function trim(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && isBlank(bytes[start])) start += 1;
  while (end > start && isBlank(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}
