import { Injectable } from '@nestjs/common';
import { type Chunk, type Ending, ReasonCode, type Report } from '#libs/protocol/index';
import { Lanes } from '#libs/platform/batch/index';
import { Database, Parts } from '#libs/platform/database/index';
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

export type End = {
  readonly state: FinalState;
  readonly reason: ReasonCode | null;
  readonly message: string;
} & Partial<Omit<Ending, 'outcome' | 'reason' | 'message'>>;

/** `ok`: stored, now or earlier. `stale`: this attempt does not count (any more). */
export type SettlementStatus = 'ok' | 'stale';

interface SettledRow {
  /** Of the settlement in its batch. */
  ord: number;
  execution_id: string;
  /** The host has more in its queue, and room for it now. */
  more: boolean;
}

const NOT_IN_FLIGHT = sqlList(
  TARGET_STATES.filter((state) => !(IN_FLIGHT_STATES as readonly TargetState[]).includes(state)),
);

/*
 * One statement, one commit, for the reports of many agents; a row comes back for each that counts. `open` locks the rows
 * that may still change, in id order; output is numbered per execution under the lock of the execution's row, so that
 * numbers become visible in order and without gaps; chunks that came before (an acknowledgement was lost) are left out.
 *
 * Its plan is made once per connection, maybe while the tables are empty and every index looks equally good, or when a few
 * hundred rows look cheap enough to be read all. So it leaves no choice: a row is found for each report by itself (a join
 * with all reports would be planned as a walk along all targets), by its attempt and then by id and host together,
 * which is exact in whatever index; never among all that is in flight (NOT IN proves no partial index); and a chunk by
 * target and number together. No EXISTS, which may be planned as one look at all that waits anywhere. A join by `=` may be planned as
 * a walk along an index in its order, or along a partial one that a condition proves, when that looks as cheap as a look by key: as it
 * does while the tables have a few rows. `= ANY(ARRAY[…])` can only be looked up.
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
      WITH open AS (
        SELECT t.id, t.execution_id, r.*
        FROM (
          SELECT *, to_timestamp(started_ms / 1000) AS started_at, to_timestamp(finished_ms / 1000) AS finished_at,
            (SELECT t.id FROM targets t WHERE t.attempt_id = r.attempt_id) AS target_id
          FROM jsonb_to_recordset($1::jsonb) AS r(
            ord int, attempt_id uuid, host_id int, started_ms float8, state text, reason text, message text, exit_code int,
            signal int, finished_ms float8, duration_ms bigint, stdout_bytes bigint, stderr_bytes bigint, dropped_bytes bigint, gap_chunk int, masked jsonb, stop_trigger jsonb)
          ORDER BY target_id
        ) r LEFT JOIN LATERAL (
          SELECT t.id, t.execution_id FROM targets t
          WHERE t.id = r.target_id AND t.host_id = r.host_id AND t.attempt_id = r.attempt_id AND t.state NOT IN (${NOT_IN_FLIGHT}) FOR UPDATE
        ) t ON true
      ), fresh AS (
        SELECT c.execution_id, count(*) AS count, array_agg(c.id ORDER BY c.id, c.ord) AS targets, array_agg(c.no ORDER BY c.id, c.ord) AS nos,
          array_agg(c.stream ORDER BY c.id, c.ord) AS streams, array_agg(c.at ORDER BY c.id, c.ord) AS ats,
          array_agg(c.begins ORDER BY c.id, c.ord) AS begins, array_agg(c.bytes ORDER BY c.id, c.ord) AS bytes
        FROM (
          SELECT o.ids[c.report] AS id, o.executions[c.report] AS execution_id, c.*
          FROM (SELECT array_agg(coalesce(id, 0) ORDER BY ord) AS ids, array_agg(coalesce(execution_id, 0) ORDER BY ord) AS executions FROM open) o
          CROSS JOIN unnest($2::int[], $3::boolean[], $4::float8[], $5::int[], $6::int[], $7::int[]) WITH ORDINALITY AS c(no, stream, at, begins, bytes, report, ord)
        ) c
        WHERE c.id <> 0 AND (SELECT count(*) FROM output_chunks k WHERE k.target_id = c.id AND k.chunk_no = c.no) = 0
        GROUP BY c.execution_id
      ), numbered AS (
        UPDATE executions e SET last_seq = e.last_seq + f.count FROM fresh f WHERE e.id = ANY(ARRAY[f.execution_id])
        RETURNING e.id, e.last_seq - f.count AS base, f.targets, f.nos, f.streams, f.ats, f.begins, f.bytes
      ), written AS (
        INSERT INTO output_chunks (execution_id, seq, target_id, chunk_no, stream, at, data)
        SELECT n.id, n.base + c.ord, c.target_id, c.no, CASE WHEN c.is_stderr THEN 'stderr' ELSE 'stdout' END, to_timestamp(c.at / 1000), substring($8::bytea FROM c.begins FOR c.bytes)
        FROM numbered n CROSS JOIN LATERAL unnest(n.targets, n.nos, n.streams, n.ats, n.begins, n.bytes)
          WITH ORDINALITY AS c(target_id, no, is_stderr, at, begins, bytes, ord)
      ), settled AS (
      UPDATE targets t SET
        state = coalesce(o.state, CASE WHEN t.state = 'dispatched' AND o.started_at IS NOT NULL THEN 'running' ELSE t.state END),
        started_at = coalesce(t.started_at, o.started_at),
        finished_at = CASE WHEN o.state IS NULL THEN NULL ELSE coalesce(o.finished_at, now()) END,
        reason = o.reason, message = coalesce(o.message, ''), exit_code = o.exit_code, signal = o.signal, duration_ms = o.duration_ms,
        stdout_bytes = coalesce(o.stdout_bytes, t.stdout_bytes), stderr_bytes = coalesce(o.stderr_bytes, t.stderr_bytes),
        dropped_bytes = coalesce(o.dropped_bytes, t.dropped_bytes), gap_chunk = coalesce(o.gap_chunk, t.gap_chunk), masked = o.masked, stop_trigger = o.stop_trigger
      FROM open o WHERE t.id = ANY(ARRAY[o.id])
      RETURNING o.ord, t.execution_id, t.uuid, t.host_id, t.exit_code, t.stop_reason, o.state
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
      end: ending && { state: stateOf(ending), ...ending },
    });
  }

  private async write(items: Settlement[]): Promise<SettlementStatus[]> {
    const merged = mergeByAttempt(items);
    const mark = this.nudges.mark();
    const rows = await this.database.query<SettledRow>(SQL.settle, parameters(merged));
    const hasEnded = ({ ord }: SettledRow): boolean => merged[ord]?.end !== undefined;
    const [ends, words] = [rows.filter(hasEnded), rows.filter((row) => !hasEnded(row))];
    this.nudges.changed(words.map((row) => row.execution_id));
    this.nudges.ended(ends.map((row) => row.execution_id));
    const settled = new Map(rows.map((row) => [row.ord, row]));
    // What was asked for while the statement ran may be newer than what it saw, and found the host still taken.
    const free = merged.filter(
      (m, ord) => settled.get(ord)?.more || (m.end && this.nudges.wokenSince(m.hostId, mark)),
    );
    this.nudges.wake(free.map((m) => m.hostId));
    const done = new Set(merged.filter((_, ord) => settled.has(ord)).map(keyOf));
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

function parameters(settlements: readonly Settlement[]): unknown[] {
  const chunks: Chunk[] = [];
  /** Of each chunk the place of its report, from 1. */
  const reports: number[] = [];
  const rows = settlements.map(({ attemptId, hostId, startedAt, chunks: own, end }, ord) => {
    if (own)
      for (const chunk of new Map(own.map((each) => [each.seq, each])).values()) {
        chunks.push(chunk);
        reports.push(ord + 1);
      }
    return {
      ord,
      attempt_id: attemptId,
      host_id: hostId,
      // Milliseconds: text of a time takes either side longer to make and to read than all else of a report.
      started_ms: startedAt ?? null,
      ...(end && {
        state: end.state,
        reason: end.reason,
        // PostgreSQL's text holds no NUL.
        message: end.message.replaceAll('\0', '\ufffd'),
        exit_code: end.exit_code,
        signal: end.signal,
        finished_ms: end.finished_at,
        duration_ms: end.duration_ms,
        stdout_bytes: end.stdout_bytes,
        stderr_bytes: end.stderr_bytes,
        dropped_bytes: end.dropped_bytes,
        gap_chunk: end.gap_seq,
        ...(end.masked && { masked: end.masked }),
        ...(end.stop_trigger && { stop_trigger: end.stop_trigger }),
      }),
    };
  });
  const parts = chunks.map(({ data }) => (typeof data === 'string' ? Buffer.from(data) : data));
  let next = 1;
  const begins = parts.map((part) => (next += part.length) - part.length);
  return [
    JSON.stringify(rows),
    chunks.map((c) => c.seq),
    chunks.map((c) => c.stream === 'stderr'),
    chunks.map((c) => c.at),
    begins,
    parts.map((part) => part.length),
    reports,
    parts.length * LARGE_PART_BYTES < next ? new Parts(parts) : Buffer.concat(parts),
  ];
}
