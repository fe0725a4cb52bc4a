import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList, TARGET_STATES } from '../states.js';
import { type Opening } from './opening.js';
import { type RolloutState } from './rollout.dto.js';

/** A rollout that is not done, and what its targets say. */
export interface StandingRow {
  execution_id: string;
  execution_uuid: string;
  state: Exclude<RolloutState, 'done'>;
  wave: number;
  after_host: number;
  upto_host: number;
  /** The hosts of the next wave; null: there are none left in the plan. */
  next_size: number | null;
  pause_seconds: number;
  max_failures: number | null;
  /** All failures so far as they are stored, and as they are. */
  failures_stored: number;
  failures: number;
  forgiven: number;
  /** Its pause is over. */
  due: boolean;
  open: number;
  unsent: number;
  /** True, too, where it does not matter: while the wave is open and the threshold far. */
  more: boolean;
}

/** Ended badly: neither with exit code 0, nor because somebody wanted it to end. What could or might not start has been counted at the beginning. */
const FAILED = `t.state IN (${sqlList(FINAL_STATES)}) AND t.state <> 'cancelled' AND NOT (t.state = 'finished' AND t.exit_code IS NOT DISTINCT FROM 0)
  AND NOT (t.state = 'killed' AND t.stop_reason IS NOT NULL) AND NOT (t.state IN ('failed_to_start', 'denied') AND t.attempt_id IS NULL)`;

/** Targets `t` of an execution on hosts with ids in that range. As rows are compared by both columns, no index but that of (execution, host) fits. */
const between = (execution: string, after: string, upTo = '2147483647'): string =>
  `(t.execution_id, t.host_id) > (${execution}, ${after}) AND (t.execution_id, t.host_id) <= (${execution}, ${upTo})`;
const ASKED = between('$1::bigint', '$2::int', '$3::int');
/** Worded so that the index over all that is queued anywhere does not fit. */
const QUEUED = `t.state NOT IN (${sqlList(TARGET_STATES.filter((state) => state !== 'queued'))})`;

const SQL = {
  insert: {
    name: 'rollout_insert',
    text: `INSERT INTO rollouts (execution_id, waves, max_failures, pause_seconds, state, reason, wave, after_host, upto_host, released, failures_before, failures)
           SELECT id, $2::int[], $3, $4, $5, $6, $7, 0, $8, $9, $10, $10 FROM executions WHERE uuid = $1 RETURNING execution_id`,
  },
  lock: { name: 'rollout_lock', text: 'SELECT 1 FROM rollouts WHERE execution_id = $1 FOR UPDATE' },
  // Reads the targets of one wave, however many have been before; what lies beyond only when it matters whether there is anything.
  standing: {
    name: 'rollout_standing',
    text: `SELECT r.execution_id, e.uuid AS execution_uuid, r.state, r.wave, r.after_host, r.upto_host, r.waves[r.wave + 1] AS next_size, r.pause_seconds,
             r.max_failures, r.failures AS failures_stored, r.failures_before + w.failed AS failures, r.forgiven, coalesce(r.next_at <= now(), false) AS due,
             w.open, w.unsent,
             CASE WHEN w.open > 0 AND r.failures_before + w.failed - r.forgiven <= coalesce(r.max_failures, 2147483647) THEN true ELSE EXISTS (
               SELECT 1 FROM targets t WHERE ${between('r.execution_id', 'r.upto_host')} AND t.state = 'ready'
             ) END AS more
           FROM rollouts r JOIN executions e ON e.id = r.execution_id
           CROSS JOIN LATERAL (
             SELECT (count(*) FILTER (WHERE ${FAILED}))::int AS failed, (count(*) FILTER (WHERE t.state NOT IN (${sqlList(FINAL_STATES)})))::int AS open,
               (count(*) FILTER (WHERE t.state IN ('ready', 'queued')))::int AS unsent
             FROM targets t WHERE ${between('r.execution_id', 'r.after_host', 'r.upto_host')}
           ) w
           WHERE r.execution_id = $1 AND r.state <> 'done'`,
  },
  // The next hosts that are still there to be reached: who dropped out before their turn takes nobody's place.
  release: {
    name: 'rollout_release',
    text: `WITH wave AS (
             SELECT t.id FROM targets t WHERE ${between('$1::bigint', '$2::int')} AND t.state = 'ready' ORDER BY t.execution_id, t.host_id LIMIT $3 FOR UPDATE
           )
           UPDATE targets t SET state = 'queued' FROM wave WHERE t.id = wave.id AND t.state = 'ready' RETURNING t.host_id`,
  },
  released: {
    name: 'rollout_released',
    text: `UPDATE rollouts SET state = 'running', next_at = NULL, wave = wave + 1, released = released + $3, after_host = upto_host, upto_host = $4,
             failures_before = $5, failures = $5
           WHERE execution_id = $1 AND state = $2`,
  },
  holdBack: {
    name: 'rollout_hold_back',
    text: `UPDATE targets t SET state = 'ready' WHERE ${ASKED} AND ${QUEUED}`,
  },
  letGo: {
    name: 'rollout_let_go',
    text: `UPDATE targets t SET state = 'queued' WHERE ${ASKED} AND t.state = 'ready' RETURNING t.host_id`,
  },
  halted: {
    name: 'rollout_halted',
    text: `UPDATE rollouts SET state = 'halted', reason = $2, failures = $3 WHERE execution_id = $1 AND state = 'running'`,
  },
  pausing: {
    name: 'rollout_pausing',
    text: `UPDATE rollouts SET state = 'pausing', next_at = now() + make_interval(secs => pause_seconds), failures = $2 WHERE execution_id = $1 AND state = 'running'`,
  },
  done: {
    name: 'rollout_done',
    text: `UPDATE rollouts SET state = 'done', reason = NULL, next_at = NULL, failures = $2 WHERE execution_id = $1 AND state <> 'done'`,
  },
  // By itself, without the lock: of two that count at once the one who has seen more is right.
  failures: {
    name: 'rollout_failures',
    text: `UPDATE rollouts SET failures = $2 WHERE execution_id = $1 AND wave = $3 AND failures < $2 AND state <> 'done'`,
  },
  resumed: {
    name: 'rollout_resumed',
    text: `UPDATE rollouts SET state = 'running', reason = NULL, failures = $2, forgiven = $2, max_failures = $3 WHERE execution_id = $1 AND state = 'halted'`,
  },
  open: { name: 'rollouts_open', text: `SELECT execution_id, state FROM rollouts WHERE state <> 'done'` },
  due: {
    name: 'rollouts_due',
    text: `SELECT execution_id FROM rollouts WHERE state = 'pausing' AND next_at <= now()`,
  },
};

