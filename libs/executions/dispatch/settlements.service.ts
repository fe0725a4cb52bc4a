import { Injectable } from '@nestjs/common';
import { type Chunk, type Ending, ReasonCode, type Report } from '#libs/protocol/index';
import { Lanes } from '#libs/platform/batch/index';
import { type BatchColumn, Database, Parts, rowsOf, valuesOf } from '#libs/platform/database/index';
import { Nudges } from '../results/nudges.js';
import {
  FINAL_STATES,
  type FinalState,
  IN_FLIGHT_STATES,
  sqlList,
  TARGET_STATES,
  type TargetState,
} from '../states.js';
import { recordEnds } from './ends.js';
import { OutputBounds } from './output-bounds.js';

/** What became of one attempt since the last word about it: from its agent, or from what the server concludes. */
export interface Settlement {
  readonly attemptId: string;
  /** The host that says so; an attempt is only ever settled by its own. */
  readonly hostId: number;
  readonly startedAt?: number | undefined;
  readonly chunks?: readonly Chunk[] | undefined;
  readonly end?: End | undefined;
}

export interface End {
  readonly state: FinalState;
  readonly reason: ReasonCode | null;
  readonly message: string;
  /** In the agent's words; absent: the server concludes it. */
  readonly ending?: Ending | undefined;
}

/** `ok`: stored, now or earlier. `stale`: this attempt does not count (any more). */
export type SettlementStatus = 'ok' | 'stale';

interface SettledRow {
  /** Of the settlement in its batch, from 1. */
  ord: number;
  execution_id: string;
  /** The host has more in its queue, and room for it now. */
  more: boolean;
}

/** A chunk of a batch. */
interface Piece {
  readonly chunk: Chunk;
  readonly bytes: Uint8Array;
  /** Where they stand among the bytes of the batch, from 1. */
  readonly begins: number;
  /** Place of its settlement in the batch, from 1. */
  readonly report: number;
}

/** Times are milliseconds: their text takes either side longer to make and to read than all else of a report. */
const REPORT_COLUMNS: readonly BatchColumn<Settlement>[] = [
  { name: 'attempt_id', type: 'uuid', of: ({ attemptId }) => attemptId },
  { name: 'host_id', type: 'int', of: ({ hostId }) => hostId },
  { name: 'started_ms', type: 'float8', of: ({ startedAt }) => startedAt },
  { name: 'state', type: 'text', of: ({ end }) => end?.state },
  { name: 'reason', type: 'text', of: ({ end }) => end?.reason },
  // PostgreSQL's text holds no NUL.
  { name: 'message', type: 'text', of: ({ end }) => end?.message.replaceAll('\0', '\ufffd'), free: true },
  { name: 'exit_code', type: 'int', of: ({ end }) => end?.ending?.exit_code },
  { name: 'signal', type: 'int', of: ({ end }) => end?.ending?.signal },
  { name: 'finished_ms', type: 'float8', of: ({ end }) => end?.ending?.finished_at },
  { name: 'duration_ms', type: 'bigint', of: ({ end }) => end?.ending?.duration_ms },
  { name: 'stdout_bytes', type: 'bigint', of: ({ end }) => end?.ending?.stdout_bytes },
  { name: 'stderr_bytes', type: 'bigint', of: ({ end }) => end?.ending?.stderr_bytes },
  { name: 'dropped_bytes', type: 'bigint', of: ({ end }) => end?.ending?.dropped_bytes },
  { name: 'gap_chunk', type: 'int', of: ({ end }) => end?.ending?.gap_seq },
  { name: 'masked', type: 'jsonb', of: ({ end }) => json(end?.ending?.masked), free: true },
  { name: 'stop_trigger', type: 'jsonb', of: ({ end }) => json(end?.ending?.stop_trigger), free: true },
];

const PIECE_COLUMNS: readonly BatchColumn<Piece>[] = [
  { name: 'no', type: 'int', of: ({ chunk }) => chunk.seq },
  { name: 'stream', type: 'boolean', of: ({ chunk }) => chunk.stream === 'stderr' },
  { name: 'at', type: 'float8', of: ({ chunk }) => chunk.at },
  { name: 'begins', type: 'int', of: ({ begins }) => begins },
  { name: 'bytes', type: 'int', of: ({ bytes }) => bytes.length },
  { name: 'report', type: 'int', of: ({ report }) => report },
];

