import { Injectable } from '@nestjs/common';
import { type Chunk, type Ending, ReasonCode, type Report } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
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
 * target and number together. No EXISTS, which may be planned as one look at all that waits anywhere.
 * Nothing is joined with anything else of the batch, which would cost the square of its size: each step hands on what
 * the next one needs, and `first`…`last` are a report's own places in the arrays of chunks.
 */
const SQL = {
  settle: {
    name: 'settle',
    text: `
      WITH open AS (
        SELECT t.id, t.execution_id, r.*
        FROM (
          SELECT *, (SELECT t.id FROM targets t WHERE t.attempt_id = r.attempt_id) AS target_id
          FROM jsonb_to_recordset($1::jsonb) AS r(
            ord int, attempt_id uuid, host_id int, first int, last int, started_at timestamptz, state text, reason text, message text, exit_code int,
            signal int, finished_at timestamptz, duration_ms bigint, stdout_bytes bigint, stderr_bytes bigint, dropped_bytes bigint, gap_chunk int, masked jsonb)
          ORDER BY target_id
        ) r CROSS JOIN LATERAL (
          SELECT t.id, t.execution_id FROM targets t
          WHERE t.id = r.target_id AND t.host_id = r.host_id AND t.attempt_id = r.attempt_id AND t.state NOT IN (${NOT_IN_FLIGHT}) FOR UPDATE
        ) t
      ), fresh AS (
        SELECT o.execution_id, count(*) AS count, array_agg(o.id ORDER BY o.id, c.ord) AS targets, array_agg(c.no ORDER BY o.id, c.ord) AS nos,
          array_agg(c.stream ORDER BY o.id, c.ord) AS streams, array_agg(c.at ORDER BY o.id, c.ord) AS ats, array_agg(c.data ORDER BY o.id, c.ord) AS datas
        FROM open o CROSS JOIN LATERAL unnest(
          ($2::int[])[o.first:o.last], ($3::text[])[o.first:o.last], ($4::timestamptz[])[o.first:o.last], ($5::bytea[])[o.first:o.last]
        ) WITH ORDINALITY AS c(no, stream, at, data, ord)
        WHERE (SELECT count(*) FROM output_chunks k WHERE k.target_id = o.id AND k.chunk_no = c.no) = 0
        GROUP BY o.execution_id
      ), numbered AS (
        UPDATE executions e SET last_seq = e.last_seq + f.count FROM fresh f WHERE e.id = f.execution_id
        RETURNING e.id, e.last_seq - f.count AS base, f.targets, f.nos, f.streams, f.ats, f.datas
      ), written AS (
        INSERT INTO output_chunks (execution_id, seq, target_id, chunk_no, stream, at, data)
        SELECT n.id, n.base + c.ord, c.target_id, c.no, c.stream, c.at, c.data
        FROM numbered n CROSS JOIN LATERAL unnest(n.targets, n.nos, n.streams, n.ats, n.datas) WITH ORDINALITY AS c(target_id, no, stream, at, data, ord)
      ), settled AS (
      UPDATE targets t SET
        state = coalesce(o.state, CASE WHEN t.state = 'dispatched' AND o.started_at IS NOT NULL THEN 'running' ELSE t.state END),
        started_at = coalesce(t.started_at, o.started_at),
        finished_at = CASE WHEN o.state IS NULL THEN NULL ELSE coalesce(o.finished_at, now()) END,
        reason = o.reason, message = coalesce(o.message, ''), exit_code = o.exit_code, signal = o.signal, duration_ms = o.duration_ms,
        stdout_bytes = coalesce(o.stdout_bytes, t.stdout_bytes), stderr_bytes = coalesce(o.stderr_bytes, t.stderr_bytes),
        dropped_bytes = coalesce(o.dropped_bytes, t.dropped_bytes), gap_chunk = coalesce(o.gap_chunk, t.gap_chunk), masked = o.masked
      FROM open o WHERE t.id = o.id AND t.host_id = o.host_id
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

/** Writes what became of attempts: the only place where a target in flight reaches its end. */
@Injectable()
export class SettlementsService {
  private readonly batcher = new Batcher<Settlement, SettlementStatus>(
    (items) => this.write(items),
    MAX_SETTLEMENTS,
    {
      of: (item) => (item.chunks ?? []).reduce((sum, c) => sum + c.data.length, 0),
      max: MAX_BYTES,
    },
  );

  constructor(
    private readonly database: Database,
    private readonly nudges: Nudges,
  ) {}

  /** Resolves after the commit. @throws when the database is away: nothing was stored, say it again later */
  settle(settlement: Settlement): Promise<SettlementStatus> {
    return this.batcher.add(settlement);
  }

  /** An agent's own words. */
  report(hostId: number, report: Report): Promise<SettlementStatus> {
    const { attempt_id: attemptId, started_at: startedAt, chunks, ending } = report;
    return this.settle({
      attemptId,
      hostId,
      startedAt: ending?.started_at ?? startedAt,
      chunks,
      end: ending && { ...ending, state: stateOf(ending) },
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
  const time = (ms: number | null | undefined): string | null =>
    ms === null || ms === undefined ? null : new Date(ms).toISOString();
  const chunks: Chunk[] = [];
  const rows = settlements.map(({ attemptId, hostId, startedAt, chunks: own, end }, ord) => {
    const first = chunks.length + 1;
    if (own) chunks.push(...new Map(own.map((chunk) => [chunk.seq, chunk])).values());
    return {
      ord,
      attempt_id: attemptId,
      host_id: hostId,
      first,
      last: chunks.length,
      started_at: time(startedAt),
      ...(end && {
        state: end.state,
        reason: end.reason,
        // PostgreSQL's text holds no NUL.
        message: end.message.replaceAll('\0', '\ufffd'),
        exit_code: end.exit_code,
        signal: end.signal,
        finished_at: time(end.finished_at),
        duration_ms: end.duration_ms,
        stdout_bytes: end.stdout_bytes,
        stderr_bytes: end.stderr_bytes,
        dropped_bytes: end.dropped_bytes,
        gap_chunk: end.gap_seq,
        ...(end.masked && { masked: end.masked }),
      }),
    };
  });
  return [
    JSON.stringify(rows),
    chunks.map((c) => c.seq),
    chunks.map((c) => c.stream),
    chunks.map((c) => time(c.at)),
    chunks.map((c) => Buffer.from(c.data)),
  ];
}
