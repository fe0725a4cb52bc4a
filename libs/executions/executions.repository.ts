import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { type ReasonCode } from '#libs/protocol/index';
import { type ExecutionKind, type RunOptions } from './execution.entity.js';
import { type RolloutStateDto } from './rollout/rollout.dto.js';
import { FINAL_STATES, sqlList, type TargetState } from './states.js';

export interface ExecutionRow {
  id: string;
  uuid: string;
  kind: ExecutionKind;
  requested_by_email: string;
  content_sha256: Buffer;
  created_at: Date;
  expires_at: Date | null;
  timeout_seconds: number;
  options: RunOptions;
  /** The saved script that it was taken from; null: none, or it is gone. */
  script_id: number | null;
  /** In which waves it spreads; null: all at once. */
  rollout: RolloutRow | null;
}

/** As in `RolloutStateDto`; `next_at` in PostgreSQL's words. */
export type RolloutRow = Omit<RolloutStateDto, 'failures'> & {
  /** All so far, those that do not count any more among them. */
  failures: number;
};

export interface TargetRow {
  id: string;
  uuid: string;
  execution_id: string;
  host_id: number;
  host_uuid: string | null;
  hostname: string | null;
  /** Of its host; null: of none, or the host is gone. */
  team_id: number | null;
  state: TargetState;
  reason: ReasonCode | null;
  message: string;
  /** Why a stop was asked for; null: it was not. */
  stop_reason: ReasonCode | null;
  stop_by: string | null;
  exit_code: number | null;
  signal: number | null;
  created_at: Date;
  dispatched_at: Date | null;
  started_at: Date | null;
  finished_at: Date | null;
  duration_ms: string | null;
  stdout_bytes: string;
  stderr_bytes: string;
  dropped_bytes: string;
  masked: Record<string, number> | null;
}

export interface ChunkRow {
  seq: string;
  target_id: string;
  stream: 'stdout' | 'stderr';
  at: Date;
  data: Buffer;
  /** Bytes that were dropped right before this chunk; null when none. */
  dropped_before: string | null;
  /** The page has as many bytes as a page may have; more may follow. */
  full: boolean;
}

/** The teams whose hosts are looked at; null: all hosts, those of no team and those that are gone included. */
export type Scope = readonly number[] | null;

export interface ExecutionFilter {
  readonly scope: Scope;
  readonly kind: string | null;
  readonly state: string | null;
  readonly hostId: number | null;
  readonly since: Date | null;
  readonly until: Date | null;
  /** Internal id; only older ones. */
  readonly before: string | null;
  readonly limit: number;
}

/** Bytes of output in one page: an answer is built in memory. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** Columns of an ExecutionRow, for statements with `e` as the execution, followed by `ROLLOUT`. */
export const EXECUTION =
  'e.id, e.uuid, e.kind, e.requested_by_email, e.content_sha256, e.created_at, e.expires_at, e.timeout_seconds, e.options, e.script_id, r.rollout';
/** Where the execution's rollout stands, for the columns above. */
export const ROLLOUT = `LEFT JOIN LATERAL (
  SELECT jsonb_build_object('state', o.state, 'reason', o.reason, 'wave', o.wave, 'waves', cardinality(o.waves), 'released', o.released,
    'failures', o.failures, 'forgiven', o.forgiven, 'max_failures', o.max_failures, 'next_at', o.next_at) AS rollout
  FROM rollouts o WHERE o.execution_id = e.id) r ON true`;
const TARGET = `t.id, t.uuid, t.execution_id, t.host_id, h.uuid AS host_uuid, h.hostname, h.team_id, t.state, t.reason, t.message, t.stop_reason, t.stop_by, t.exit_code, t.signal,
  t.created_at, t.dispatched_at, t.started_at, t.finished_at, t.duration_ms, t.stdout_bytes, t.stderr_bytes, t.dropped_bytes, t.masked`;
const FINAL = sqlList(FINAL_STATES);

/** SQL: the host is of one of these teams, or all hosts count. */
export function inScope(hostId: string, scope: string): string {
  return `(${scope}::int[] IS NULL OR EXISTS (SELECT 1 FROM hosts s WHERE s.id = ${hostId} AND s.team_id = ANY(${scope}::int[])))`;
}

