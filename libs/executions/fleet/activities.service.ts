import { Injectable } from '@nestjs/common';
import { type Act, type Caller, maySomewhere, require } from '#libs/platform/auth/index';
import { notFound } from '#libs/platform/errors/index';
import { isUuid, type ListOptions } from '#libs/platform/http/index';
import { HostsService, type RunnableHost } from '#libs/agents/index';
import { ExecutionsService } from '../executions.service.js';
import { toActivityDto, toUpcomingDto } from './activities-view.js';
import {
  type ActivityListDto,
  type RecordedActivityListDto,
  type UpcomingActivityListDto,
} from './activities.dto.js';
import { ActivitiesRepository, type Page } from './activities.repository.js';
import { metaOf } from './paging.js';

/** An answer is built in memory; `meta` tells that there is more. */
const MAX_PER_PAGE = 1_000;

/** What was done, and what is to come, in Fleet's words: views of the audit record and of the queues. */
@Injectable()
export class ActivitiesService {
  constructor(
    private readonly hosts: HostsService,
    private readonly repository: ActivitiesRepository,
    private readonly executions: ExecutionsService,
  ) {}

  /** The whole record, denied requests included; newest first unless another order is asked for. */
  async all(options: ListOptions): Promise<RecordedActivityListDto> {
    const page = bounded(options);
    const rows = await this.repository.all(
      { ...page, limit: page.limit + 1 },
      options.orderKey === null || options.descending,
    );
    return {
      activities: rows.slice(0, page.limit).map((row) => ({ ...toActivityDto(row), address: row.address })),
      meta: metaOf(rows.length > page.limit, options.page),
    };
  }

  /** @throws DomainError forbidden, not_found */
  async past(caller: Caller, hostId: number, options: ListOptions): Promise<ActivityListDto> {
    const host = await this.host(caller, 'activity:read', hostId);
    const page = bounded(options);
    const rows = await this.repository.ofHost(host.id, { ...page, limit: page.limit + 1 });
    return {
      activities: rows.slice(0, page.limit).map(toActivityDto),
      meta: metaOf(rows.length > page.limit, options.page),
    };
  }

  /** @throws DomainError forbidden, not_found */
  async upcoming(caller: Caller, hostId: number, options: ListOptions): Promise<UpcomingActivityListDto> {
    const host = await this.host(caller, 'activity:read', hostId);
    const page = bounded(options);
    const [rows, count] = await Promise.all([
      this.repository.upcoming(host.id, { ...page, limit: page.limit + 1 }),
      this.repository.countUpcoming(host.id),
    ]);
    return {
      activities: rows.slice(0, page.limit).map(toUpcomingDto),
      meta: metaOf(rows.length > page.limit, options.page),
      count,
    };
  }

  /**
   * What waits is cancelled; what runs is stopped.
   * @throws DomainError forbidden; not_found, also when it has ended
   */
  async cancel(caller: Caller, hostId: number, targetUuid: string): Promise<void> {
    const host = await this.host(caller, 'activity:cancel', hostId);
    if (!isUuid(targetUuid) || !(await this.repository.isUpcoming(host.id, targetUuid)))
      throw notFound('UpcomingActivity', targetUuid);
    // The uuid of a batch of one host is its target's, too.
    await this.executions.cancel(caller, targetUuid, targetUuid);
  }

  /** Who may see hosts hears that one does not exist; of one that does, only who may do this with it. */
  private async host(caller: Caller, act: Act, id: number): Promise<RunnableHost> {
    const host = await this.hosts.runnable(id);
    if (!host && maySomewhere(caller, 'host:list')) throw notFound('Host', id);
    require(caller, act, host?.teamId ?? null);
    if (!host) throw notFound('Host', id);
    return host;
  }
}

function bounded({ limit, page }: ListOptions): Page {
  const size = Math.min(limit, MAX_PER_PAGE);
  return { limit: size, offset: page * size };
}
