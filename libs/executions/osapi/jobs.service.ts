import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, teamsWhere } from '#libs/platform/auth/index';
import { groupBy } from '#libs/platform/batch/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { HostRights } from '#libs/agents/index';
import { ContentsService } from '#libs/scripts/index';
import { ExecutionsRepository, type Scope, type TargetRow } from '../executions.repository.js';
import { ExecutionsService } from '../executions.service.js';
import { CommandsService } from './commands.service.js';
import { byHostname, counting } from './items.js';
import { countsOf, jobStatus } from './job-status.js';
import { type Seen, toHistory, toJob } from './job-view.js';
import {
  JOB_STATUSES,
  type JobDetailDto,
  type JobListDto,
  type JobListQueryDto,
  type JobStatus,
} from './jobs.dto.js';
import { type JobRow, JobsRepository, type ListedJobRow } from './jobs.repository.js';

const DEFAULT_LIMIT = 10;
/** Output in one page of the list, bytes of all jobs together. */
const MOST_PER_PAGE = 4 * 1024 * 1024;

/** osapi's jobs: commands and shell lines in the ledger, as far as the caller may see their hosts. */
@Injectable()
export class JobsService {
  constructor(
    private readonly database: Database,
    private readonly jobs: JobsRepository,
    private readonly ledger: ExecutionsRepository,
    private readonly contents: ContentsService,
    private readonly commands: CommandsService,
    private readonly executions: ExecutionsService,
    private readonly rights: HostRights,
    private readonly audit: Audit,
  ) {}

  /** Newest first. Whoever sees one host of a job sees the status that all its hosts make. */
  async list(caller: Caller, query: JobListQueryDto): Promise<JobListDto> {
    const scope = teamsWhere(caller, 'job:read');
    const [limit, offset] = [Number(query.limit ?? DEFAULT_LIMIT), Number(query.offset ?? 0)];
    const open = await this.unsettled(scope);
    const counts = { submitted: 0, processing: 0, completed: 0, failed: 0, partial_failure: 0, skipped: 0 };
    for (const { status, count } of await this.jobs.counts(scope)) counts[status] += count;
    for (const status of open.values()) counts[status] += 1;
    const { status } = query;
    const those = [...open].filter(([, is]) => is === status).map(([id]) => id);
    const rows =
      status === 'submitted' || status === 'processing'
        ? await this.jobs.byIds(those.slice(offset, offset + limit))
        : await this.jobs.page(scope, limit, offset, status ?? null);
    const total =
      status === undefined ? JOB_STATUSES.reduce((sum, name) => sum + counts[name], 0) : counts[status];
    return { total_items: total, status_counts: counts, items: await this.page(rows, open, scope) };
  }

  /** @throws DomainError malformed (no uuid), not_found, also when the caller may see none of its hosts */
  async get(caller: Caller, uuid: string): Promise<JobDetailDto> {
    const { job, targets } = await this.visible(caller, uuid);
    const [all, content, retries] = await Promise.all([
      this.ledger.targets([job.id]),
      this.contents.get(job.content_sha256),
      this.jobs.retries(job.uuid),
    ]);
    const status = jobStatus(countsOf(counting(all, isAny(job))));
    const seen = await this.seen(job, counting(targets, isAny(job)));
    return { ...toJob(job, status, content, seen), ...toHistory(job, seen, targets, retries) };
  }

  /**
   * What has not ended is cancelled, and the job is gone from the list; the ledger keeps what ran.
   * @throws DomainError as `get`; forbidden when it has a host on which the caller may not do that
   */
  async remove(caller: Caller, uuid: string): Promise<void> {
    const { job } = await this.visible(caller, uuid);
    const targets = await this.ledger.targets([job.id]);
    const hosts = targets.map(({ host_id, team_id }) => ({ id: host_id, teamId: team_id }));
    await this.rights.require(caller, 'job:write', hosts);
    await this.executions.cancelTargets(caller, job, targets);
    await this.database.transaction(async (tx) => {
      if (await this.jobs.remove(tx, job.id))
        await this.audit.record(tx, { ...doneBy(caller, 'deleted_job', {}), executionUuid: job.uuid });
    });
  }

  /** A caller's page: output is read for all of it at once. */
  private async page(
    rows: readonly ListedJobRow[],
    open: ReadonlyMap<string, JobStatus>,
    scope: Scope,
  ): Promise<JobDetailDto[]> {
    const targets = groupBy(
      await this.ledger.targets(
        rows.map((row) => row.id),
        scope,
      ),
      (target) => target.execution_id,
    );
    return Promise.all(
      rows.map(async (job) => {
        const own = counting(targets.get(job.id) ?? [], isAny(job));
        const seen = await this.seen(job, own, Math.floor(MOST_PER_PAGE / rows.length));
        // Ended between two looks: what it has become is seen at the next one.
        const status = open.get(job.id) ?? job.job_status ?? 'processing';
        return toJob(job, status, await this.contents.get(job.content_sha256), seen);
      }),
    );
  }

  private async seen(job: JobRow, targets: readonly TargetRow[], budget?: number): Promise<Seen[]> {
    const sorted = [...targets].sort(byHostname);
    const items = await this.commands.items(sorted, job.timeout_seconds, budget);
    return sorted.flatMap((target, i) => {
      const item = items[i];
      return item ? [{ target, item }] : [];
    });
  }

  /** Internal id → status, newest first, of those that have not ended; what has ended meanwhile is written down. */
  private async unsettled(scope: Scope): Promise<Map<string, JobStatus>> {
    const open = new Map<string, JobStatus>();
    const over = new Map<string, JobStatus>();
    for (const { id, over: isOver, ...counts } of await this.jobs.unsettled(scope))
      (isOver ? over : open).set(id, jobStatus(counts));
    await this.jobs.settle(over);
    return open;
  }

  /** A job, and those of its targets that the caller may see. @throws as `get` */
  async visible(caller: Caller, uuid: string): Promise<{ job: JobRow; targets: TargetRow[] }> {
    if (!isUuid(uuid))
      throw new DomainError('malformed', { name: 'uuid', reason: `"${uuid}" is no uuid of a job` });
    const scope = teamsWhere(caller, 'job:read');
    const job = await this.jobs.find(uuid);
    const targets = job ? await this.ledger.targets([job.id], scope) : [];
    if (!job || (scope !== null && targets.length === 0))
      throw new DomainError('not_found', `job not found: ${uuid}`);
    return { job, targets };
  }
}

function isAny(job: JobRow): boolean {
  return job.options.any === true;
}
