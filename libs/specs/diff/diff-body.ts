import { ApiProperty } from '@nestjs/swagger';
import { z } from 'zod';
import { EnrollSecretSpec } from '../enroll-secret/enroll-secret-spec.js';
import { InstanceSpec } from '../instances/instance-spec.js';
import { LabelSpec } from '../labels/label-spec.js';
import { PackSpec } from '../packs/pack-spec.js';
import { orElse } from '../parse-specs.js';
import { PolicySpec } from '../policies/policy-spec.js';
import { QuerySpec } from '../queries/query-spec.js';
import { SPEC_KINDS, type SpecKind } from '../spec-change.js';
import { teamSpecs } from '../teams/team-spec.js';

/** One document, as it stands in a file. */
const Document = z.object({
  kind: z.string().transform((kind) => kind.toLowerCase()),
  spec: z.record(z.string(), z.unknown()),
});

/** Documents in the order of a file. */
export const Documents = z.object({ specs: orElse(z.array(Document), []) });

/** The same by kind. @param force keep keys of teams that are not known, too */
// eslint-disable-next-line @typescript-eslint/explicit-module-boundary-types -- the schema's own type says more
export function byKind(force: boolean) {
  return z.object({
    queries: orElse(z.array(QuerySpec), []),
    labels: orElse(z.array(LabelSpec), []),
    packs: orElse(z.array(PackSpec), []),
    teams: teamSpecs(force).shape.specs,
    policies: orElse(z.array(PolicySpec), []),
    script_instances: orElse(z.array(InstanceSpec), []),
    enroll_secret: EnrollSecretSpec.nullish(),
  });
}
export type SpecsByKind = z.output<ReturnType<typeof byKind>>;

/** What the two forms of the body have of each kind. */
export const LIST_OF_KIND: Readonly<Record<Exclude<SpecKind, 'enroll_secret'>, string>> = {
  query: 'queries',
  pack: 'packs',
  label: 'labels',
  policy: 'policies',
  team: 'teams',
  script_instance: 'script_instances',
};

export const DiffBody = z.object({
  specs: z.array(z.object({ kind: z.enum(SPEC_KINDS), spec: z.record(z.string(), z.unknown()) })).optional(),
  ...byKind(false).partial().shape,
});

export class SpecChangeDto {
  @ApiProperty({ enum: SPEC_KINDS })
  kind!: SpecKind;
  /** Empty for enroll secrets. */
  name!: string;
  /** Of queries and policies; empty: of no team, or of all hosts. */
  team?: string;
  @ApiProperty({ enum: ['added', 'changed', 'unchanged'] })
  change!: 'added' | 'changed' | 'unchanged';
  /** By the spec's key: what differs, `{old, new}`; secrets are masked. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'object' } })
  fields!: Record<string, { old: unknown; new: unknown }>;
}

export class SpecDiffDto {
  /** What is named comes before what names it: teams, labels, queries, packs, enroll secrets, policies, script instances. */
  changes!: SpecChangeDto[];
}
