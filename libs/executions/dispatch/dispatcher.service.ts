import { Injectable, Logger } from '@nestjs/common';
import { type Lane, type Order, ReasonCode } from '#libs/protocol/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DrainingChanges, HostLoad } from '#libs/agents/index';
import { ContentsService } from '#libs/scripts/index';
import { Nudges } from '../results/nudges.js';
import { IN_FLIGHT_STATES, sqlList } from '../states.js';
import { AgentDispatcher } from './agent-dispatcher.js';
import { OrderRefused, OrderSecrets } from './order-secrets.js';
import { ORDER_COLUMNS, type OrderRow, toOrder } from './orders.js';
import { SettlementsService } from './settlements.service.js';

const IN_FLIGHT = sqlList(IN_FLIGHT_STATES);
const STARTABLE = `state = 'queued' AND (expires_at IS NULL OR expires_at > now())`;

const SQL = {
  // Per host: the oldest of the serial lane when nothing of it is in flight, and as many of the parallel lane as
  // there are free slots; nothing when it is draining. Two servers that claim at once: the second waits for the row and finds it taken.
  claim: {
    name: 'claim',
    text: `
      WITH h AS (SELECT id AS host_id, journal_id, parallel_slots FROM hosts WHERE id = ANY($1::int[]) AND online AND draining_since IS NULL AND journal_id IS NOT NULL),
      picked AS MATERIALIZED (
        SELECT p.id, h.journal_id FROM h CROSS JOIN LATERAL (
          (SELECT id FROM targets WHERE host_id = h.host_id AND lane = 'serial' AND ${STARTABLE} AND NOT EXISTS (
             SELECT 1 FROM targets f WHERE f.host_id = h.host_id AND f.lane = 'serial' AND f.state IN (${IN_FLIGHT}))
           ORDER BY id LIMIT 1)
          UNION ALL
          (SELECT id FROM targets WHERE host_id = h.host_id AND lane = 'parallel' AND ${STARTABLE}
           ORDER BY id LIMIT greatest(0, h.parallel_slots - (
             SELECT count(*) FROM targets f WHERE f.host_id = h.host_id AND f.lane = 'parallel' AND f.state IN (${IN_FLIGHT}))))
        ) p
      ), t AS (
        UPDATE targets t SET state = 'dispatched', attempt_id = gen_random_uuid(), journal_id = picked.journal_id, dispatched_at = now()
        FROM picked WHERE t.id = picked.id AND t.state = 'queued' RETURNING t.*
      )
      SELECT ${ORDER_COLUMNS} FROM t JOIN executions e ON e.id = t.execution_id ORDER BY t.id`,
  },
  // One target, in flight from its first row version when its host is online, not draining, and has room in this lane, and nobody waits.
  place: {
    name: 'target_place',
    text: `
      WITH t AS (
        INSERT INTO targets (uuid, execution_id, host_id, script_id, lane, expires_at, state, attempt_id, journal_id, dispatched_at)
        SELECT e.uuid, e.id, $3::int, e.script_id, $2::text, e.expires_at, CASE WHEN free.journal_id IS NULL THEN 'queued' ELSE 'dispatched' END,
          CASE WHEN free.journal_id IS NOT NULL THEN gen_random_uuid() END, free.journal_id, CASE WHEN free.journal_id IS NOT NULL THEN now() END
        FROM executions e LEFT JOIN (
          SELECT h.journal_id FROM hosts h WHERE h.id = $3 AND h.online AND h.draining_since IS NULL
            AND NOT EXISTS (SELECT 1 FROM targets q WHERE q.host_id = $3 AND q.lane = $2 AND q.state = 'queued')
            AND (SELECT count(*) FROM targets f WHERE f.host_id = $3 AND f.lane = $2 AND f.state IN (${IN_FLIGHT}))
              < CASE $2 WHEN 'serial' THEN 1 ELSE h.parallel_slots END
        ) free ON true
        WHERE e.uuid = $1 RETURNING *
      )
      SELECT ${ORDER_COLUMNS} FROM t JOIN executions e ON e.id = t.execution_id WHERE t.state = 'dispatched'`,
  },
  waiting: {
    name: 'hosts_with_queue',
    text: `SELECT DISTINCT host_id FROM targets WHERE state = 'queued' AND host_id = ANY($1::int[])`,
  },
  busy: {
    name: 'hosts_busy',
    text: `SELECT DISTINCT host_id FROM targets WHERE state IN (${IN_FLIGHT}) AND host_id = ANY($1::int[])`,
  },
  unanswered: {
    name: 'orders_unanswered',
    text: `SELECT ${ORDER_COLUMNS} FROM targets t JOIN executions e ON e.id = t.execution_id
           WHERE t.state = 'dispatched' AND t.stop_reason IS NULL AND t.dispatched_at < now() - make_interval(secs => $2) AND t.host_id = ANY($1::int[])`,
  },
};

/** The database's word for it: two runs of the serial lane in flight on one host. */
export const ONE_SERIAL_IN_FLIGHT = 'targets_one_serial_in_flight';

/** Hosts per claim statement. */
const HOSTS_PER_CLAIM = 250;
/** A sweep repeats orders that got no answer for this long; for the agent a repeated order is a known one. */
const UNANSWERED_SECONDS = 10;

