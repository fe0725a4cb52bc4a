import { Injectable, Logger } from '@nestjs/common';
import { ReasonCode } from '#libs/protocol/index';
import { Database } from '#libs/platform/database/index';
import { recordEnds } from '../dispatch/ends.js';
import { ExecutionsRepository, type TargetRow } from '../executions.repository.js';
import { Nudges } from '../results/nudges.js';
import { IN_FLIGHT_STATES, sqlList } from '../states.js';
import { least, type Load, mayMove } from './any-host.js';

/** Of thousands of hosts so many, drawn at random, are compared: as good as the least busy of all, and one short statement. */
const COMPARED = 16;
/** How often is looked whether the host that has it in its queue is still there. */
const LOOK_MS = 1_000;

const SQL = {
  loads: {
    name: 'any_host_loads',
    text: `SELECT h.id, h.parallel_slots AS slots,
             (SELECT count(*) FROM targets f WHERE f.host_id = h.id AND f.lane = 'parallel' AND f.state IN (${sqlList(IN_FLIGHT_STATES)}))
             + (SELECT count(*) FROM targets q WHERE q.host_id = h.id AND q.lane = 'parallel' AND q.state = 'queued') AS busy
           FROM hosts h WHERE h.id = ANY($1::int[]) AND h.online AND h.draining_since IS NULL`,
  },
  // Whoever wants to move it waits for this row: one at a time looks whether nothing has started.
  hold: { name: 'any_host_hold', text: 'SELECT id FROM executions WHERE id = $1 FOR UPDATE' },
  // Not if it was claimed meanwhile, or its host is back.
  giveUp: {
    name: 'any_host_give_up',
    text: `WITH ended AS (
             UPDATE targets t SET state = 'expired', reason = '${ReasonCode.hostOffline}', message = 'host went away before it started', finished_at = now()
             WHERE t.id = $1 AND t.state = 'queued'
               AND (SELECT h.id FROM hosts h WHERE h.id = t.host_id AND h.online AND h.draining_since IS NULL) IS NULL
             RETURNING execution_id, uuid, host_id, state, exit_code, stop_reason
           )
           ${recordEnds('ended')}`,
  },
  // What has started anywhere, or still may, keeps it: the answer of the loop is asked again here, under the lock.
  place: {
    name: 'any_host_place',
    text: `INSERT INTO targets (uuid, execution_id, host_id, lane, expires_at, state)
           SELECT gen_random_uuid(), e.id, $2, 'parallel', e.expires_at, 'queued' FROM executions e
           WHERE e.id = $1 AND (e.expires_at IS NULL OR e.expires_at > now())
             AND NOT EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = e.id AND (t.started_at IS NOT NULL OR t.host_id = $2 OR NOT (
               (t.state = 'expired' AND t.reason = '${ReasonCode.hostOffline}') OR (t.state = 'cancelled' AND t.reason = '${ReasonCode.hostRemoved}')
               OR (t.state = 'failed_to_start' AND t.reason = ANY($3::text[])))))
           RETURNING id`,
  },
};

/** Agents' words for "not here": about the agent, never about the command. What a command does wrong it does wrong once. */
export const NOT_HERE: readonly ReasonCode[] = [
  ReasonCode.scriptsDisabled,
  ReasonCode.journalUnavailable,
  ReasonCode.agentShutdown,
  // By the agent's own policy: of a target that the server denies the state says so.
  ReasonCode.denied,
  // Others may ask for no signatures, or believe these.
  ReasonCode.signatureMissing,
  ReasonCode.signerUnknown,
];

/**
 * `_any`: one host of many. An execution of this kind has one target at a time; when it is certain that nothing has started there
 * (its host went away while it was queued, or its agent refused it), it gets another target on a further host, under a lock on the
 * execution. What was handed to an agent that fell silent stays there: it may have started. A server that is killed moves
 * nothing any more; the target that is there keeps its host.
 */
