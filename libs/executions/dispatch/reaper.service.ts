import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { ReasonCode } from '#libs/protocol/index';
import { Recurring } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { ApprovalSweep } from '../approvals/approval-sweep.js';
import { Nudges } from '../results/nudges.js';
import { RolloutsService } from '../rollout/rollouts.service.js';
import { IN_FLIGHT_STATES, sqlList, UNSENT_STATES } from '../states.js';
import { DispatcherService } from './dispatcher.service.js';
import { recordEnds } from './ends.js';
import { SettlementsService } from './settlements.service.js';
import { type StopRow, StopsService } from './stops.service.js';

const TICK_MS = 1_000;
/** Ticks between two sweeps for lost nudges, orders and stops. */
const SWEEP_EVERY = 5;
const AT_ONCE = 1_000;

/**
 * SQL: ids of targets whose time is over, those first that wait longest. In the order of their ids they would be looked for along all targets,
 * as soon as the planner believed that many are due.
 */
const due = (which: string): string =>
  `SELECT id FROM (SELECT id FROM targets WHERE expires_at <= now() AND ${which} ORDER BY expires_at LIMIT ${AT_ONCE}) due ORDER BY id`;

const SQL = {
  expireUnsent: {
    name: 'reap_unsent',
    text: `WITH ended AS (
             UPDATE targets SET state = 'expired', reason = 'expired', message = CASE state WHEN 'waiting_approval' THEN 'expired before it was approved' WHEN 'ready' THEN 'expired before its turn came' ELSE 'expired before the host came online' END, finished_at = now()
             WHERE id = ANY(ARRAY(${due(`state IN (${sqlList(UNSENT_STATES)})`)}))
               AND state IN (${sqlList(UNSENT_STATES)})
             RETURNING execution_id, uuid, host_id, state, exit_code, stop_reason
           ), recorded AS (
             ${recordEnds('ended')}
           )
           SELECT execution_id FROM ended`,
  },
  // Asked for in the moment in which the host was removed. Looked for in the queue's index, which is open to who speaks of hosts.
  orphans: {
    name: 'reap_orphans',
    text: `UPDATE targets SET state = 'cancelled', reason = 'host_removed', message = 'its host was removed', finished_at = now()
           WHERE id = ANY(ARRAY(SELECT t.id FROM targets t
               WHERE t.state = 'queued' AND t.host_id > 0 AND (SELECT h.id FROM hosts h WHERE h.id = t.host_id) IS NULL LIMIT ${AT_ONCE}))
             AND state = 'queued' RETURNING execution_id`,
  },
  // It may have started in time: only the agent can say.
  askAboutExpired: {
    name: 'reap_dispatched',
    text: `UPDATE targets SET stop_reason = 'expired'
           WHERE id = ANY(ARRAY(${due(`state = 'dispatched' AND stop_reason IS NULL`)}))
             AND state = 'dispatched' AND stop_reason IS NULL
           RETURNING attempt_id, host_id, stop_reason, stop_by`,
  },
  // The lease: an agent that is away may take this long to come back with its journal. It counts while there is a
  // server to come back to: $1 is for how many seconds there has been this one.
  silent: {
    name: 'reap_silent',
    text: `SELECT t.attempt_id, t.host_id FROM hosts h JOIN targets t ON t.host_id = h.id JOIN executions e ON e.id = t.execution_id
           WHERE NOT h.online AND t.state IN (${sqlList(IN_FLIGHT_STATES)})
             AND greatest(h.seen_at, t.dispatched_at, now() - make_interval(secs => $1)) + make_interval(secs => e.lease_seconds) < now()
           LIMIT ${AT_ONCE}`,
  },
};

/** The one place where time decides: expiry, leases, and the sweeps that cover lost hints. */
@Injectable()
export class ReaperService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(ReaperService.name);
  private readonly startedAt = performance.now();
  private readonly recurring = new Recurring(() => this.tick(), {
    everyMs: TICK_MS,
    onError: (error) =>
      this.logger.warn('reaper tick failed; the next one tries again', { reason: String(error) }),
  });
  private ticks = 0;

  constructor(
    private readonly database: Database,
    private readonly dispatcher: DispatcherService,
    private readonly stops: StopsService,
    private readonly settlements: SettlementsService,
    private readonly rollouts: RolloutsService,
    private readonly approvals: ApprovalSweep,
    private readonly nudges: Nudges,
  ) {}

  onApplicationBootstrap(): void {
    this.recurring.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.recurring.stop();
  }

  private async tick(): Promise<void> {
    await this.expire();
    await this.endLeases();
    await this.rollouts.endPauses();
    this.ticks += 1;
    if (this.ticks % SWEEP_EVERY !== 0) return;
    await this.dispatcher.sweep();
    await this.stops.sweep();
    await this.rollouts.sweep();
    await this.approvals.run();
    const orphans = await this.database.query<{ execution_id: string }>(SQL.orphans);
    this.nudges.ended(orphans.map((row) => row.execution_id));
  }

  private async expire(): Promise<void> {
    const expired = await this.database.query<{ execution_id: string }>(SQL.expireUnsent);
    this.nudges.ended(expired.map((row) => row.execution_id));
    this.stops.send(await this.database.query<StopRow>(SQL.askAboutExpired));
  }

  private async endLeases(): Promise<void> {
    const silent = await this.database.query<{ attempt_id: string; host_id: number }>(SQL.silent, [
      (performance.now() - this.startedAt) / 1_000,
    ]);
    const end = {
      state: 'lost',
      reason: ReasonCode.agentSilent,
      message:
        'started or about to start when its agent fell silent, and not heard of since: the outcome is unknown',
    } as const;
    await Promise.all(
      silent.map((row) => this.settlements.settle({ attemptId: row.attempt_id, hostId: row.host_id, end })),
    );
  }
}
