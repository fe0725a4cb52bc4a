import { setImmediate } from 'node:timers/promises';
import { Injectable, Logger } from '@nestjs/common';
import { type Order, type OrderAnswer, ReasonCode } from '#libs/protocol/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database, violated } from '#libs/platform/database/index';
import { DrainingChanges, HostLoad } from '#libs/agents/index';
import { Nudges } from '../results/nudges.js';
import { IN_FLIGHT_STATES, sqlList } from '../states.js';
import { AgentDispatcher, type Answering, type Arrived, type SharedOrder } from './agent-dispatcher.js';
import { EarlyOrders, HOSTS_PER_ORDER, type Sendable } from './early-orders.js';
import { OrderRefused } from './order-secrets.js';
import { OrderSources } from './order-sources.js';
import { ORDER_COLUMNS, type OrderRow, type OrderSeries, orderSeries, toOrder, toShare } from './orders.js';
import { SettlementsService } from './settlements.service.js';

const IN_FLIGHT = sqlList(IN_FLIGHT_STATES);
const STARTABLE = `state = 'queued' AND (expires_at IS NULL OR expires_at > now())`;

const SQL = {
  // Per host: the oldest of the serial lane when nothing of it is in flight, as many of the parallel lane as
  // there are free slots, and starts of script instances, which wait for nobody; nothing when it is draining. Two servers that claim at once: the second waits for the row and finds it taken.
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
          UNION ALL
          (SELECT id FROM targets WHERE host_id = h.host_id AND lane = 'instance' AND ${STARTABLE} ORDER BY id LIMIT 100)
        ) p
      ), t AS (
        UPDATE targets t SET state = 'dispatched', attempt_id = gen_random_uuid(), journal_id = picked.journal_id, dispatched_at = now()
        FROM picked WHERE t.id = picked.id AND t.state = 'queued' RETURNING t.*
      )
      SELECT ${ORDER_COLUMNS} FROM t JOIN executions e ON e.id = t.execution_id ORDER BY t.id`,
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
/** Hosts written to before others get their turn. */
const HOSTS_PER_SLICE = 64;
/** A sweep repeats orders that got no answer for this long; for the agent a repeated order is a known one. */
const UNANSWERED_SECONDS = 10;

/** Takes targets from the queue to their agents: claims rows in batches, commits, then sends. */
@Injectable()
export class DispatcherService {
  private readonly logger = new Logger(DispatcherService.name);
  private readonly woken = new Set<number>();
  /** Host and attempt that the agent has accepted since this server runs, and when: no need to repeat those. */
  private readonly accepted = new Map<string, number>();
  private working: Promise<void> | null = null;

  constructor(
    private readonly database: Database,
    private readonly agents: AgentDispatcher,
    private readonly sources: OrderSources,
    private readonly settlements: SettlementsService,
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

  /** Covers lost nudges and lost orders. */
  async sweep(): Promise<void> {
    const hosts = this.agents.connectedHosts();
    if (hosts.length === 0) return;
    const waiting = await this.database.query<{ host_id: number }>(SQL.waiting, [hosts]);
    this.wake(waiting.map((row) => row.host_id));
    const unanswered = await this.database.query<OrderRow>(SQL.unanswered, [hosts, UNANSWERED_SECONDS]);
    const open = new Set(unanswered.map(keyOf));
    // What was accepted a moment ago is too young to be among them.
    const old = performance.now() - UNANSWERED_SECONDS * 1_000;
    for (const [key, at] of this.accepted) if (at < old && !open.has(key)) this.accepted.delete(key);
    const again = unanswered.filter((row) => !this.accepted.has(keyOf(row)));
    await this.send(again, 'maybe');
  }

  /** Begins to write orders of which the ledger is being told. @param rows as they will be where their hosts are free */
  writeAhead(rows: readonly OrderRow[]): EarlyOrders {
    return new EarlyOrders(this.agents, this.sources, rows);
  }

  /** Sends what is in flight from its first row version on, once that is committed. @param early orders that were written meanwhile */
  sendClaimed(rows: readonly OrderRow[], early: EarlyOrders | null): void {
    this.sendReady(early?.among(rows) ?? { ready: [], rest: rows }).catch((error: unknown) => {
      this.logger.warn('an order could not be sent; the sweep tries again', { reason: String(error) });
    });
  }

  /**
   * Sends claimed rows; for a host that just said hello and does not know them, too.
   * @param arrived where it may have, nothing can be concluded about an order here
   */
  async send(rows: readonly OrderRow[], arrived: Arrived = 'no'): Promise<void> {
    const runs = groupBy(rows, (row) => row.execution_id);
    const made = new Map<string, Promise<OrderSeries>>();
    const seriesOf = (row: OrderRow): Promise<OrderSeries | null> => this.series(row, runs, made, arrived);
    const shared = new Map<string, OrderRow[]>();
    let since = 0;
    for (const [hostId, own] of groupBy(rows, (row) => row.host_id)) {
      const [first] = own;
      if (first && own.length === 1 && (runs.get(first.execution_id)?.length ?? 0) > 1) {
        const slice = shared.get(first.execution_id) ?? [];
        if (slice.push(first) === HOSTS_PER_ORDER) {
          shared.delete(first.execution_id);
          await this.deliverToMany(slice, seriesOf, arrived);
        } else shared.set(first.execution_id, slice);
      } else {
        const orders: Order[] = [];
        for (const row of own) {
          const series = await seriesOf(row);
          if (series !== null) orders.push(toOrder(row, series));
        }
        if (orders.length > 0) this.take(hostId, this.agents.run(hostId, orders, arrived));
      }
      // Time for others: the first hosts answer while orders for the last are written.
      if (++since % HOSTS_PER_SLICE === 0) await setImmediate();
    }
    for (const slice of shared.values()) await this.deliverToMany(slice, seriesOf, arrived);
  }

  /**
   * What a host says of orders; of those that it has taken it need not say more before it reports of them.
   * @returns how many have ended by that, which it has refused
   * @throws when the database is away
   */
  async answered(hostId: number, answers: readonly OrderAnswer[]): Promise<number> {
    let ended = 0;
    for (const answer of answers) {
      const { attempt_id: attemptId } = answer;
      if (answer.accepted) {
        this.accepted.set(keyOf({ host_id: hostId, attempt_id: attemptId }), performance.now());
        continue;
      }
      const { reason, message } = answer;
      const end = { state: stateOf(reason), reason, message };
      if ((await this.settlements.settle({ attemptId, hostId, end })) === 'ok') ended += 1;
    }
    return ended;
  }

  private async busyAmong(hostIds: readonly number[]): Promise<number[]> {
    const rows = await this.database.query<{ host_id: number }>(SQL.busy, [hostIds]);
    return rows.map((row) => row.host_id);
  }

  private async sendReady({ ready, rest }: Sendable): Promise<void> {
    for (const [i, shared] of ready.entries()) {
      this.deliver(shared, 'no');
      if ((i + 1) % (HOSTS_PER_SLICE / HOSTS_PER_ORDER) === 0) await setImmediate();
    }
    await this.send(rest);
  }

  private deliver(shared: SharedOrder, arrived: Arrived): void {
    const answers = this.agents.runOnMany(shared, arrived);
    for (const [i, { hostId }] of shared.hosts.entries()) this.take(hostId, answers[i] ?? null);
  }

  /** One order to all of these, which are of one execution. */
  private async deliverToMany(
    rows: readonly OrderRow[],
    seriesOf: (row: OrderRow) => Promise<OrderSeries | null>,
    arrived: Arrived,
  ): Promise<void> {
    const series = await Promise.all(rows.map(seriesOf));
    const sendable = rows.flatMap((row, i) => {
      const of = series[i];
      return of ? [{ of, hostId: row.host_id, share: toShare(row, of) }] : [];
    });
    const [first] = sendable;
    if (first) this.deliver(this.agents.share(first.of.order, sendable), arrived);
  }

  /** null: this one cannot be sent, which must not keep the others back. */
  private async series(
    row: OrderRow,
    runs: ReadonlyMap<string, readonly OrderRow[]>,
    made: Map<string, Promise<OrderSeries>>,
    arrived: Arrived,
  ): Promise<OrderSeries | null> {
    try {
      let series = made.get(row.execution_id);
      if (!series) {
        const hostIds = (runs.get(row.execution_id) ?? []).map((each) => each.host_id);
        series = orderSeries(row, hostIds, this.sources);
        made.set(row.execution_id, series);
      }
      return await series;
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
        // A request claimed for itself meanwhile (`LedgerEntries`): the next look sees that.
        if (violated(error) === ONE_SERIAL_IN_FLIGHT) for (const id of hosts) this.woken.add(id);
        // The sweep comes back to these hosts.
        else this.logger.warn('claim failed', { reason: String(error) });
      }
    }
    this.working = null;
  }

  /** Takes what a host says to orders, once it does. */
  private take(hostId: number, answering: Answering): void {
    answering
      ?.then((said) => (said === null ? undefined : this.answered(hostId, said)))
      .catch((error: unknown) =>
        this.logger.warn('an order got no answer', { host_id: hostId, reason: String(error) }),
      );
  }
}

/** A refusal is a failure unless time, or somebody whose stop overtook the order, had the last word. */
function stateOf(reason: ReasonCode): 'expired' | 'cancelled' | 'failed_to_start' {
  if (reason === ReasonCode.expired) return 'expired';
  return reason === ReasonCode.cancelRequested ? 'cancelled' : 'failed_to_start';
}

/** An attempt of which a host says something; another host's word for it does not count. */
function keyOf({ host_id, attempt_id }: Pick<OrderRow, 'host_id' | 'attempt_id'>): string {
  return `${host_id} ${attempt_id}`;
}
