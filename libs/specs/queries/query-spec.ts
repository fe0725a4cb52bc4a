import { z } from 'zod';
import { type QueryFields, QUERY_DEFAULTS } from '#libs/queries/index';
import { name, names, orElse, specList, sql, text, words } from '../parse-specs.js';

const MAX_INTERVAL = 2_147_483_647;

/** A query as people write it; what is absent is reset. */
export const QuerySpec = z.object({
  name: orElse(name, ''),
  description: orElse(words, ''),
  query: orElse(sql, ''),
  team: orElse(name, ''),
  interval: orElse(z.int().min(0).max(MAX_INTERVAL), QUERY_DEFAULTS.interval),
  observer_can_run: orElse(z.boolean(), false),
  platform: orElse(text(255), ''),
  min_osquery_version: orElse(text(255), ''),
  automations_enabled: orElse(z.boolean(), false),
  logging: orElse(text(64), ''),
  discard_data: orElse(z.boolean(), false),
  labels_include_any: names,
});
export type QuerySpec = z.output<typeof QuerySpec>;
export const QuerySpecs = specList(QuerySpec);

export function fieldsOf(spec: QuerySpec): QueryFields {
  return {
    name: spec.name,
    description: spec.description,
    query: spec.query,
    observerCanRun: spec.observer_can_run,
    interval: spec.interval,
    platform: spec.platform,
    minOsqueryVersion: spec.min_osquery_version,
    automationsEnabled: spec.automations_enabled,
    logging: spec.logging,
    discardData: spec.discard_data,
  };
}

/** The spec of a query. @param team empty: of none */
export function toQuerySpec(fields: QueryFields, team: string, labels: readonly string[]): QuerySpecDto {
  return {
    name: fields.name,
    description: fields.description,
    query: fields.query,
    team,
    interval: fields.interval,
    observer_can_run: fields.observerCanRun,
    platform: fields.platform,
    min_osquery_version: fields.minOsqueryVersion,
    automations_enabled: fields.automationsEnabled,
    logging: fields.logging,
    discard_data: fields.discardData,
    ...(labels.length > 0 && { labels_include_any: [...labels].sort() }),
  };
}

export class QuerySpecDto {
  name!: string;
  description!: string;
  /** SQL. */
  query!: string;
  /** Name of the team; empty: for hosts of all teams. */
  team!: string;
  /** Seconds; 0: not scheduled. */
  interval!: number;
  observer_can_run!: boolean;
  platform!: string;
  min_osquery_version!: string;
  automations_enabled!: boolean;
  logging!: string;
  discard_data!: boolean;
  /** Absent: hosts of all labels and of none. */
  labels_include_any?: string[];
}

export class QuerySpecsDto {
  specs!: QuerySpecDto[];
}

export class QuerySpecResponseDto {
  specs!: QuerySpecDto;
}
