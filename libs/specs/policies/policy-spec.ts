import { z } from 'zod';
import { type PolicyFields } from '#libs/queries/index';
import { name, names, orElse, specList, sql, text, words } from '../parse-specs.js';

/** A policy as people write it; what is absent is reset. */
export const PolicySpec = z.object({
  name: orElse(name, ''),
  query: orElse(sql, ''),
  description: orElse(words, ''),
  resolution: orElse(words, ''),
  team: orElse(name, ''),
  platform: orElse(text(255), ''),
  critical: orElse(z.boolean(), false),
  labels_include_any: names,
  labels_exclude_any: names,
  software_title_id: z.int().nullish(),
  script_id: z.int().nullish(),
});
export type PolicySpec = z.output<typeof PolicySpec>;
export const PolicySpecs = specList(PolicySpec);

/** The spec of a policy. @param team empty: of all hosts; `No team` */
export function toPolicySpec(
  fields: PolicyFields,
  team: string,
  labels: { readonly includeAny: readonly string[]; readonly excludeAny: readonly string[] },
): Readonly<Record<string, unknown>> & { readonly name: string; readonly team: string } {
  return {
    name: fields.name,
    query: fields.query,
    description: fields.description,
    resolution: fields.resolution,
    team,
    platform: fields.platform,
    critical: fields.critical,
    ...(labels.includeAny.length > 0 && { labels_include_any: [...labels.includeAny].sort() }),
    ...(labels.excludeAny.length > 0 && { labels_exclude_any: [...labels.excludeAny].sort() }),
  };
}
