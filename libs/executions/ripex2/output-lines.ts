import { type RpcLineDto } from './rpc.dto.js';

/** A chunk of stored output. */
export interface Chunk {
  readonly no: number;
  readonly stream: 'stdout' | 'stderr';
  readonly at: Date;
  readonly data: Buffer;
}

/** Where reading goes on. */
export interface Position {
  readonly chunk: number;
  /** Newlines of that chunk that have been read. */
  readonly newlines: number;
}

/** A line's id is where its newline stands: the chunk, and which newline of it. A chunk has at most 64 KiB, so ids ascend. */
const PER_CHUNK = 1 << 17;
const STREAMS = ['stdout', 'stderr'] as const;

/** @param id of the last line that was read; null: none */
export function positionOf(id: number | null): Position {
  return id === null
    ? { chunk: 0, newlines: 0 }
    : { chunk: Math.floor(id / PER_CHUNK), newlines: (id % PER_CHUNK) + 1 };
}

/**
 * Lines that end in these chunks, in the order in which they ended.
 * @param pending what has begun before, by stream; what is begun here stands in it afterwards
 * @param from lines before it are left out
 * @param complete nothing follows: what is not ended by a newline is a line, too
 */
export function linesOf(
  chunks: readonly Chunk[],
  pending: Record<'stdout' | 'stderr', Buffer[]>,
  from: Position,
  complete: boolean,
): { lines: RpcLineDto[] } {
  const lines: RpcLineDto[] = [];
  const line = (id: number, stream: 'stdout' | 'stderr', at: Date, parts: readonly Buffer[]): void => {
    const text = Buffer.concat(parts).toString('utf8');
    lines.push({ id, stream, timestamp: Math.floor(at.getTime() / 1_000), text });
  };
  for (const { no, stream, at, data } of chunks) {
    let start = 0;
    for (let index = 0, end = data.indexOf(0x0a); end >= 0; index += 1, end = data.indexOf(0x0a, start)) {
      const parts = [...pending[stream], data.subarray(start, end)];
      pending[stream] = [];
      if (no > from.chunk || index >= from.newlines) line(no * PER_CHUNK + index, stream, at, parts);
      start = end + 1;
    }
    pending[stream].push(data.subarray(start));
  }
  const last = chunks.at(-1);
  if (!complete || !last) return { lines };
  STREAMS.forEach((stream, index) => {
    const id = (last.no + 1) * PER_CHUNK + index;
    const isRead = last.no + 1 < from.chunk || (last.no + 1 === from.chunk && index < from.newlines);
    if (Buffer.concat(pending[stream]).length > 0 && !isRead) line(id, stream, last.at, pending[stream]);
  });
  return { lines };
}