type Reader = Pick<Transaction, 'query'>;

/** The rows of rollouts, and the changes of state that are theirs alone: `ready → queued`, `queued → ready`. */
@Injectable()
export class RolloutsRepository {
  constructor(private readonly database: Database) {}

  /** Beside the statement that inserts the execution; its internal id. */
  async insert(tx: Transaction, executionUuid: string, opening: Opening): Promise<string> {
    const { plan, state, reason, wave, uptoHost, released, failures } = opening;
    const [row] = await tx.query<{ execution_id: string }>(SQL.insert, [
      executionUuid,
      plan.waves,
      plan.maxFailures,
      plan.pauseSeconds,
      state,
      reason,
      wave,
      uptoHost,
      released,
      failures,
    ]);
    if (!row) throw new Error('the rollout of an execution that is not there');
    return row.execution_id;
  }

  /** Whoever is about to change the rollout, or to end several of its targets at once, waits here for their turn. */
  async lock(tx: Transaction, executionId: string): Promise<void> {
    await tx.query(SQL.lock, [executionId]);
  }

  /** null: it is done, or there is none. Under the lock it stays true until the commit that nothing is open. */
  async standing(executionId: string, reader: Reader = this.database): Promise<StandingRow | null> {
    const [row] = await reader.query<StandingRow>(SQL.standing, [executionId]);
    return row ?? null;
  }

  /** Moves the next wave into its hosts' queues; the hosts, empty when nobody is left to be reached. */
  async release(tx: Transaction, row: StandingRow): Promise<number[]> {
    const moved = await tx.query<{ host_id: number }>(SQL.release, [
      row.execution_id,
      row.upto_host,
      row.next_size,
    ]);
    const hosts = moved.map(({ host_id }) => host_id);
    if (hosts.length === 0) return hosts;
    await tx.query(SQL.released, [
      row.execution_id,
      row.state,
      hosts.length,
      hosts.reduce((most, id) => Math.max(most, id)),
      row.failures,
    ]);
    return hosts;
  }

  /** What has not been sent goes back out of the queues. */
  async halt(tx: Transaction, row: StandingRow, reason: string): Promise<void> {
    await tx.query(SQL.holdBack, waveOf(row));
    await tx.query(SQL.halted, [row.execution_id, reason, row.failures]);
  }

  /** What was held back goes into the queues again; the hosts. */
  async resume(tx: Transaction, row: StandingRow, maxFailures: number | null): Promise<number[]> {
    await tx.query(SQL.resumed, [row.execution_id, row.failures, maxFailures]);
    const moved = await tx.query<{ host_id: number }>(SQL.letGo, waveOf(row));
    return moved.map(({ host_id }) => host_id);
  }

  async pause(tx: Transaction, row: StandingRow): Promise<void> {
    await tx.query(SQL.pausing, [row.execution_id, row.failures]);
  }

  async end(tx: Transaction, row: StandingRow): Promise<void> {
    await tx.query(SQL.done, [row.execution_id, row.failures]);
  }

  /** Stores how many have failed so far, for people to see. */
  async countFailures(row: StandingRow): Promise<void> {
    await this.database.query(SQL.failures, [row.execution_id, row.failures, row.wave]);
  }

  /** All that are not done. */
  open(): Promise<{ execution_id: string; state: RolloutState }[]> {
    return this.database.query(SQL.open);
  }

  /** Those whose pause is over. */
  async due(): Promise<string[]> {
    const rows = await this.database.query<{ execution_id: string }>(SQL.due);
    return rows.map((row) => row.execution_id);
  }
}

function waveOf(row: StandingRow): unknown[] {
  return [row.execution_id, row.after_host, row.upto_host];
}
