import { Injectable } from '@nestjs/common';
import { type Chunk, type Ending, ReasonCode, type Report } from '#libs/protocol/index';
import { Batcher } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { Nudges } from '../results/nudges.js';
import { type FinalState, IN_FLIGHT_STATES, isFinal, sqlList, type TargetState } from '../states.js';

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
  ord: number;
  was_open: boolean;
  state: TargetState | null;
  execution_id: string | null;
  /** The host has more in its queue, and room for it now. */
  more: boolean;
}

const IN_FLIGHT = sqlList(IN_FLIGHT_STATES);

/*
 * One statement, one commit, for the reports of many agents. `open` locks the rows that may still change, in id order;
 * output is numbered per execution under the lock of the execution's row, so that numbers become visible in order
 * and without gaps; chunks that came before (an acknowledgement was lost) are left out.
 */
const SETTLE = {
  name: 'settle',
  text: `
    WITH r AS MATERIALIZED (
      SELECT * FROM jsonb_to_recordset($1::jsonb) AS r(
        ord int, attempt_id uuid, host_id int, started_at timestamptz, state text, reason text, message text, exit_code int,
        signal int, finished_at timestamptz, duration_ms bigint, stdout_bytes bigint, stderr_bytes bigint, dropped_bytes bigint, gap_chunk int)
    ), open AS (
      SELECT t.id, t.execution_id, t.attempt_id, t.host_id FROM targets t JOIN r ON t.attempt_id = r.attempt_id AND t.host_id = r.host_id
      WHERE t.state IN (${IN_FLIGHT}) ORDER BY t.id FOR UPDATE OF t
    ), fresh AS (
      SELECT open.execution_id, open.id AS target_id, c.chunk_no, c.stream, c.at, c.data, c.ord
      FROM unnest($2::uuid[], $3::int[], $4::int[], $5::text[], $6::timestamptz[], $7::bytea[])
        WITH ORDINALITY AS c(attempt_id, host_id, chunk_no, stream, at, data, ord)
      JOIN open ON open.attempt_id = c.attempt_id AND open.host_id = c.host_id
      WHERE NOT EXISTS (SELECT 1 FROM output_chunks o WHERE o.target_id = open.id AND o.chunk_no = c.chunk_no)
    ), numbered AS (
      UPDATE executions e SET last_seq = e.last_seq + f.count
      FROM (SELECT execution_id, count(*) AS count FROM fresh GROUP BY execution_id) f
      WHERE e.id = f.execution_id RETURNING e.id, e.last_seq - f.count AS base
    ), written AS (
      INSERT INTO output_chunks (execution_id, seq, target_id, chunk_no, stream, at, data)
      SELECT f.execution_id, n.base + row_number() OVER (PARTITION BY f.execution_id ORDER BY f.ord), f.target_id, f.chunk_no, f.stream, f.at, f.data
      FROM fresh f JOIN numbered n ON n.id = f.execution_id
    ), settled AS (
      UPDATE targets t SET
        state = coalesce(r.state, CASE WHEN t.state = 'dispatched' AND r.started_at IS NOT NULL THEN 'running' ELSE t.state END),
        started_at = coalesce(t.started_at, r.started_at),
        finished_at = CASE WHEN r.state IS NULL THEN NULL ELSE coalesce(r.finished_at, now()) END,
        reason = r.reason, message = coalesce(r.message, ''), exit_code = r.exit_code, signal = r.signal, duration_ms = r.duration_ms,
        stdout_bytes = coalesce(r.stdout_bytes, t.stdout_bytes), stderr_bytes = coalesce(r.stderr_bytes, t.stderr_bytes),
        dropped_bytes = coalesce(r.dropped_bytes, t.dropped_bytes), gap_chunk = coalesce(r.gap_chunk, t.gap_chunk)
      FROM r JOIN open ON open.attempt_id = r.attempt_id AND open.host_id = r.host_id
      WHERE t.id = open.id RETURNING t.attempt_id, t.host_id, t.state, t.execution_id
    )
    SELECT r.ord, s.attempt_id IS NOT NULL AS was_open, coalesce(s.state, t.state) AS state, coalesce(s.execution_id, t.execution_id) AS execution_id,
      r.state IS NOT NULL AND EXISTS (SELECT 1 FROM targets q WHERE q.host_id = r.host_id AND q.state = 'queued') AS more
    FROM r LEFT JOIN settled s ON s.attempt_id = r.attempt_id AND s.host_id = r.host_id
    LEFT JOIN targets t ON s.attempt_id IS NULL AND t.attempt_id = r.attempt_id AND t.host_id = r.host_id`,
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
    const rows = await this.database.query<SettledRow>(SETTLE, parameters(merged));
    const byOrd = new Map(rows.map((row) => [row.ord, row]));
    this.nudges.changed(rows.flatMap((row) => (row.was_open && row.execution_id ? [row.execution_id] : [])));
    // What was asked for while the statement ran may be newer than what it saw, and found the host still taken.
    const free = merged.filter(
      (m, ord) => byOrd.get(ord)?.more || (m.end && this.nudges.wokenSince(m.hostId, mark)),
    );
    this.nudges.wake(free.map((m) => m.hostId));
    const ordOf = new Map(merged.map((m, ord) => [keyOf(m), ord]));
    return items.map((item) => {
      const row = byOrd.get(ordOf.get(keyOf(item)) ?? -1);
      if (row?.was_open) return 'ok';
      // Settled before, and the acknowledgement got lost: the agent may forget it, unless it believes it is still running.
      return item.end && row?.state && isFinal(row.state) ? 'ok' : 'stale';
    });
  }
}

function stateOf(ending: Ending): FinalState {
  return ending.outcome === 'failed_to_start' && ending.reason === ReasonCode.expired
    ? 'expired'
    : ending.outcome;
}

function keyOf(item: Settlement): string {
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
  const rows = settlements.map(({ attemptId, hostId, startedAt, end }, ord) => ({
    ord,
    attempt_id: attemptId,
    host_id: hostId,
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
    }),
  }));
  const chunks = settlements.flatMap((settlement) =>
    [...new Map(settlement.chunks?.map((c) => [c.seq, c])).values()].map((chunk) => ({
      ...chunk,
      settlement,
    })),
  );
  return [
    JSON.stringify(rows),
    chunks.map((c) => c.settlement.attemptId),
    chunks.map((c) => c.settlement.hostId),
    chunks.map((c) => c.seq),
    chunks.map((c) => c.stream),
    chunks.map((c) => time(c.at)),
    chunks.map((c) => Buffer.from(c.data)),
  ];
}
