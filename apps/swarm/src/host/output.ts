import { Limits } from '#libs/protocol/index';

/** What a simulated process writes to standard output, and what an agent keeps of it. */
export interface SimulatedOutput {
  /** Text of each chunk, in order; all of one length but the last of the head and of the tail. */
  readonly chunks: readonly string[];
  readonly bytes: number;
  readonly droppedBytes: number;
  /** The first chunk after what was dropped; null when nothing was. */
  readonly gapSeq: number | null;
}

/** Lines of `x`, so that the output can be read. */
const LINE = `${'x'.repeat(79)}\n`;

/** @param bytes written. @param cap kept of it: the first half and the last half */
export function simulatedOutput(bytes: number, cap: number): SimulatedOutput {
  if (bytes <= cap) return { chunks: chunksOf(0, bytes, bytes), bytes, droppedBytes: 0, gapSeq: null };
  const head = chunksOf(0, Math.floor(cap / 2), bytes);
  const tail = chunksOf(bytes - Math.ceil(cap / 2), bytes, bytes);
  return { chunks: [...head, ...tail], bytes, droppedBytes: bytes - cap, gapSeq: head.length };
}

/** From one byte of the output to another; its very last byte ends the line. */
function chunksOf(from: number, to: number, end: number): string[] {
  const chunks: string[] = [];
  for (let at = from; at < to; at += Limits.chunkBytes) {
    const until = Math.min(to, at + Limits.chunkBytes);
    const phase = at % LINE.length;
    const text = LINE.repeat(Math.ceil((phase + until - at) / LINE.length)).slice(phase, phase + until - at);
    chunks.push(until === end ? `${text.slice(0, -1)}\n` : text);
  }
  return chunks;
}
