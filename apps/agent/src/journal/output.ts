import { type StoredChunk } from './segment.js';

/** What the ending says about output, and how the chunks of the tail are numbered. */
export interface SpoolSummary {
  readonly chunks: number;
  readonly gapSeq: number | null;
  readonly droppedBytes: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  readonly layout: SpoolLayout;
}

/** Fixes the numbering, so that a chunk sent again after a restart is the same chunk. */
export interface SpoolLayout {
  /** Chunks of the head; the tail's first kept chunk has this number. */
  readonly head: number;
  /** The tail's first kept chunk, by its position in the tail. */
  readonly tailFirst: number;
  /** Bytes cut off the front of that chunk. */
  readonly skip: number;
}

/** Chunks by number, wherever they are kept. */
export interface OutputReader {
  /** The first number that is still there. */
  readonly first: number;
  /** One past the last number that may be sent now. */
  readonly available: number;
  read(seq: number): Promise<StoredChunk>;
  /** Everything below `seq` has arrived at the server. */
  release(seq: number): void;
  /** Forgets it all. */
  remove(): Promise<void>;
}
