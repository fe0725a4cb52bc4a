import { type CreatePolicyDto, type PolicyDto } from './policies.dto.js';
import { type PolicyView } from './policies.repository.js';
import { type PolicyFields } from './policy-sets.repository.js';

/** Fleet's policy object. */
export function toPolicyDto(policy: PolicyView): PolicyDto {
  return {
    created_at: policy.createdAt.toISOString(),
    updated_at: policy.updatedAt.toISOString(),
    id: policy.id,
    name: policy.name,
    query: policy.query,
    description: policy.description,
    resolution: policy.resolution,
    platform: policy.platform,
    critical: policy.critical,
    team_id: policy.scope === 'no_team' ? 0 : policy.teamId,
    author_id: policy.authorId,
    author_name: policy.authorName ?? '',
    author_email: policy.authorEmail ?? '',
    calendar_events_enabled: false,
    conditional_access_enabled: false,
    labels_include_any: [...policy.includeAny],
    labels_exclude_any: [...policy.excludeAny],
    passing_host_count: policy.passing,
    failing_host_count: policy.failing,
    // They are counted when they are asked for.
    host_count_updated_at: new Date().toISOString(),
  };
}

/** What a body says about the policy; null says nothing. */
export function fieldsOf(dto: CreatePolicyDto): Partial<PolicyFields> {
  const { name, query, description, resolution, platform, critical } = dto;
  const fields = { name, query, description, resolution, platform, critical };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(given);
}