@Injectable()
export class AnyHostService {
  private readonly logger = new Logger(AnyHostService.name);
  private readonly following = new Map<string, Promise<void>>();

  constructor(
    private readonly database: Database,
    private readonly repository: ExecutionsRepository,
    private readonly nudges: Nudges,
  ) {}

  /** The least busy of some of these hosts; whichever when none of them is there any more. */
  async choose(hostIds: readonly number[]): Promise<number> {
    const chosen = (await this.present(hostIds)) ?? hostIds[0];
    if (chosen === undefined) throw new Error('there is no host to choose from');
    return chosen;
  }

  /** Sees to it that it starts on one of these hosts, as long as it may start. Does not wait for it. */
  follow(executionId: string, hostIds: readonly number[], seconds: number): void {
    const done = this.see(executionId, hostIds, AbortSignal.timeout(Math.min(seconds * 1_000, 2_147_483_647)))
      .catch((error: unknown) =>
        this.logger.warn('a command is not moved to another host', {
          execution_id: executionId,
          reason: String(error),
        }),
      )
      .finally(() => this.following.delete(executionId));
    this.following.set(executionId, done);
  }

  /**
   * Resolves when it stays where it is, or the signal aborts.
   * @returns false, at once, for what is none of this kind, or is not followed any more
   */
  async placed(executionId: string, signal: AbortSignal): Promise<boolean> {
    const done = this.following.get(executionId);
    if (done === undefined || signal.aborted) return done !== undefined;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        signal.removeEventListener('abort', end);
        resolve();
      };
      signal.addEventListener('abort', end);
      void done.then(end);
    });
    return true;
  }

  private async see(executionId: string, hostIds: readonly number[], until: AbortSignal): Promise<void> {
    // While it waits for approval nothing can be done about it; that it is over is said.
    let parked = false;
    const look = setInterval(() => {
      if (!parked) this.nudges.changed([executionId]);
    }, LOOK_MS);
    try {
      for await (const _ of this.nudges.changes(executionId, until)) {
        const targets = await this.repository.targets([executionId]);
        const last = targets.at(-1);
        if (last === undefined) return;
        parked = last.state === 'waiting_approval';
        const verdict = mayMove(last, NOT_HERE);
        if (verdict === 'stays') return;
        if (verdict === 'may' && !(await this.move(executionId, last, targets, hostIds))) return;
      }
    } finally {
      clearInterval(look);
    }
  }

  /** @returns false when there is nobody left, or it turned out to stay where it is for good */
  private async move(
    executionId: string,
    last: TargetRow,
    targets: readonly TargetRow[],
    hostIds: readonly number[],
  ): Promise<boolean> {
    const tried = new Set(targets.map((target) => target.host_id));
    // A queue is only left for somewhere to go.
    const next = await this.present(hostIds.filter((id) => !tried.has(id)));
    if (next === null) return last.state === 'queued';
    return this.database.transaction(async (tx) => {
      await tx.query(SQL.hold, [executionId]);
      await tx.query(SQL.giveUp, [last.id]);
      const placed = await tx.query(SQL.place, [executionId, next, NOT_HERE]);
      tx.afterCommit(() => {
        this.nudges.changed([executionId]);
        if (placed.length > 0) this.nudges.wake([next]);
      });
      return placed.length > 0 || last.state === 'queued';
    });
  }

  /** The least busy of those that are there, of a few drawn at random; null when none is. */
  private async present(hostIds: readonly number[]): Promise<number | null> {
    const drawn = shuffled(hostIds);
    for (let from = 0; from < drawn.length; from += COMPARED) {
      const loads = await this.database.query<Load>(SQL.loads, [drawn.slice(from, from + COMPARED)]);
      const host = least(loads, Math.random);
      if (host !== null) return host;
    }
    return null;
  }
}

function shuffled<T>(items: readonly T[]): T[] {
  const all = [...items];
  for (let i = all.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [all[i], all[j]] = [all[j] as T, all[i] as T];
  }
  return all;
}
