import {
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { Recurring } from '#libs/platform/batch/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList } from './states.js';

/** Between two passes, and between two steps of one. */
const PASS_MS = 3_600_000;
const STEP_MS = 100;
/** Executions that are looked at in one statement. */
const STEP = 500;

const SQL = {
  // The oldest that is kept by its number; null: there are not so many.
  boundary: {
    name: 'retention_boundary',
    text: 'SELECT e.id::text AS id FROM executions e WHERE e.id > 0 ORDER BY e.id DESC OFFSET $1 LIMIT 1',
  },
  // One step, from the oldest on: what is past its age or beyond the number, has ended on all its hosts, and is on none of them among the newest. What is
  // kept for a host's sake is passed over, and looked at again by the next pass.
  step: {
    name: 'retention_step',
    text: `
      WITH next AS MATERIALIZED (
        SELECT id, created_at FROM executions WHERE id > $1::bigint ORDER BY id LIMIT ${STEP}
      ), past AS MATERIALIZED (
        SELECT n.id FROM next n WHERE (n.created_at < $2::timestamptz OR n.id <= $3::bigint)
          AND NOT EXISTS (
            SELECT 1 FROM targets t WHERE t.execution_id = n.id AND (t.state NOT IN (${sqlList(FINAL_STATES)})
              OR (SELECT count(*) FROM (SELECT 1 FROM targets k WHERE (k.host_id, k.id) > (t.host_id, t.id) AND (k.host_id, k.id) <= (t.host_id, 9223372036854775807)
                    AND k.host_id IS NOT NULL ORDER BY k.host_id, k.id LIMIT $4::int) newer) < $4::int
                AND EXISTS (SELECT 1 FROM hosts h WHERE h.id = t.host_id))
          )
      ), gone AS (
        DELETE FROM executions e WHERE e.id = ANY(ARRAY(SELECT id FROM past)) RETURNING 1
      )
      SELECT (SELECT max(id)::text FROM next) AS reached, (SELECT count(*)::int FROM next) AS looked, (SELECT count(*)::int FROM gone) AS gone,
        (SELECT bool_or(created_at < $2::timestamptz OR id <= $3::bigint) FROM next) AS more`,
  },
};

/**
 * Forgets old executions, of every kind, with their targets and output: in small steps with pauses, so that nobody waits for it. What runs or waits is never
 * forgotten, and of each host the newest runs are kept, however old.
 */
@Injectable()
export class RetentionService implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger(RetentionService.name);
  private readonly passes = new Recurring(() => this.pass(), {
    everyMs: PASS_MS,
    firstMs: STEP_MS,
    onError: (error) =>
      this.logger.warn('old executions could not be forgotten; the next pass tries again', {
        reason: String(error),
      }),
  });

  constructor(
    private readonly database: Database,
    @Inject(SETTINGS)
    private readonly settings: Pick<Settings, 'historyDays' | 'historyRuns' | 'historyRunsPerHost'>,
  ) {}

  onApplicationBootstrap(): void {
    const { historyDays, historyRuns } = this.settings;
    if (historyDays > 0 || historyRuns > 0) this.passes.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.passes.stop();
  }

  /** One pass over all that is old. @returns how many executions are forgotten */
  async pass(): Promise<number> {
    const { historyDays, historyRuns, historyRunsPerHost } = this.settings;
    const before = historyDays > 0 ? new Date(Date.now() - historyDays * 86_400_000) : new Date(0);
    const boundary =
      historyRuns > 0 ? await this.database.query<{ id: string }>(SQL.boundary, [historyRuns]) : [];
    let forgotten = 0;
    for (let after = '0'; !this.passes.stopped;) {
      const [step] = await this.database.query<{
        reached: string | null;
        looked: number;
        gone: number;
        more: boolean | null;
      }>(SQL.step, [after, before, boundary[0]?.id ?? '0', historyRunsPerHost]);
      forgotten += step?.gone ?? 0;
      // Ids and times ascend together: after the first step without anything old there is nothing old.
      if (!step?.reached || step.looked < STEP || step.more !== true) break;
      after = step.reached;
      await new Promise((resolve) => setTimeout(resolve, STEP_MS));
    }
    if (forgotten > 0) this.logger.log('old executions are forgotten', { executions: forgotten });
    return forgotten;
  }
}
