import { Inject, Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { DomainError } from '#libs/platform/errors/index';
import { HostsService } from '#libs/agents/index';
import { type HostState } from '../campaigns/campaigns.dto.js';
import { CampaignViewsService } from '../campaigns/campaign-views.service.js';
import { CampaignsRepository } from '../campaigns/campaigns.repository.js';
import { CampaignsService } from '../campaigns/campaigns.service.js';
import { type CampaignRequest } from '../campaigns/questions.service.js';
import { type OpenCampaign } from '../campaigns/open-campaign.js';
import { OpenCampaigns } from '../campaigns/open-campaigns.js';
import { type HostQueryResponseDto, type RunSavedQueryResponseDto } from './sync-queries.dto.js';

/** Characters of JSON that one answer holds; what does not fit is read from the campaign. */
const MOST_TEXT = 64 * 1024 * 1024;

type Row = Record<string, string>;

interface HostResult {
  rows: Row[];
  error: string | null;
}

/** Fleet's synchronous live queries (`reference/fleet.md`, 6.4): asked, waited for, answered in one. */
@Injectable()
export class SyncQueriesService {
  constructor(
    private readonly campaigns: CampaignsService,
    private readonly views: CampaignViewsService,
    private readonly repository: CampaignsRepository,
    private readonly open: OpenCampaigns,
    private readonly hosts: HostsService,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'liveQueryRestSeconds'>,
  ) {}

  /**
   * Answers as soon as every host that is online has. Who has not is listed with the reason, and may still answer: into
   * the campaign, for a minute.
   * @throws DomainError malformed when no hosts are given, or none of them may be asked; not_found; forbidden
   */
  async runSaved(
    caller: Caller,
    queryId: number,
    hostIds: readonly number[],
    signal: AbortSignal,
  ): Promise<RunSavedQueryResponseDto> {
    const distinct = [...new Set(hostIds)];
    if (distinct.length === 0) throw new DomainError('malformed', 'query_ids and host_ids are required');
    const campaign = await this.ask(caller, { queryId, selected: selectedHosts(distinct) }, signal);
    const results = await this.results(campaign);
    const { hosts } = await this.views.hosts(caller, campaign.id);
    const states = new Map(hosts.map(({ id, state }) => [id, state]));
    return {
      query_id: queryId,
      campaign_id: campaign.id,
      targeted_host_count: distinct.length,
      responded_host_count: results.size,
      results: [...results].map(([host_id, { rows, error }]) => ({ host_id, rows, error })),
      unanswered: distinct
        .filter((id) => !results.has(id))
        .map((host_id) => ({ host_id, state: states.get(host_id) ?? 'not_found' })),
    };
  }

  /**
   * New SQL on one host; one that is offline is answered at once.
   * @throws DomainError malformed without SQL, and when there is no such host (for the caller)
   */
  async runOnHost(
    caller: Caller,
    hostId: number,
    query: string,
    signal: AbortSignal,
  ): Promise<HostQueryResponseDto> {
    if (query.trim() === '') throw new DomainError('malformed', 'query is required');
    const campaign = await this.ask(caller, { query, selected: selectedHosts([hostId]) }, signal).catch(
      (error: unknown) => {
        if (error instanceof DomainError && error.code === 'malformed') throw hostNotFound(hostId, error);
        throw error;
      },
    );
    const result = (await this.results(campaign)).get(hostId);
    const { hosts } = await this.views.hosts(caller, campaign.id);
    const state: HostState = hosts[0]?.state ?? 'offline';
    const status = state === 'offline' ? 'offline' : 'online';
    if (result) {
      const { rows, error } = result;
      return { host_id: hostId, rows, query, status, ...(error !== null && { error }) };
    }
    const error = status === 'online' && { error: 'timeout waiting for results' };
    return { host_id: hostId, rows: null, query, status, ...error };
  }

  /** As `runOnHost`, by hostname, uuid or serial. @throws also DomainError conflict when several hosts answer to it */
  async runOnIdentified(
    caller: Caller,
    identifier: string,
    query: string,
    signal: AbortSignal,
  ): Promise<HostQueryResponseDto> {
    if (query.trim() === '') throw new DomainError('malformed', 'query is required');
    const host = await this.hosts.identify(identifier, caller).catch((error: unknown) => {
      if (error instanceof DomainError && ['not_found', 'forbidden'].includes(error.code))
        throw hostNotFound(identifier, error);
      throw error;
    });
    return this.runOnHost(caller, host.id, query, signal);
  }

  private async ask(caller: Caller, request: CampaignRequest, signal: AbortSignal): Promise<OpenCampaign> {
    const { campaign } = await this.campaigns.start(caller, request);
    const until = AbortSignal.any([signal, AbortSignal.timeout(this.settings.liveQueryRestSeconds * 1000)]);
    campaign.arrive();
    try {
      for await (const _ of this.open.watchers.changes(campaign.id, until)) if (campaign.finished) break;
    } finally {
      campaign.leave();
    }
    return campaign;
  }

  /** Of hosts whose answer has ended. */
  private async results({ id, pending }: OpenCampaign): Promise<Map<number, HostResult>> {
    const results = new Map<number, HostResult>();
    const waiting = new Set(pending);
    let length = 0;
    let after = 0;
    for (;;) {
      const page = await this.repository.page(id, after);
      if (page.length === 0) break;
      for (const { json, seq } of page) {
        after = seq;
        const { host, rows, error } = JSON.parse(json) as {
          host: { id: number };
          rows: Row[];
          error?: string;
        };
        if (waiting.has(host.id)) continue;
        const result = results.get(host.id) ?? { rows: [], error: null };
        results.set(host.id, result);
        length += json.length;
        if (length <= MOST_TEXT) for (const row of rows) result.rows.push(withoutHost(row));
        else result.error = `the answer is too large for one response: read campaign ${id}`;
        result.error ??= error ?? null;
      }
    }
    return results;
  }
}

function selectedHosts(hosts: number[]): { hosts: number[]; labels: number[]; teams: number[] } {
  return { hosts, labels: [], teams: [] };
}

/** What streamed rows say about their host is not said here. */
function withoutHost({ host_hostname: _, host_display_name: __, ...row }: Row): Row {
  return row;
}

function hostNotFound(host: number | string, cause: DomainError): DomainError {
  return new DomainError('malformed', `host not found: ${host}: ${cause.message}`, { cause });
}
