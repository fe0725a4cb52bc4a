import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Transaction } from '#libs/platform/database/index';
import { HostRemovals } from '#libs/agents/index';
import { ScriptChanges } from '#libs/scripts/index';
import { recordEnds } from './dispatch/ends.js';
import { type StopRow, StopsService } from './dispatch/stops.service.js';
import { Nudges } from './results/nudges.js';
import { IN_FLIGHT_STATES, sqlList, UNSENT_STATES } from './states.js';

/** Seconds after which somebody who waited for the result has gone: what still runs then is let alone. */
const WAITED_SECONDS = 360;

interface WithdrawnRow {
  execution_id: string;
  host_id: number;
}

const SQL = {
  // Nobody is left who could run it, or tell what became of it.
  hostRemoved: {
    text: `WITH ended AS (
             UPDATE targets SET finished_at = now(), reason = 'host_removed', stop_by = $2,
               state = CASE WHEN state IN (${sqlList(UNSENT_STATES)}) THEN 'cancelled' ELSE 'lost' END,
               message = CASE WHEN state IN (${sqlList(UNSENT_STATES)}) THEN 'its host was removed by ' || $2
                 ELSE 'its host was removed by ' || $2 || ' while it was in flight: the outcome is unknown' END
             WHERE host_id = $1 AND state IN (${sqlList([...UNSENT_STATES, ...IN_FLIGHT_STATES])})
             RETURNING execution_id, uuid, host_id, state, exit_code, stop_reason
           ), recorded AS (
             ${recordEnds('ended')}
           )
           SELECT execution_id FROM ended`,
  },
  cancelUnsent: {
    text: `UPDATE targets SET state = 'cancelled', reason = 'script_withdrawn', message = 'the script was replaced or deleted', finished_at = now()
           WHERE script_id = ANY($1::int[]) AND state IN (${sqlList(UNSENT_STATES)}) RETURNING execution_id, host_id`,
  },
  stopInFlight: {
    text: `UPDATE targets t SET stop_reason = 'script_withdrawn' FROM executions e
           WHERE e.id = t.execution_id AND t.script_id = ANY($1::int[]) AND t.state IN (${sqlList(IN_FLIGHT_STATES)})
             AND (e.options->>'sync' IS NULL OR e.created_at > now() - make_interval(secs => $2))
             AND (t.stop_reason IS NULL OR t.stop_reason = 'expired')
           RETURNING t.execution_id, t.host_id, t.attempt_id, t.stop_reason, t.stop_by`,
  },
};

/**
 * Ends the runs that have lost their ground. Of saved scripts that are replaced or deleted: those that wait at once, those in
 * flight as their agents confirm; they leave no activity, and their results are not found any more. Of hosts that are removed: all.
 */
@Injectable()
export class WithdrawalsService implements OnModuleInit {
  constructor(
    private readonly changes: ScriptChanges,
    private readonly hostRemovals: HostRemovals,
    private readonly stops: StopsService,
    private readonly nudges: Nudges,
  ) {}

  onModuleInit(): void {
    this.changes.listen((tx, scriptIds) => this.withdraw(tx, scriptIds));
    this.hostRemovals.listen((tx, hostId, by) => this.endOf(tx, hostId, by));
  }

  private async endOf(tx: Transaction, hostId: number, by: string): Promise<void> {
    const ended = await tx.query<{ execution_id: string }>(SQL.hostRemoved, [hostId, by]);
    tx.afterCommit(() => this.nudges.ended(ended.map((row) => row.execution_id)));
  }

  private async withdraw(tx: Transaction, scriptIds: readonly number[]): Promise<void> {
    if (scriptIds.length === 0) return;
    const cancelled = await tx.query<WithdrawnRow>(SQL.cancelUnsent, [scriptIds]);
    const stopping = await tx.query<WithdrawnRow & StopRow>(SQL.stopInFlight, [scriptIds, WAITED_SECONDS]);
    const all = [...cancelled, ...stopping];
    tx.afterCommit(() => {
      this.nudges.ended(all.map((row) => row.execution_id));
      this.stops.send(stopping);
      this.nudges.wake([...new Set(all.map((row) => row.host_id))]);
    });
  }
}
