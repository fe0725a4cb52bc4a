import { Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { MAX_ID } from '#libs/platform/http/index';
import { type Campaign } from './campaign.entity.js';
import { toCampaignDto, toCampaignHosts, toCampaignItem } from './campaign-view.js';
import {
  type CampaignDto,
  type CampaignHostDto,
  type CampaignHostsDto,
  type CampaignListDto,
  type CampaignListQueryDto,
  type CampaignResultsDto,
} from './campaigns.dto.js';
import { CampaignsRepository } from './campaigns.repository.js';
import { CampaignsService } from './campaigns.service.js';
import { QueryChannel } from './query-channel.js';

const MOST = 500;

/** Live queries as people and programs look at them. */
@Injectable()
export class CampaignViewsService {
  constructor(
    private readonly campaigns: CampaignsService,
    private readonly repository: CampaignsRepository,
    private readonly channel: QueryChannel,
  ) {}

  /** @throws DomainError malformed (`limit`) */
  async list(caller: Caller, { limit = '50', before }: CampaignListQueryDto): Promise<CampaignListDto> {
    const count = Number(limit);
    if (count < 1 || count > MOST)
      throw new DomainError('malformed', { name: 'limit', reason: `must be between 1 and ${MOST}` });
    const owner = may(caller, 'live_query:manage', null) ? null : caller.userId;
    const rows = await this.repository.list(owner, before === undefined ? MAX_ID : Number(before), count);
    return {
      campaigns: rows.map(toCampaignItem),
      next: rows.length < count ? null : (rows.at(-1)?.id ?? null),
    };
  }

  /** @throws DomainError not_found, forbidden */
  async get(caller: Caller, id: number): Promise<CampaignDto> {
    const row = await this.campaigns.get(caller, id);
    return toCampaignDto(row, await this.hostsOf(row));
  }

  /** @throws DomainError not_found, forbidden */
  async hosts(caller: Caller, id: number): Promise<CampaignHostsDto> {
    return { hosts: await this.hostsOf(await this.campaigns.get(caller, id)) };
  }

  /** @throws DomainError not_found, forbidden */
  async results(caller: Caller, id: number, after: number): Promise<CampaignResultsDto> {
    const row = await this.campaigns.get(caller, id);
    const page = await this.repository.page(id, after);
    const next = page.at(-1)?.seq ?? after;
    return {
      results: page.map(({ seq, json }) => ({ seq, data: JSON.parse(json) as object })),
      next,
      done: row.status === 2 && next >= Number(row.lastSeq),
    };
  }

  /** @throws DomainError not_found, forbidden */
  async cancel(caller: Caller, id: number): Promise<CampaignDto> {
    const row = await this.campaigns.cancel(caller, id);
    return toCampaignDto(row, await this.hostsOf(row));
  }

  private async hostsOf(row: Campaign): Promise<CampaignHostDto[]> {
    const hosts = await this.repository.hosts(row.id);
    return toCampaignHosts(row, hosts, (hostId) => this.channel.isConnected(hostId));
  }
}
