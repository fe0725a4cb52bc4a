import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { type Transaction } from '#libs/platform/database/index';
import { ReasonCode } from '#libs/protocol/index';
import { recordCancelled, recordEnds } from '../dispatch/ends.js';
import { sqlList, UNSENT_STATES } from '../states.js';

/** Until when what goes into a queue has to start, as the first of these; each null: no such end. */
export interface StartBy {
  /** Seconds from now. */
  readonly seconds: number | null;
  readonly deadline: Date | null;
  /** When its time window closes. */
  readonly windowEnd: Date | null;
}

const EXPIRY = `e AS (
  UPDATE executions SET expires_at = least(now() + make_interval(secs => $2), $3::timestamptz, $4::timestamptz) WHERE id = $1 RETURNING id, expires_at
)`;

const SQL = {
  makeReady: {
    name: 'parked_ready',
    text: `WITH ${EXPIRY}
           UPDATE targets t SET state = 'ready', expires_at = e.expires_at FROM e WHERE t.execution_id = e.id AND t.state = 'waiting_approval' RETURNING t.host_id`,
  },
  // Where it spreads in waves, those of later waves go where the waves take them from.
  queue: {
    name: 'parked_queue',
    text: `WITH ${EXPIRY}
           UPDATE targets t SET expires_at = e.expires_at, state = CASE
             WHEN t.host_id > coalesce((SELECT r.upto_host FROM rollouts r WHERE r.execution_id = $1), 2147483647) THEN 'ready' ELSE 'queued' END
           FROM e WHERE t.execution_id = e.id AND t.state = 'waiting_approval' RETURNING t.host_id`,
  },
  run: {
    name: 'ready_run',
    text: `WITH ${EXPIRY}
           UPDATE targets t SET state = 'queued', expires_at = e.expires_at FROM e WHERE t.execution_id = e.id AND t.state = 'ready' RETURNING t.host_id`,
  },
  deny: {
    name: 'parked_deny',
    text: `WITH ended AS (
             UPDATE targets SET state = 'denied', reason = '${ReasonCode.approvalRejected}', message = $2, finished_at = now()
             WHERE execution_id = $1 AND state = 'waiting_approval'
             RETURNING execution_id, uuid, host_id, state, exit_code, stop_reason
           ), recorded AS (
             ${recordEnds('ended')}
           )
           SELECT host_id FROM ended`,
  },
  takeBack: {
    name: 'parked_take_back',
    text: `UPDATE targets SET state = 'cancelled', reason = '${ReasonCode.approvalRevoked}', message = $2, finished_at = now()
           WHERE execution_id = $1 AND state IN (${sqlList(UNSENT_STATES)}) RETURNING id`,
  },
  // All of its first wave may have ended while it waited: then it had seemed to be over.
  reopenRollout: {
    name: 'parked_rollout_reopen',
    text: `UPDATE rollouts SET state = 'running', reason = NULL WHERE execution_id = $1 AND state = 'done'`,
  },
};

/** What becomes of targets that wait for approval. Each method names the state that it takes them from; the review is locked. */
@Injectable()
export class ParkedTargets {
  /** `waiting_approval → ready`: somebody has to call for it. @returns the hosts */
  makeReady(tx: Transaction, executionId: string, by: StartBy): Promise<number[]> {
    return hostsOf(tx.query(SQL.makeReady, [executionId, ...valuesOf(by)]));
  }

  /** `waiting_approval → queued`, and `ready` for later waves; a rollout's lock is held. @returns the hosts */
  async queue(tx: Transaction, executionId: string, by: StartBy): Promise<number[]> {
    await tx.query(SQL.reopenRollout, [executionId]);
    return hostsOf(tx.query(SQL.queue, [executionId, ...valuesOf(by)]));
  }

  /** `ready → queued`. @returns the hosts */
  run(tx: Transaction, executionId: string, by: StartBy): Promise<number[]> {
    return hostsOf(tx.query(SQL.run, [executionId, ...valuesOf(by)]));
  }

  /** `waiting_approval → denied`. @returns the hosts */
  deny(tx: Transaction, executionId: string, message: string): Promise<number[]> {
    return hostsOf(tx.query(SQL.deny, [executionId, message]));
  }

  /** What has not been sent → `cancelled`. @returns how many */
  async takeBack(tx: Transaction, caller: Caller, executionId: string, message: string): Promise<number> {
    const rows = await tx.query<{ id: string }>(SQL.takeBack, [executionId, message]);
    await recordCancelled(
      tx,
      caller,
      rows.map(({ id }) => id),
    );
    return rows.length;
  }
}

async function hostsOf(rows: Promise<{ host_id: number }[]>): Promise<number[]> {
  return (await rows).map(({ host_id }) => host_id);
}

function valuesOf({ seconds, deadline, windowEnd }: StartBy): unknown[] {
  return [seconds, deadline, windowEnd];
}