const NOT_IN_FLIGHT = sqlList(
  TARGET_STATES.filter((state) => !(IN_FLIGHT_STATES as readonly TargetState[]).includes(state)),
);

/*
 * One statement, one commit, for the reports of many agents; a row comes back for each that counts. `settled` writes the rows
 * that may still change, in id order, and so locks them for what follows; output is numbered per execution under the lock of the execution's
 * row, so that numbers become visible in order and without gaps; chunks that came before (an acknowledgement was lost) are left out.
 *
 * Its plan is made once per connection, maybe while the tables are empty and every index looks equally good, or when a few
 * hundred rows look cheap enough to be read all. So it leaves no choice: a row is found for each report by itself (a join
 * with all reports would be planned as a walk along all targets), by its attempt and then by its id, and nothing else of it is a condition that an
 * index could answer (IS NOT DISTINCT FROM): it would be planned as a look at all of a host, or at all attempts. Never among all that is in flight (NOT IN
 * proves no partial index); and a chunk by target and number together. No EXISTS, which may be planned as one look at all that waits anywhere. A join
 * by `=` may be planned as a walk along an index in its order, or along a partial one that a condition proves, when that looks as cheap as a look by
 * key: as it does while the tables have a few rows. `= ANY(ARRAY[…])` can only be looked up.
 * Nothing is joined with anything else of the batch, which would cost the square of its size: each step hands on what
 * the next one needs, and a chunk finds its report's row by its place in arrays. Those hold what has one size, none of it null, so that
 * a place is found without a walk; the chunks of all reports are unnested at once, which for each report by itself was the dearest part of
 * a statement with many. Bytes of output are one value, cut at the last moment: as elements of an array they
 * were written in hexadecimal, twice the size and the dearest part of a long output.
 */