/** Takes targets from the queue to their agents: claims rows in batches, commits, then sends. */
@Injectable()
export class DispatcherService {
  private readonly logger = new Logger(DispatcherService.name);
  private readonly woken = new Set<number>();
  /** Attempts that the agent has acknowledged since this server runs: no need to repeat those. */
  private readonly answered = new Set<string>();
  private working: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly agents: AgentDispatcher,
    private readonly contents: ContentsService,
    private readonly settlements: SettlementsService,
    private readonly secrets: OrderSecrets,
    nudges: Nudges,
    draining: DrainingChanges,
    load: HostLoad,
  ) {
    nudges.onWake((hostIds) => this.wake(hostIds));
    draining.listen((tx, hostId, isDraining) => {
      if (!isDraining) tx.afterCommit(() => this.wake([hostId]));
    });
    load.add((hostIds) => this.busyAmong(hostIds));
  }

  /** Looks for work of these hosts as soon as possible; those that are not connected are skipped. */
  wake(hostIds: readonly number[]): void {
    for (const id of hostIds) if (this.agents.isConnected(id)) this.woken.add(id);
    if (this.woken.size > 0) this.working ??= this.work();
  }

  /**
   * Adds the one target of an execution, claimed at once when its host is free: one commit and one row version less
   * before the order leaves. Send what this returns after the commit; when it returns nothing, the target is queued.
   * @throws a unique violation of `ONE_SERIAL_IN_FLIGHT` when somebody else was faster
   */
  place(tx: Transaction, executionUuid: string, lane: Lane, hostId: number): Promise<OrderRow[]> {
    return tx.query<OrderRow>(SQL.place, [executionUuid, lane, hostId]);
  }

  /** Covers lost nudges and lost orders. */
  async sweep(): Promise<void> {
    const hosts = this.agents.connectedHosts();
    if (hosts.length === 0) return;
    const waiting = await this.database.query<{ host_id: number }>(SQL.waiting, [hosts]);
    this.wake(waiting.map((row) => row.host_id));
    const unanswered = await this.database.query<OrderRow>(SQL.unanswered, [hosts, UNANSWERED_SECONDS]);
    const open = new Set(unanswered.map((row) => row.attempt_id));
    for (const id of this.answered) if (!open.has(id)) this.answered.delete(id);
    const again = unanswered.filter((row) => !this.answered.has(row.attempt_id));
    await this.send(again, 'maybe');
  }

  /** Sends what `place` has returned, once that is committed. */
  sendClaimed(rows: readonly OrderRow[]): void {
    this.send(rows).catch((error: unknown) => {
      this.logger.warn('an order could not be sent; the sweep tries again', { reason: String(error) });
    });
  }

  /**
   * Sends claimed rows; for a host that just said hello and does not know them, too.
   * @param arrived whether the agent may have had the order before: then nothing can be concluded about it here
   */
  async send(rows: readonly OrderRow[], arrived: 'no' | 'maybe' = 'no'): Promise<void> {
    for (const [hostId, own] of groupBy(rows, (row) => row.host_id)) {
      const made = await Promise.all(own.map((row) => this.order(row, arrived)));
      const orders = made.filter((order) => order !== null);
      if (orders.length === 0) continue;
      this.deliver(hostId, orders).catch((error: unknown) =>
        this.logger.warn('an order got no answer', { host_id: hostId, reason: String(error) }),
      );
    }
  }

  private async busyAmong(hostIds: readonly number[]): Promise<number[]> {
    const rows = await this.database.query<{ host_id: number }>(SQL.busy, [hostIds]);
    return rows.map((row) => row.host_id);
  }

  /** null: this one cannot be sent, which must not keep the others back. */
  private async order(row: OrderRow, arrived: 'no' | 'maybe'): Promise<Order | null> {
    try {
      return await toOrder(row, this.contents, this.secrets);
    } catch (error) {
      if (!(error instanceof OrderRefused) && row.kind !== 'exec_session') throw error;
      const { attempt_id: attemptId, host_id: hostId } = row;
      this.logger.warn('an order could not be made', { attempt_id: attemptId, reason: String(error) });
      if (error instanceof OrderRefused && arrived === 'no') {
        const { message } = error;
        const end = { state: 'failed_to_start', reason: ReasonCode.secretsUnavailable, message } as const;
        await this.settlements.settle({ attemptId, hostId, end });
      }
      return null;
    }
  }

  private async work(): Promise<void> {
    while (this.woken.size > 0) {
      const hosts = [...this.woken].slice(0, HOSTS_PER_CLAIM);
      for (const id of hosts) this.woken.delete(id);
      try {
        const rows = await this.database.query<OrderRow>(SQL.claim, [hosts]);
        await this.send(rows);
      } catch (error) {
        // A request claimed for itself meanwhile (`place`): the next look sees that.
        if (violated(error) === ONE_SERIAL_IN_FLIGHT) for (const id of hosts) this.woken.add(id);
        // The sweep comes back to these hosts.
        else this.logger.warn('claim failed', { reason: String(error) });
      }
    }
    this.working = null;
  }

  private async deliver(hostId: number, orders: Order[]): Promise<void> {
    const answers = await this.agents.run(hostId, orders);
    for (const answer of answers ?? []) {
      if (answer.accepted) {
        this.answered.add(answer.attempt_id);
        continue;
      }
      const { attempt_id: attemptId, reason, message } = answer;
      await this.settlements.settle({ attemptId, hostId, end: { state: stateOf(reason), reason, message } });
    }
  }
}

/** A refusal is a failure unless time, or somebody whose stop overtook the order, had the last word. */
function stateOf(reason: ReasonCode): 'expired' | 'cancelled' | 'failed_to_start' {
  if (reason === ReasonCode.expired) return 'expired';
  return reason === ReasonCode.cancelRequested ? 'cancelled' : 'failed_to_start';
}
