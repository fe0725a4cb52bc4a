import { Injectable, Logger } from '@nestjs/common';
import { ReasonCode, type Stop } from '#libs/protocol/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { Nudges } from '../results/nudges.js';
import { AgentDispatcher } from './agent-dispatcher.js';
import { SettlementsService } from './settlements.service.js';

/** An in-flight target that is to stop. */
export interface StopRow {
  attempt_id: string;
  host_id: number;
  stop_reason: ReasonCode;
  stop_by: string | null;
}

const SQL = {
  terminating: {
    name: 'stop_terminating',
    text: `UPDATE targets SET state = 'terminating' WHERE attempt_id = ANY($1::uuid[]) AND state IN ('dispatched', 'running') RETURNING execution_id`,
  },
  // It expired while it was on its way, but the agent had started it in time: let it run.
  startedInTime: {
    name: 'stop_started_in_time',
    text: `UPDATE targets SET stop_reason = NULL WHERE attempt_id = ANY($1::uuid[]) AND stop_reason = 'expired'`,
  },
  undelivered: {
    name: 'stops_undelivered',
    text: `SELECT attempt_id, host_id, stop_reason, stop_by FROM targets
           WHERE state IN ('dispatched', 'running') AND stop_reason IS NOT NULL AND host_id = ANY($1::int[])`,
  },
};

/** Tells agents to stop what is in flight, and writes down what they say. The wish itself stands in the row until then. */
@Injectable()
export class StopsService {
  private readonly logger = new Logger(StopsService.name);

  constructor(
    private readonly database: Database,
    private readonly agents: AgentDispatcher,
    private readonly settlements: SettlementsService,
    private readonly nudges: Nudges,
  ) {}

  /** Sends to those that are connected; the others hear of it at their next hello. */
  send(rows: readonly StopRow[]): void {
    for (const [hostId, stops] of groupBy(rows, (row) => row.host_id)) {
      this.deliver(hostId, stops).catch((error: unknown) =>
        this.logger.warn('a stop got no answer', { host_id: hostId, reason: String(error) }),
      );
    }
  }

  /** Covers lost stops. */
  async sweep(): Promise<void> {
    this.send(await this.database.query<StopRow>(SQL.undelivered, [this.agents.connectedHosts()]));
  }

  private async deliver(hostId: number, rows: readonly StopRow[]): Promise<void> {
    const reasons = new Map(rows.map((row) => [row.attempt_id, row]));
    const said = (await this.agents.stop(hostId, rows.map(toStop))) ?? [];
    // What it was not asked about is another host's, or nobody's.
    const answers = said.filter(({ attempt_id }) => reasons.has(attempt_id));
    const those = (state: string): string[] =>
      answers.filter((a) => a.state === state).map((a) => a.attempt_id);
    const [terminating, running] = [those('terminating'), those('running')];
    if (terminating.length > 0) {
      const changed = await this.database.query<{ execution_id: string }>(SQL.terminating, [terminating]);
      this.nudges.changed(changed.map((row) => row.execution_id));
    }
    if (running.length > 0) await this.database.query(SQL.startedInTime, [running]);
    for (const attemptId of those('not_started')) {
      const row = reasons.get(attemptId);
      if (row) await this.settlements.settle({ attemptId, hostId, end: endBeforeStart(row) });
    }
  }
}

function toStop(row: StopRow): Stop['attempts'][number] {
  const expired = row.stop_reason === ReasonCode.expired;
  return {
    attempt_id: row.attempt_id,
    // For an agent a withdrawn script is cancelled like any other.
    reason: expired ? ReasonCode.expired : ReasonCode.cancelRequested,
    message: expired ? 'expired before it started' : `stopped by ${row.stop_by ?? 'the server'}`,
  };
}

function endBeforeStart(row: StopRow): {
  state: 'expired' | 'cancelled';
  reason: ReasonCode;
  message: string;
} {
  return row.stop_reason === ReasonCode.expired
    ? { state: 'expired', reason: ReasonCode.expired, message: 'expired before it started' }
    : {
        state: 'cancelled',
        reason: ReasonCode.cancelRequested,
        message: `cancelled by ${row.stop_by ?? 'the server'}`,
      };
}
