import { z } from 'zod';
import { type PackFields, type ScheduledQuery, type StoredPack } from '#libs/queries/index';
import { name, names, orElse, specList, text, words } from '../parse-specs.js';

const ScheduledQuerySpec = z.object({
  query: orElse(name, ''),
  name: orElse(name, ''),
  description: orElse(words, ''),
  interval: orElse(z.number(), 0),
  snapshot: z.boolean().nullish(),
  removed: z.boolean().nullish(),
  platform: orElse(text(255), ''),
  version: orElse(text(255), ''),
  shard: z.int().min(0).max(100).nullish(),
  denylist: z.boolean().nullish(),
});

/** A pack as people write it: what is absent is reset, its queries and targets are replaced. An id is passed over. */
export const PackSpec = z.object({
  name: orElse(name, ''),
  description: orElse(words, ''),
  platform: orElse(text(255), ''),
  disabled: orElse(z.boolean(), false),
  targets: orElse(z.object({ labels: names, teams: names }), { labels: [], teams: [] }),
  queries: orElse(z.array(ScheduledQuerySpec), []),
});
export type PackSpec = z.output<typeof PackSpec>;
export const PackSpecs = specList(PackSpec);

/** The queries as they are stored: what has no name of its own bears the saved query's. */
export function scheduledOf(spec: PackSpec): ScheduledQuery[] {
  return spec.queries.map((query) => ({
    query: query.query,
    name: query.name || query.query,
    description: query.description,
    interval: query.interval,
    snapshot: query.snapshot ?? null,
    removed: query.removed ?? null,
    platform: query.platform,
    version: query.version,
    shard: query.shard ?? null,
    denylist: query.denylist ?? null,
  }));
}

/** The spec of a pack, but for its id. Empty lists of targets are null, as in Fleet. */
export function toPackSpec(
  fields: PackFields,
  targets: { readonly labels: readonly string[]; readonly teams: readonly string[] },
  queries: readonly ScheduledQuery[],
): Omit<PackSpecDto, 'id'> & { readonly name: string } {
  const { labels, teams } = targets;
  return {
    name: fields.name,
    ...(fields.description !== '' && { description: fields.description }),
    ...(fields.platform !== '' && { platform: fields.platform }),
    disabled: fields.disabled,
    targets: {
      labels: labels.length > 0 ? [...labels] : null,
      teams: teams.length > 0 ? [...teams] : null,
    },
    ...(queries.length > 0 && { queries: queries.map(toScheduledSpec) }),
  };
}

export function toStoredSpec(pack: StoredPack): PackSpecDto {
  return { id: pack.id, ...toPackSpec(pack, pack, pack.queries) };
}

function toScheduledSpec(query: ScheduledQuery): ScheduledQuerySpecDto {
  return {
    query: query.query,
    name: query.name,
    description: query.description,
    interval: query.interval,
    ...(query.snapshot !== null && { snapshot: query.snapshot }),
    ...(query.removed !== null && { removed: query.removed }),
    platform: query.platform,
    version: query.version,
    ...(query.shard !== null && { shard: query.shard }),
    denylist: query.denylist,
  };
}

export class ScheduledQuerySpecDto {
  /** Name of a saved query of no team. */
  query!: string;
  /** Within the pack. */
  name!: string;
  description!: string;
  /** Seconds. */
  interval!: number;
  snapshot?: boolean;
  removed?: boolean;
  platform!: string;
  /** The least version of osquery. */
  version!: string;
  /** Percent of the hosts. */
  shard?: number;
  denylist!: boolean | null;
}

export class PackTargetsDto {
  /** Names; null: none. */
  labels!: string[] | null;
  /** Names; null: none. */
  teams!: string[] | null;
}

export class PackSpecDto {
  id!: number;
  name!: string;
  /** Absent when empty. */
  description?: string;
  /** Absent when empty. */
  platform?: string;
  disabled!: boolean;
  targets!: PackTargetsDto;
  queries?: ScheduledQuerySpecDto[];
}

export class PackSpecsDto {
  specs!: PackSpecDto[];
}

export class PackSpecResponseDto {
  specs!: PackSpecDto;
}
