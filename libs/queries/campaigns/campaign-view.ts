import { type Campaign } from './campaign.entity.js';
import { type CampaignDto, type CampaignHostDto, type HostState } from './campaigns.dto.js';
import { type TargetedHost } from './campaigns.repository.js';

const STATUS = ['waiting', 'running', 'complete'] as const;

/** Where each target stands. @param isConnected whether a host without an answer may still give one by itself */
export function toCampaignHosts(
  campaign: Campaign,
  hosts: readonly TargetedHost[],
  isConnected: (hostId: number) => boolean,
): CampaignHostDto[] {
  const ended = new Map<number, HostState>();
  for (const [state, ids] of Object.entries(campaign.unanswered ?? {}))
    for (const id of ids as number[]) ended.set(id, state as HostState);
  return hosts.map(({ id, hostname, outcome, rows }) => ({
    id,
    hostname,
    state: outcome ?? ended.get(id) ?? (isConnected(id) ? 'pending' : 'offline'),
    rows,
  }));
}

/** The campaign and how many of its hosts are in which state. */
export function toCampaignDto(campaign: Campaign, hosts: readonly CampaignHostDto[]): CampaignDto {
  const counts = { targeted: hosts.length } as CampaignDto['counts'];
  for (const { state } of hosts) counts[state] = (counts[state] ?? 0) + 1;
  return { ...toCampaignItem(campaign), counts };
}

/** The campaign alone, for lists. */
export function toCampaignItem(campaign: Campaign): Omit<CampaignDto, 'counts'> {
  return {
    id: campaign.id,
    query_id: campaign.queryId,
    query_name: campaign.queryName,
    query: campaign.sql,
    aggregate: campaign.aggregate,
    requested_by: campaign.email,
    status: STATUS[campaign.status] ?? 'complete',
    targets_count: campaign.targets.length,
    results_count: Number(campaign.lastSeq),
    created_at: campaign.createdAt.toISOString(),
    ended_at: campaign.endedAt?.toISOString() ?? null,
    end_reason: campaign.endReason,
    ended_by: campaign.endedBy,
  };
}
