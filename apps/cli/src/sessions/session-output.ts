import { type SessionEvent } from '../api/session-shapes.js';
import { type Chunk } from '../api/shapes.js';

/** Output as it comes from an execution's one target. */
export function chunkOf({ stream, bytes, droppedBefore }: SessionEvent): Chunk {
  return { seq: 0, targetId: '', stream, bytes, droppedBefore };
}

/** The words with which it was closed. */
export function wordsOf({ bytes }: SessionEvent): string {
  return bytes.toString('utf8').trimEnd();
}
