import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type Transaction } from '#libs/platform/database/index';
import { ScriptChanges } from '#libs/scripts/index';
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
 * Ends the runs of saved scripts that are replaced or deleted: those that wait at once, those in flight as their agents confirm.
 * They leave no activity, and their results are not found any more.
 */
@Injectable()
export class WithdrawalsService implements OnModuleInit {
  constructor(
    private readonly changes: ScriptChanges,
    private readonly stops: StopsService,
    private readonly nudges: Nudges,
  ) {}

  onModuleInit(): void {
    this.changes.onWithdrawn((tx, scriptIds) => this.withdraw(tx, scriptIds));
  }

  private async withdraw(tx: Transaction, scriptIds: readonly number[]): Promise<void> {
    if (scriptIds.length === 0) return;
    const cancelled = await tx.query<WithdrawnRow>(SQL.cancelUnsent, [scriptIds]);
    const stopping = await tx.query<WithdrawnRow & StopRow>(SQL.stopInFlight, [scriptIds, WAITED_SECONDS]);
    const all = [...cancelled, ...stopping];
    tx.afterCommit(() => {
      this.nudges.changed(all.map((row) => row.execution_id));
      this.stops.send(stopping);
      this.nudges.wake([...new Set(all.map((row) => row.host_id))]);
    });
  }
}
