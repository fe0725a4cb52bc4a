import { Injectable } from '@nestjs/common';
import { type Hello, ReasonCode } from '#libs/protocol/index';
import { Batcher, groupBy } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { IN_FLIGHT_STATES, sqlList, type TargetState } from '../states.js';
import { DispatcherService } from './dispatcher.service.js';
import { ORDER_COLUMNS, type OrderRow } from './orders.js';
import { SettlementsService } from './settlements.service.js';
import { type StopRow, StopsService } from './stops.service.js';

type OpenRow = OrderRow & {
  state: TargetState;
  journal_id: string;
  stop_reason: ReasonCode | null;
  stop_by: string | null;
};

const OPEN = {
  name: 'reconcile_open',
  text: `SELECT ${ORDER_COLUMNS}, t.state, t.journal_id, t.stop_reason, t.stop_by FROM targets t JOIN executions e ON e.id = t.execution_id
         WHERE t.host_id = ANY($1::int[]) AND t.state IN (${sqlList(IN_FLIGHT_STATES)})`,
};

/** Hosts per statement when thousands come back at once. */
const BATCH = 250;

export interface Reconciliation {
  /** Attempts whose word does not count any more. */
  readonly stale: string[];
  /** What is to be sent once the agent has its answer. */
  readonly resume: () => Promise<void>;
}

/**
 * Compares what the ledger believes to be in flight on a host with what its agent's journal knows:
 *
 * | ledger | journal | then |
 * |---|---|---|
 * | in flight | knows it | nothing; a wish to stop it is sent again |
 * | dispatched | same journal, does not know it | the order never arrived: it is sent again, under the same attempt id |
 * | dispatched, to be stopped | same journal, does not know it | the stop is sent again; the answer will be "not started" |
 * | running | same journal, does not know it | lost: it cannot have happened, and nobody knows |
 * | in flight | another journal | lost: the state directory is gone, nobody knows |
 * | not in flight | knows it | stale: to be killed and forgotten |
 * | not in flight | has yet to announce it (a trigger started it) | nothing: its word follows, and is answered |
 */
@Injectable()
export class ReconcileService {
  private readonly openRows = new Batcher((hostIds: number[]) => this.read(hostIds), BATCH);

  constructor(
    private readonly database: Database,
    private readonly settlements: SettlementsService,
    private readonly dispatcher: DispatcherService,
    private readonly stops: StopsService,
  ) {}

  /** Call when no other connection of this host is registered, and register it afterwards. */
  async reconcile(hostId: number, hello: Hello): Promise<Reconciliation> {
    const open = await this.openRows.add(hostId);
    const known = new Set(hello.attempts.map((a) => a.attempt_id));
    const inFlight = new Set(open.map((row) => row.attempt_id));
    const stop: StopRow[] = [];
    for (const row of open) {
      const { attempt_id: attemptId, stop_reason, stop_by } = row;
      const sameJournal = row.journal_id === hello.journal_id;
      if (!known.has(attemptId) && (!sameJournal || row.state !== 'dispatched')) {
        await this.settlements.settle({
          attemptId,
          hostId,
          end: {
            state: 'lost',
            reason: ReasonCode.journalReplaced,
            message: "the agent's journal does not know this attempt: the outcome is unknown",
          },
        });
      } else if (stop_reason !== null) {
        stop.push({ attempt_id: attemptId, host_id: hostId, stop_reason, stop_by });
      }
    }
    return {
      stale: hello.attempts
        .filter((a) => !inFlight.has(a.attempt_id) && a.unannounced !== true)
        .map((a) => a.attempt_id),
      resume: async () => {
        this.stops.send(stop);
        await this.dispatcher.send(await this.undelivered(hostId, known));
        this.dispatcher.wake([hostId]);
      },
    };
  }

  /** Asked once the host is registered: a claim may have been committed since its rows were compared. */
  private async undelivered(hostId: number, known: ReadonlySet<string>): Promise<OrderRow[]> {
    const open = await this.openRows.add(hostId);
    return open.filter(
      (row) => row.state === 'dispatched' && row.stop_reason === null && !known.has(row.attempt_id),
    );
  }

  private async read(hostIds: number[]): Promise<OpenRow[][]> {
    const rows = await this.database.query<OpenRow>(OPEN, [hostIds]);
    const perHost = groupBy(rows, (row) => row.host_id);
    return hostIds.map((id) => perHost.get(id) ?? []);
  }
}
