import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { type ReasonCode } from '#libs/protocol/index';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { Nudges } from '../results/nudges.js';
import { IN_FLIGHT_STATES, sqlList, type TargetState } from '../states.js';

/** A run of an instance that was under way when it was looked at. */
export interface InFlightRun {
  /** Of the target. */
  readonly id: string;
  readonly uuid: string;
  readonly executionId: string;
  readonly executionUuid: string;
  readonly hostId: number;
  readonly state: TargetState;
  readonly reason: ReasonCode | null;
  readonly message: string;
}

const RUN = `t.id, t.uuid, t.execution_id AS "executionId", e.uuid AS "executionUuid", t.host_id AS "hostId", t.state, t.reason, t.message`;

const SQL = {
  // Looked for in the history, among what runs; and among what has yet to reach its host.
  of: {
    name: 'instance_runs_in_flight',
    text: `SELECT ${RUN} FROM (
             SELECT r.id FROM instance_series s CROSS JOIN (VALUES (-101), (-102)) o(outcome) CROSS JOIN LATERAL (
               SELECT id FROM instance_runs WHERE (series_id, outcome, id) > (s.id, o.outcome, 0::bigint) AND (series_id, outcome, id) <= (s.id, o.outcome, 9223372036854775807)
             ) r WHERE s.instance_id = $1
             UNION SELECT q.id FROM targets q WHERE q.instance_id = $1 AND q.lane = 'instance' AND q.state IN (${sqlList(['queued', ...IN_FLIGHT_STATES])})
               AND q.state = 'queued'
           ) found JOIN targets t ON t.id = found.id JOIN executions e ON e.id = t.execution_id ORDER BY t.id`,
  },
  ofExecution: {
    name: 'instance_runs_of_execution',
    text: `SELECT ${RUN} FROM targets t JOIN executions e ON e.id = t.execution_id WHERE t.execution_id = $1 ORDER BY t.id`,
  },
  byId: {
    name: 'instance_runs_by_id',
    text: `SELECT ${RUN} FROM targets t JOIN executions e ON e.id = t.execution_id WHERE t.id = ANY($1::bigint[]) ORDER BY t.id`,
  },
};

/** Executions whose stop is written down at once. */
const AT_ONCE = 10;

/** Runs of instances that are under way: to find them, to wait for their start, to stop them. */
@Injectable()
export class InFlightRunsService {
  constructor(
    private readonly database: Database,
    private readonly ledger: ExecutionsRepository,
    private readonly executions: ExecutionsService,
    private readonly nudges: Nudges,
  ) {}

  /** On whatever host. */
  of(instanceId: number): Promise<InFlightRun[]> {
    return this.database.query(SQL.of, [instanceId]);
  }

  /** The targets of an execution, once each host has said that it runs (or that it will not), or time is over. */
  begun(executionId: string, seconds: number): Promise<InFlightRun[]> {
    return this.until(
      executionId,
      () => this.database.query<InFlightRun>(SQL.ofExecution, [executionId]),
      ({ state }) => state !== 'queued' && state !== 'dispatched',
      AbortSignal.timeout(seconds * 1_000),
    );
  }

  /** Asks for an end, as for any execution. */
  async stop(caller: Caller, runs: readonly InFlightRun[]): Promise<void> {
    const uuids = [...new Set(runs.map(({ executionUuid }) => executionUuid))];
    const ids = new Set(runs.map(({ id }) => id));
    for (let at = 0; at < uuids.length; at += AT_ONCE)
      await Promise.all(uuids.slice(at, at + AT_ONCE).map((uuid) => this.stopThose(caller, uuid, ids)));
  }

  /** The runs, once each has ended or its host has said that it is ending, or time is over. */
  async stopped(runs: readonly InFlightRun[], seconds: number): Promise<InFlightRun[]> {
    const signal = AbortSignal.timeout(seconds * 1_000);
    const executions = [...new Set(runs.map(({ executionId }) => executionId))];
    await Promise.all(
      executions.map((executionId) => {
        const ids = runs.filter((run) => run.executionId === executionId).map(({ id }) => id);
        return this.until(
          executionId,
          () => this.database.query<InFlightRun>(SQL.byId, [ids]),
          ({ state }) => state !== 'running' && state !== 'dispatched',
          signal,
        );
      }),
    );
    return this.database.query(SQL.byId, [runs.map(({ id }) => id)]);
  }

  private async stopThose(caller: Caller, uuid: string, ids: ReadonlySet<string>): Promise<void> {
    const execution = await this.ledger.find(uuid);
    if (!execution) return;
    const targets: TargetRow[] = await this.ledger.targets([execution.id]);
    await this.executions.cancelTargets(
      caller,
      execution,
      targets.filter(({ id }) => ids.has(id)),
    );
  }

  private async until(
    executionId: string,
    look: () => Promise<InFlightRun[]>,
    isDone: (run: InFlightRun) => boolean,
    signal: AbortSignal,
  ): Promise<InFlightRun[]> {
    for await (const _ of this.nudges.changes(executionId, signal)) {
      const runs = await look();
      if (runs.every(isDone)) return runs;
    }
    return look();
  }
}
