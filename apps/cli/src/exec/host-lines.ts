import { stripVTControlCharacters } from 'node:util';
import { type Chunk, type OutputStream } from '../api/shapes.js';
import { type Io, printable, styled } from '../terminal/io.js';

/** Writes whole lines to one of our streams. */
export type PrintLines = (stream: OutputStream, lines: Uint8Array) => Promise<void>;

/** Bytes of a line that are kept while its end is awaited; a longer one goes on in a line of its own. */
const LONGEST_LINE = 64 * 1024;
const NEWLINE = 0x0a;

/**
 * Output of several hosts, line by line, each behind its host's name. Lines never mix: what has no end yet waits for it,
 * or for the end of everything. In a pipe the bytes stay what they are; on a terminal they cannot steer it.
 */
export class HostLines {
  /** Lines without an end, by target and stream. */
  private readonly open = new Map<string, { chunk: Chunk; parts: Buffer[]; length: number }>();

  /** @param nameOf what to call the host of a target */
  constructor(
    private readonly io: Io,
    private readonly nameOf: (targetId: string) => string,
    private readonly print: PrintLines,
  ) {}

  async write(chunk: Chunk): Promise<void> {
    const key = `${chunk.stream} ${chunk.targetId}`;
    if (chunk.droppedBefore > 0) {
      await this.end(key);
      const note = Buffer.from(`[${chunk.droppedBefore} bytes were not kept]\n`);
      await this.print('stderr', this.prefixed(chunk.targetId, 'stderr', note));
    }
    const last = chunk.bytes.lastIndexOf(NEWLINE) + 1;
    const before = this.open.get(key);
    if (last > 0) {
      const whole = Buffer.concat([...(before?.parts ?? []), chunk.bytes.subarray(0, last)]);
      this.open.delete(key);
      this.keep(key, chunk, chunk.bytes.subarray(last));
      await this.print(chunk.stream, this.prefixed(chunk.targetId, chunk.stream, whole));
    } else {
      this.keep(key, chunk, chunk.bytes);
    }
    await this.cutLong(key);
  }

  /** What still has no end gets one: of this line, or of all. */
  async end(key?: string): Promise<void> {
    for (const each of key === undefined ? [...this.open.keys()] : [key]) {
      const line = this.open.get(each);
      if (!line) continue;
      this.open.delete(each);
      const bytes = Buffer.concat([...line.parts, Buffer.from('\n')]);
      await this.print(line.chunk.stream, this.prefixed(line.chunk.targetId, line.chunk.stream, bytes));
    }
  }

  private keep(key: string, chunk: Chunk, bytes: Buffer): void {
    if (bytes.length === 0) return;
    const line = this.open.get(key);
    if (line) {
      line.parts.push(bytes);
      line.length += bytes.length;
    } else {
      this.open.set(key, { chunk, parts: [bytes], length: bytes.length });
    }
  }

  private async cutLong(key: string): Promise<void> {
    const line = this.open.get(key);
    if (!line || line.length <= LONGEST_LINE) return;
    const bytes = Buffer.concat(line.parts);
    const rest = bytes.subarray(characterEnd(bytes));
    line.parts = [bytes.subarray(0, bytes.length - rest.length)];
    await this.end(key);
    this.keep(key, line.chunk, rest);
  }

  /** @param lines ends with a newline */
  private prefixed(targetId: string, stream: OutputStream, lines: Buffer): Buffer {
    const { [stream]: out } = this.io;
    const style = stream === 'stdout' ? 'cyan' : 'yellow';
    const prefix = Buffer.from(`${styled(this.io, out, style, `[${printable(this.nameOf(targetId))}]`)} `);
    const parts: Buffer[] = [];
    for (let start = 0; start < lines.length;) {
      const end = lines.indexOf(NEWLINE, start) + 1;
      const line = lines.subarray(start, end);
      parts.push(prefix, out.isTTY ? harmless(line) : line);
      start = end;
    }
    return Buffer.concat(parts);
  }
}

/** Tabs stay, colours and other sequences go, the rest of what is no text becomes �. */
function harmless(line: Buffer): Buffer {
  const text = stripVTControlCharacters(line.toString('utf8').replace(/\r?\n$/, ''));
  return Buffer.from(`${text.split('\t').map(printable).join('\t')}\n`);
}

/** Where the last character that may not be complete begins; the whole length where that is no UTF-8. */
function characterEnd(bytes: Buffer): number {
  for (let at = bytes.length - 1; at >= Math.max(0, bytes.length - 4); at--) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) return bytes.length;
    if (byte >= 0xc0)
      return at + (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > bytes.length ? at : bytes.length;
  }
  return bytes.length;
}
