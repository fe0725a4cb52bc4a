import { type QueryFields } from './query-fields.js';
import { type CreateQueryDto, type QueryDto } from './saved-queries.dto.js';
import { type SavedQueryRow } from './saved-queries.repository.js';

/** Nothing is known about its runs: scheduled runs are not served. */
const NO_STATS = {
  system_time_p50: null,
  system_time_p95: null,
  user_time_p50: null,
  user_time_p95: null,
  total_executions: null,
};

/** Fleet's query object. */
export function toQueryDto(row: SavedQueryRow): QueryDto {
  return {
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
    id: row.id,
    name: row.name,
    description: row.description,
    query: row.query,
    team_id: row.teamId,
    interval: row.interval,
    platform: row.platform,
    min_osquery_version: row.minOsqueryVersion,
    automations_enabled: row.automationsEnabled,
    logging: row.logging,
    saved: row.saved,
    observer_can_run: row.observerCanRun,
    discard_data: row.discardData,
    author_id: row.authorId,
    author_name: row.authorName ?? '',
    author_email: row.authorEmail ?? '',
    packs: [],
    labels_include_any: [...row.labels],
    stats: NO_STATS,
  };
}

/** What a body says about the query; null says nothing. */
export function fieldsOf(dto: CreateQueryDto): Partial<QueryFields> {
  const fields = {
    name: dto.name,
    description: dto.description,
    query: dto.query,
    observerCanRun: dto.observer_can_run,
    interval: dto.interval,
    platform: dto.platform,
    minOsqueryVersion: dto.min_osquery_version,
    automationsEnabled: dto.automations_enabled,
    logging: dto.logging,
    discardData: dto.discard_data,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null);
  return Object.fromEntries(given);
}