const SQL = {
  settle: {
    name: 'settle',
    text: `
      WITH given AS MATERIALIZED (
        SELECT *, to_timestamp(started_ms / 1000) AS started_at, to_timestamp(finished_ms / 1000) AS finished_at,
          (SELECT t.id FROM targets t WHERE t.attempt_id = r.attempt_id) AS target_id
        FROM ${rowsOf('r', REPORT_COLUMNS, 1)}
        ORDER BY target_id
      ), settled AS (
        UPDATE targets t SET
          state = coalesce(o.state, CASE WHEN t.state = 'dispatched' AND o.started_at IS NOT NULL THEN 'running' ELSE t.state END),
          started_at = coalesce(t.started_at, o.started_at),
          finished_at = CASE WHEN o.state IS NULL THEN NULL ELSE coalesce(o.finished_at, now()) END,
          reason = o.reason, message = coalesce(o.message, ''), exit_code = o.exit_code, signal = o.signal, duration_ms = o.duration_ms,
          stdout_bytes = coalesce(o.stdout_bytes, t.stdout_bytes), stderr_bytes = coalesce(o.stderr_bytes, t.stderr_bytes),
          dropped_bytes = coalesce(o.dropped_bytes, t.dropped_bytes), gap_chunk = coalesce(o.gap_chunk, t.gap_chunk), masked = o.masked, stop_trigger = o.stop_trigger
        FROM given o
        WHERE t.id = ANY(ARRAY[o.target_id]) AND t.host_id IS NOT DISTINCT FROM o.host_id AND t.attempt_id IS NOT DISTINCT FROM o.attempt_id AND t.state NOT IN (${NOT_IN_FLIGHT})
        RETURNING o.ord::int AS ord, t.id, t.execution_id, t.uuid, t.host_id, t.exit_code, t.stop_reason, o.state
      ), fresh AS (
        SELECT c.execution_id, count(*) AS count, array_agg(c.id ORDER BY c.id, c.ord) AS targets, array_agg(c.no ORDER BY c.id, c.ord) AS nos,
          array_agg(c.stream ORDER BY c.id, c.ord) AS streams, array_agg(c.at ORDER BY c.id, c.ord) AS ats,
          array_agg(c.begins ORDER BY c.id, c.ord) AS begins, array_agg(c.bytes ORDER BY c.id, c.ord) AS bytes
        FROM (
          SELECT o.ids[c.report] AS id, o.executions[c.report] AS execution_id, c.*
          FROM (
            SELECT array_agg(id ORDER BY ord) AS ids, array_agg(execution_id ORDER BY ord) AS executions
            FROM (SELECT ord, max(id) AS id, max(execution_id) AS execution_id
              FROM (SELECT ord, id, execution_id FROM settled UNION ALL SELECT ord, 0, 0 FROM given) each GROUP BY ord) placed
          ) o
          CROSS JOIN ${rowsOf('c', PIECE_COLUMNS, REPORT_COLUMNS.length + 1)}
        ) c
        WHERE c.id <> 0 AND (SELECT count(*) FROM output_chunks k WHERE k.target_id = c.id AND k.chunk_no = c.no) = 0
        GROUP BY c.execution_id
      ), numbered AS (
        UPDATE executions e SET last_seq = e.last_seq + f.count FROM fresh f WHERE e.id = ANY(ARRAY[f.execution_id])
        RETURNING e.id, e.last_seq - f.count AS base, f.targets, f.nos, f.streams, f.ats, f.begins, f.bytes
      ), written AS (
        INSERT INTO output_chunks (execution_id, seq, target_id, chunk_no, stream, at, data)
        SELECT n.id, n.base + c.ord, c.target_id, c.no, CASE WHEN c.is_stderr THEN 'stderr' ELSE 'stdout' END, to_timestamp(c.at / 1000), substring($${REPORT_COLUMNS.length + PIECE_COLUMNS.length + 1}::bytea FROM c.begins FOR c.bytes)
        FROM numbered n CROSS JOIN LATERAL unnest(n.targets, n.nos, n.streams, n.ats, n.begins, n.bytes)
          WITH ORDINALITY AS c(target_id, no, is_stderr, at, begins, bytes, ord)
      ), recorded AS (
        ${recordEnds('settled')}
      )
      SELECT s.ord, s.execution_id, s.state IS NOT NULL AND (SELECT true FROM targets q WHERE q.host_id = s.host_id AND q.state = 'queued' LIMIT 1) IS NOT NULL AS more
      FROM settled s`,
  },
  // Those among these attempts that have ended.
  ended: {
    name: 'attempts_ended',
    text: `SELECT t.attempt_id, t.host_id FROM targets t WHERE t.attempt_id = ANY($1::uuid[]) AND t.state IN (${sqlList(FINAL_STATES)})`,
  },
};

/** Per statement; more wait for the next one. */
const MAX_SETTLEMENTS = 1_000;
const MAX_BYTES = 8 * 1024 * 1024;

/** Of parts that are sent as they are; smaller ones cost less in one piece. */
const LARGE_PART_BYTES = 8 * 1024;

/** A report with more output than this keeps company with its like. */
const HEAVY_BYTES = 32 * 1024;

/** Writes what became of attempts: the only place where a target in flight reaches its end. */
@Injectable()
export class SettlementsService {
  /** Long output takes PostgreSQL tens of milliseconds per statement, for which the words of all other hosts would wait. */
  private readonly lanes = new Lanes<Settlement, SettlementStatus>(keyOf, (items) => this.write(items), [
    MAX_SETTLEMENTS,
    { of: outputBytes, max: MAX_BYTES },
  ]);

  constructor(
    private readonly database: Database,
    private readonly nudges: Nudges,
    private readonly bounds: OutputBounds,
  ) {}

  /** Resolves after the commit. @throws when the database is away: nothing was stored, say it again later */
  settle(settlement: Settlement): Promise<SettlementStatus> {
    return this.lanes.add(settlement, outputBytes(settlement) > HEAVY_BYTES ? 'heavy' : 'light');
  }

  /**
   * An agent's own words.
   * @throws DomainError malformed, for more output than the run may have
   */
  async report(hostId: number, report: Report): Promise<SettlementStatus> {
    if (report.chunks !== undefined) await this.bounds.check(hostId, report);
    const { attempt_id: attemptId, started_at: startedAt, chunks, ending } = report;
    return this.settle({
      attemptId,
      hostId,
      startedAt: ending?.started_at ?? startedAt,
      chunks,
      end: ending && { state: stateOf(ending), reason: ending.reason, message: ending.message, ending },
    });
  }

