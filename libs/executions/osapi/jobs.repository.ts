import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { EXECUTION, type ExecutionRow, inScope, ROLLOUT, type Scope } from '../executions.repository.js';
import { FINAL_STATES, sqlList } from '../states.js';
import { type JobCounts } from './job-status.js';
import { type JobStatus } from './jobs.dto.js';

export type JobRow = ExecutionRow & { stdin_sha256: Buffer | null };

/** A job that repeats another. */
export interface RetryRow {
  uuid: string;
  requested_by_email: string;
  created_at: Date;
}

/** A job whose status is not written down yet. */
export interface UnsettledRow extends JobCounts {
  id: string;
  /** Nothing will change about it any more. */
  over: boolean;
}

const JOBS = `e.kind IN ('command', 'shell') AND e.removed_at IS NULL`;
const COLUMNS = `${EXECUTION}, e.stdin_sha256`;

/** Jobs with a target on a host of these teams. */
function seen(scope: string): string {
  return `(${scope}::int[] IS NULL OR EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = e.id AND ${inScope('t.host_id', scope)}))`;
}

const SQL = {
  find: {
    name: 'job_find',
    text: `SELECT ${COLUMNS} FROM executions e ${ROLLOUT} WHERE e.uuid = $1 AND ${JOBS}`,
  },
  // `_any` moves from host to host, and the last one counts. It may still move on when nothing has started there in time.
  unsettled: {
    name: 'jobs_unsettled',
    text: `SELECT e.id, c.*, c.open = 0 AND (NOT e.options ? 'any' OR c.started > 0 OR coalesce(e.expires_at <= now(), false)) AS over
           FROM executions e CROSS JOIN LATERAL (
             SELECT count(*)::int AS "all", count(*) FILTER (WHERE t.state NOT IN (${sqlList(FINAL_STATES)}))::int AS open,
               count(t.dispatched_at)::int AS sent, count(t.started_at)::int AS started,
               count(*) FILTER (WHERE t.state = 'finished')::int AS ok, count(*) FILTER (WHERE t.state = 'cancelled')::int AS skipped
             FROM targets t WHERE t.execution_id = e.id
               AND NOT (e.options ? 'any' AND EXISTS (SELECT 1 FROM targets l WHERE l.execution_id = t.execution_id AND l.id > t.id))
           ) c
           WHERE ${JOBS} AND e.job_status IS NULL AND ${seen('$1')} ORDER BY e.id DESC`,
  },
  settle: {
    name: 'jobs_settle',
    text: `UPDATE executions e SET job_status = s.status FROM unnest($1::bigint[], $2::text[]) AS s(id, status)
           WHERE e.id = s.id AND e.job_status IS NULL`,
  },
  counts: {
    name: 'jobs_counts',
    text: `SELECT e.job_status AS status, count(*)::int AS count FROM executions e
           WHERE ${JOBS} AND e.job_status IS NOT NULL AND ${seen('$1')} GROUP BY e.job_status`,
  },
  page: {
    name: 'jobs_page',
    text: `SELECT ${COLUMNS}, e.job_status FROM executions e ${ROLLOUT} WHERE ${JOBS} AND ${seen('$1')} ORDER BY e.id DESC LIMIT $2 OFFSET $3`,
  },
  pageOf: {
    name: 'jobs_page_of_status',
    text: `SELECT ${COLUMNS}, e.job_status FROM executions e ${ROLLOUT} WHERE ${JOBS} AND e.job_status = $4 AND ${seen('$1')}
           ORDER BY e.id DESC LIMIT $2 OFFSET $3`,
  },
  byIds: {
    name: 'jobs_by_ids',
    text: `SELECT ${COLUMNS}, e.job_status FROM executions e ${ROLLOUT} WHERE e.id = ANY($1::bigint[]) AND ${JOBS} ORDER BY e.id DESC`,
  },
  remove: {
    name: 'job_remove',
    text: 'UPDATE executions SET removed_at = now() WHERE id = $1 AND removed_at IS NULL RETURNING id',
  },
  retries: {
    name: 'job_retries',
    text: `SELECT uuid, requested_by_email, created_at FROM executions WHERE options ? 'retry_of' AND options->>'retry_of' = $1 ORDER BY id`,
  },
};

export type ListedJobRow = JobRow & { job_status: JobStatus | null };

/** Jobs: executions of commands and shell lines that nobody has deleted. */
@Injectable()
export class JobsRepository {
  constructor(private readonly database: Database) {}

  async find(uuid: string): Promise<JobRow | null> {
    const [row] = await this.database.query<JobRow>(SQL.find, [uuid]);
    return row ?? null;
  }

  /** Newest first: those that have not ended, and those whose end nobody has looked at. */
  unsettled(scope: Scope): Promise<UnsettledRow[]> {
    return this.database.query(SQL.unsettled, [scope]);
  }

  /** Writes down the status of jobs that have ended, so that nobody has to count their targets again. */
  async settle(statuses: ReadonlyMap<string, JobStatus>): Promise<void> {
    if (statuses.size > 0)
      await this.database.query(SQL.settle, [[...statuses.keys()], [...statuses.values()]]);
  }

  /** How many jobs there are of each status that is written down. */
  counts(scope: Scope): Promise<{ status: JobStatus; count: number }[]> {
    return this.database.query(SQL.counts, [scope]);
  }

  /** Newest first; with a status only those for which it is written down. */
  page(scope: Scope, limit: number, offset: number, status: JobStatus | null): Promise<ListedJobRow[]> {
    return status === null
      ? this.database.query(SQL.page, [scope, limit, offset])
      : this.database.query(SQL.pageOf, [scope, limit, offset, status]);
  }

  /** Newest first. */
  byIds(ids: readonly string[]): Promise<ListedJobRow[]> {
    return this.database.query(SQL.byIds, [ids]);
  }

  /** It is no job any more; the ledger keeps what was run. @returns false when somebody else was faster */
  async remove(tx: Transaction, id: string): Promise<boolean> {
    return (await tx.query(SQL.remove, [id])).length > 0;
  }

  /** In order of time. */
  retries(uuid: string): Promise<RetryRow[]> {
    return this.database.query(SQL.retries, [uuid]);
  }
}
