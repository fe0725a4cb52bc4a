import { type Caller } from '#libs/platform/auth/index';
import { type Transaction } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList } from '../states.js';

/** Ends that have a row in the audit record: a cancelled run has had its own when it was asked for. */
const RECORDED = sqlList(FINAL_STATES.filter((state) => state !== 'cancelled'));

/** What the record tells of a run, for statements with `e` as the execution and these columns of its target. */
const about = (uuid: string, hostId: string): string =>
  `'target_uuid', ${uuid}, 'hostname', (SELECT h.hostname FROM hosts h WHERE h.id = ${hostId}), 'script_name', coalesce(e.options->>'script_name', '')`;

/**
 * The audit rows of ends, as a part of the statement that writes the ends: `ran_script` and its like, in the name of whoever
 * asked for the run. What was withdrawn leaves no trace. (`= ANY(ARRAY[…])` for a join: see what settlements say of their plan.)
 * @param rows name of a WITH part with execution_id, uuid, host_id, state, exit_code, stop_reason; a state that is not final, or null, is passed over
 * @param executions where their executions are found: the table, or a part that has just inserted them
 */
export function recordEnds(rows: string, executions = 'executions'): string {
  return `INSERT INTO audit (user_id, email, act, outcome, execution_uuid, host_id, details)
    SELECT e.requested_by, nullif(e.requested_by_email, ''), 'ran_' || e.kind, CASE s.state WHEN 'finished' THEN 'done' ELSE 'failed' END, e.uuid, s.host_id,
      jsonb_build_object(${about('s.uuid', 's.host_id')}, 'state', s.state, 'exit_code', s.exit_code,
        'sync', coalesce((e.options->>'sync')::boolean, false), 'content_sha256', encode(e.content_sha256, 'hex'))
    FROM ${rows} s JOIN ${executions} e ON e.id = ANY(ARRAY[s.execution_id])
    WHERE s.state IN (${RECORDED}) AND s.stop_reason IS DISTINCT FROM 'script_withdrawn'`;
}

const RECORD_CANCELLED = {
  name: 'cancelled_record',
  text: `INSERT INTO audit (user_id, email, address, act, outcome, execution_uuid, host_id, details)
         SELECT $2, $3, $4, 'canceled_run_' || e.kind, 'done', e.uuid, t.host_id, jsonb_build_object(${about('t.uuid', 't.host_id')})
         FROM targets t JOIN executions e ON e.id = t.execution_id WHERE t.id = ANY($1::bigint[]) ORDER BY t.id`,
};

/** One `canceled_run_script` (or its like) per target that was cancelled, or is to be stopped, at the caller's word. */
export async function recordCancelled(
  tx: Transaction,
  { userId, email, address }: Caller,
  targetIds: readonly string[],
): Promise<void> {
  if (targetIds.length > 0) await tx.query(RECORD_CANCELLED, [targetIds, userId, email, address]);
}