  private async write(items: Settlement[]): Promise<SettlementStatus[]> {
    const merged = mergeByAttempt(items);
    const mark = this.nudges.mark();
    const rows = await this.database.query<SettledRow>(SQL.settle, parameters(merged));
    const hasEnded = ({ ord }: SettledRow): boolean => merged[ord - 1]?.end !== undefined;
    const [ends, words] = [rows.filter(hasEnded), rows.filter((row) => !hasEnded(row))];
    this.nudges.changed(words.map((row) => row.execution_id));
    this.nudges.ended(ends.map((row) => row.execution_id));
    const settled = new Map(rows.map((row) => [row.ord, row]));
    // What was asked for while the statement ran may be newer than what it saw, and found the host still taken.
    const free = merged.filter(
      (m, i) => settled.get(i + 1)?.more || (m.end && this.nudges.wokenSince(m.hostId, mark)),
    );
    this.nudges.wake(free.map((m) => m.hostId));
    const done = new Set(merged.filter((_, i) => settled.has(i + 1)).map(keyOf));
    const ended = await this.endedBefore(items.filter((item) => item.end && !done.has(keyOf(item))));
    // Settled before, and the acknowledgement got lost: the agent may forget it, unless it believes it is still running.
    return items.map((item) =>
      done.has(keyOf(item)) || (item.end && ended.has(keyOf(item))) ? 'ok' : 'stale',
    );
  }

  private async endedBefore(items: readonly Settlement[]): Promise<Set<string>> {
    if (items.length === 0) return new Set();
    const rows = await this.database.query<{ attempt_id: string; host_id: number }>(SQL.ended, [
      items.map((item) => item.attemptId),
    ]);
    return new Set(rows.map((row) => keyOf({ attemptId: row.attempt_id, hostId: row.host_id })));
  }
}

function stateOf(ending: Ending): FinalState {
  return ending.outcome === 'failed_to_start' && ending.reason === ReasonCode.expired
    ? 'expired'
    : ending.outcome;
}

function outputBytes({ chunks }: Settlement): number {
  return chunks === undefined ? 0 : chunks.reduce((sum, { data }) => sum + data.length, 0);
}

function keyOf(item: Pick<Settlement, 'attemptId' | 'hostId'>): string {
  return `${item.hostId} ${item.attemptId}`;
}

/** One row per attempt, whatever came about it in this batch, in the order it came. */
function mergeByAttempt(items: readonly Settlement[]): Settlement[] {
  const merged = new Map<string, Settlement>();
  for (const item of items) {
    const before = merged.get(keyOf(item));
    merged.set(
      keyOf(item),
      before
        ? {
            ...before,
            startedAt: before.startedAt ?? item.startedAt,
            chunks: [...(before.chunks ?? []), ...(item.chunks ?? [])],
            end: before.end ?? item.end,
          }
        : item,
    );
  }
  return [...merged.values()];
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

/** The last of each number. */
function distinct(chunks: readonly Chunk[]): Iterable<Chunk> {
  return chunks.length < 2 ? chunks : new Map(chunks.map((chunk) => [chunk.seq, chunk])).values();
}

function parameters(settlements: readonly Settlement[]): unknown[] {
  const pieces = piecesOf(settlements);
  const parts = pieces.map(({ bytes }) => bytes);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return [
    ...valuesOf(REPORT_COLUMNS, settlements),
    ...valuesOf(PIECE_COLUMNS, pieces),
    parts.length * LARGE_PART_BYTES <= length ? new Parts(parts) : Buffer.concat(parts, length),
  ];
}

function piecesOf(settlements: readonly Settlement[]): Piece[] {
  const pieces: Piece[] = [];
  let begins = 1;
  for (const [i, { chunks = [] }] of settlements.entries())
    for (const chunk of distinct(chunks)) {
      const bytes = typeof chunk.data === 'string' ? Buffer.from(chunk.data) : chunk.data;
      pieces.push({ chunk, bytes, begins, report: i + 1 });
      begins += bytes.length;
    }
  return pieces;
}