const SQL = {
  // By its own uuid, or a target's.
  find: {
    name: 'execution_find',
    text: `SELECT ${EXECUTION} FROM executions e ${ROLLOUT} WHERE e.uuid = $1
           UNION ALL SELECT ${EXECUTION} FROM targets t JOIN executions e ON e.id = t.execution_id ${ROLLOUT} WHERE t.uuid = $1 LIMIT 1`,
  },
  targets: {
    name: 'targets_of_executions',
    text: `SELECT ${TARGET} FROM targets t LEFT JOIN hosts h ON h.id = t.host_id WHERE t.execution_id = ANY($1::bigint[]) AND ($2::int[] IS NULL OR h.team_id = ANY($2)) ORDER BY t.id`,
  },
  // In no order: sorting would read all of them.
  some: {
    name: 'targets_some',
    text: `SELECT ${TARGET} FROM targets t LEFT JOIN hosts h ON h.id = t.host_id WHERE t.execution_id = $1 AND ($2::int[] IS NULL OR h.team_id = ANY($2)) LIMIT $3`,
  },
  target: {
    name: 'target_by_uuid',
    text: `SELECT ${TARGET} FROM targets t LEFT JOIN hosts h ON h.id = t.host_id WHERE t.uuid = $1`,
  },
  open: {
    name: 'targets_open',
    text: `SELECT EXISTS (SELECT 1 FROM targets WHERE execution_id = $1 AND ($2::bigint IS NULL OR id = $2) AND state NOT IN (${FINAL})
             AND ${inScope('host_id', '$3')}) AS open`,
  },
  // What a halted rollout holds back goes nowhere until somebody resumes or cancels it. The pair is compared so that only the index over
  // both can be walked: of a host alone, the one over hosts' histories could be, in the same order.
  moving: {
    name: 'targets_moving',
    text: `SELECT host_id FROM targets WHERE execution_id = $1 AND (execution_id, host_id) >= ($1, $3) AND state NOT IN (${FINAL}) AND ${inScope('host_id', '$2')}
             AND NOT (state = 'ready' AND (SELECT r.state = 'halted' FROM rollouts r WHERE r.execution_id = $1) IS TRUE)
           ORDER BY host_id LIMIT 1`,
  },
  chunks: {
    name: 'chunks_after',
    text: `SELECT seq, target_id, stream, at, data, dropped_before, $6 <= upto AS full FROM (
             SELECT page.*, sum(octet_length(data)) OVER (ORDER BY seq) AS upto FROM (
               SELECT c.seq, c.target_id, c.stream, c.at, c.data, CASE WHEN t.gap_chunk = c.chunk_no THEN t.dropped_bytes END AS dropped_before
               FROM output_chunks c JOIN targets t ON t.id = c.target_id
               WHERE c.execution_id = $1 AND c.seq > $2 AND ($3::bigint IS NULL OR c.target_id = $3) AND ($4::text IS NULL OR c.stream = $4)
                 AND ${inScope('t.host_id', '$7')}
               ORDER BY c.seq LIMIT $5
             ) page
           ) bounded WHERE upto - octet_length(data) < $6 ORDER BY seq`,
  },
};

/** Reads of the ledger. */
@Injectable()
export class ExecutionsRepository {
  constructor(private readonly database: Database) {}

  async find(uuid: string): Promise<ExecutionRow | null> {
    const [row] = await this.database.query<ExecutionRow>(SQL.find, [uuid]);
    return row ?? null;
  }

  /** Newest first. */
  list(filter: ExecutionFilter): Promise<ExecutionRow[]> {
    const values: unknown[] = [];
    // Only what is asked for stands in the statement, so that its plan fits.
    const when = (value: unknown, condition: (parameter: string) => string): string[] =>
      value === null ? [] : [condition(`$${values.push(value)}`)];
    const target = [
      ...when(filter.state, (p) => `t.state = ${p}`),
      ...when(filter.hostId, (p) => `t.host_id = ${p}`),
      ...when(filter.scope, (p) => inScope('t.host_id', p)),
    ];
    const conditions = [
      ...when(filter.kind, (p) => `e.kind = ${p}`),
      ...when(filter.since, (p) => `e.created_at >= ${p}`),
      ...when(filter.until, (p) => `e.created_at < ${p}`),
      ...when(filter.before, (p) => `e.id < ${p}`),
      ...(target.length > 0
        ? [`EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = e.id AND ${target.join(' AND ')})`]
        : []),
    ];
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    const text = `SELECT ${EXECUTION} FROM executions e ${ROLLOUT} ${where} ORDER BY e.id DESC LIMIT $${values.push(filter.limit)}`;
    return this.database.query({ text }, values);
  }

  /** In order of their ids. */
  targets(executionIds: readonly string[], scope: Scope = null): Promise<TargetRow[]> {
    return this.database.query(SQL.targets, [executionIds, scope]);
  }

  /** The targets in order of their ids, when there are at most so many; otherwise null. */
  async fewTargets(executionId: string, scope: Scope, most: number): Promise<TargetRow[] | null> {
    const rows = await this.database.query<TargetRow>(SQL.some, [executionId, scope, most + 1]);
    return rows.length > most ? null : rows.sort((a, b) => Number(a.id) - Number(b.id));
  }

  async target(uuid: string): Promise<TargetRow | null> {
    const [row] = await this.database.query<TargetRow>(SQL.target, [uuid]);
    return row ?? null;
  }

  /** True while a target (that one, or any) has yet to end. */
  async isOpen(executionId: string, targetId: string | null = null, scope: Scope = null): Promise<boolean> {
    const [row] = await this.database.query<{ open: boolean }>(SQL.open, [executionId, targetId, scope]);
    return row?.open ?? false;
  }

  /**
   * Of the hosts with a target that has yet to end by itself, the first; null: there is none. Those that a halted rollout holds back do not.
   * @param from hosts with a lower id are passed over, unless there is none from there on: who looks again and again does not read those
   *   that have ended every time
   */
  async firstMoving(executionId: string, scope: Scope = null, from = 0): Promise<number | null> {
    const [row] = await this.database.query<{ host_id: number }>(SQL.moving, [executionId, scope, from]);
    if (row) return row.host_id;
    return from > 0 ? this.firstMoving(executionId, scope) : null;
  }

  /** Ascending by seq, from right after the cursor; at most `limit` chunks, and no more after `PAGE_BYTES`. */
  chunks(
    executionId: string,
    after: number,
    targetId: string | null,
    stream: string | null,
    limit: number,
    scope: Scope,
  ): Promise<ChunkRow[]> {
    return this.database.query(SQL.chunks, [executionId, after, targetId, stream, limit, PAGE_BYTES, scope]);
  }
}
