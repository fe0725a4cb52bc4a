import { Injectable } from '@nestjs/common';
import { groupBy } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';

/** The last bytes of what a target wrote, as text; empty where there is none. */
export interface OutputTail {
  readonly stdout: string;
  readonly stderr: string;
  /** Bytes read of each stream; what was written before them is left out. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** Bytes of each stream that were read at most. */
  readonly limit: number;
}

/** The last bytes of both streams of a target as they came, as text. */
export interface JoinedTail {
  readonly text: string;
  /** Bytes read of each stream. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

/** What is known, before reading, of a target whose output is wanted. */
export interface TailWanted {
  readonly id: string;
  /** Bytes that the stream may hold; `Infinity` while it still grows. */
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
}

interface Piece {
  target_id: string;
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

const SQL = {
  // Per target a walk over its chunks from the last one; of the oldest piece that is needed only what is needed. Lengths are
  // known without reading the bytes.
  eachStream: {
    name: 'tails_of_streams',
    text: `SELECT t.id AS target_id, c.stream, CASE WHEN c.upto > $2 THEN substring(c.data FROM (c.upto - $2 + 1)::int) ELSE c.data END AS data
           FROM unnest($1::bigint[]) AS t(id) CROSS JOIN LATERAL (
             SELECT o.chunk_no, o.stream, o.data, sum(octet_length(o.data)) OVER (PARTITION BY o.stream ORDER BY o.chunk_no DESC) AS upto
             FROM output_chunks o WHERE o.target_id = t.id
           ) c WHERE c.upto - octet_length(c.data) < $2 ORDER BY t.id, c.chunk_no`,
  },
  both: {
    name: 'tail_of_both',
    text: `SELECT CASE WHEN upto > $2 THEN substring(data FROM (upto - $2 + 1)::int) ELSE data END AS data FROM (
             SELECT chunk_no, data, sum(octet_length(data)) OVER (ORDER BY chunk_no DESC) AS upto FROM output_chunks WHERE target_id = $1
           ) c WHERE upto - octet_length(data) < $2 ORDER BY chunk_no`,
  },
};

const TARGETS_PER_STATEMENT = 1_000;

/** The ends of what targets wrote, for answers that are built in memory. */
@Injectable()
export class OutputTailsRepository {
  constructor(private readonly database: Database) {}

  /** Both streams of one target in order of arrival, the last `bytes` of it as text. */
  async both(targetId: string, bytes: number): Promise<string> {
    const rows = await this.database.query<{ data: Buffer }>(SQL.both, [targetId, bytes]);
    return textOf(
      rows.map((row) => row.data),
      bytes,
    );
  }

  /** Both streams of one target in order of arrival, of each the last `bytes`. */
  async joined(targetId: string, bytes: number): Promise<JoinedTail> {
    const pieces = await this.database.query<Piece>(SQL.eachStream, [[targetId], bytes]);
    const { stdoutBytes, stderrBytes } = tailOf(pieces, bytes);
    const text = textOf(
      pieces.map((piece) => piece.data),
      Math.min(bytes, Math.max(stdoutBytes, stderrBytes)),
    );
    return { text, stdoutBytes, stderrBytes };
  }

  /**
   * Each stream of each target by itself, of many targets in few statements.
   * @param most bytes of one stream
   * @param budget bytes of all streams together: when there are more, long ones are cut to the same length, short ones stay whole
   */
  async each(wanted: readonly TailWanted[], most: number, budget: number): Promise<Map<string, OutputTail>> {
    const writers = wanted.filter((target) => target.stdoutBytes + target.stderrBytes > 0);
    const sizes = writers.flatMap((target) => [target.stdoutBytes, target.stderrBytes]);
    const bytes = fairShare(
      sizes.map((size) => Math.min(size, most)),
      budget,
    );
    const tails = new Map<string, OutputTail>();
    for (let from = 0; from < writers.length; from += TARGETS_PER_STATEMENT) {
      const ids = writers.slice(from, from + TARGETS_PER_STATEMENT).map((target) => target.id);
      const pieces = await this.database.query<Piece>(SQL.eachStream, [ids, bytes]);
      for (const [id, own] of groupBy(pieces, (piece) => piece.target_id)) tails.set(id, tailOf(own, bytes));
    }
    return tails;
  }
}

/** The largest length (at least 1) to which each of these may be cut so that all together keep to the budget. */
export function fairShare(sizes: readonly number[], budget: number): number {
  const ascending = [...sizes].sort((a, b) => a - b);
  let left = budget;
  for (const [i, size] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - i));
    if (size > share) return Math.max(1, share);
    left -= size;
  }
  return Math.max(1, ascending.at(-1) ?? 0);
}

function tailOf(pieces: readonly Piece[], limit: number): OutputTail {
  const of = (stream: Piece['stream']): Buffer[] =>
    pieces.filter((piece) => piece.stream === stream).map((piece) => piece.data);
  const [stdout, stderr] = [of('stdout'), of('stderr')];
  return {
    stdout: textOf(stdout, limit),
    stderr: textOf(stderr, limit),
    stdoutBytes: lengthOf(stdout),
    stderrBytes: lengthOf(stderr),
    limit,
  };
}

function lengthOf(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/** Bytes as text; what is as long as it may be was cut, and does not begin in the middle of a character. */
function textOf(pieces: readonly Buffer[], limit: number): string {
  const bytes = Buffer.concat(pieces);
  const inside = (at: number): boolean => ((bytes[at] ?? 0) & 0xc0) === 0x80;
  let start = 0;
  if (bytes.length >= limit) while (start < 3 && inside(start)) start += 1;
  return bytes.subarray(start).toString('utf8');
}
