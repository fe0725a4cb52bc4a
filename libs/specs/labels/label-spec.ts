import { ApiProperty } from '@nestjs/swagger';
import { z } from 'zod';
import { type LabelFields, type StoredLabel } from '#libs/agents/index';
import { name, orElse, specList, sql, text, words } from '../parse-specs.js';

/** A label as people write it; what is absent is reset. */
export const LabelSpec = z.object({
  name: orElse(name, ''),
  description: orElse(words, ''),
  query: orElse(sql, ''),
  platform: orElse(text(255), ''),
  label_type: orElse(z.union([z.enum(['regular', 'builtin', '']), z.literal(0), z.literal(1)]), 'regular'),
  label_membership_type: orElse(z.enum(['dynamic', 'manual', '']), 'dynamic'),
  hosts: z.array(text(255)).nullish(),
});
export type LabelSpec = z.output<typeof LabelSpec>;
export const LabelSpecs = specList(LabelSpec);

export function fieldsOf(spec: LabelSpec): LabelFields {
  const membershipType = spec.label_membership_type === 'manual' ? 'manual' : 'dynamic';
  return {
    name: spec.name.trim(),
    description: spec.description,
    query: spec.query,
    platform: spec.platform,
    membershipType,
  };
}

export function isBuiltinSpec({ label_type }: LabelSpec): boolean {
  return label_type === 'builtin' || label_type === 1;
}

/** The spec of a label, but for its id. @param hosts null: of a dynamic one */
export function toLabelSpec(
  fields: LabelFields,
  hosts: readonly string[] | null,
): Omit<LabelSpecDto, 'id' | 'label_type'> & { readonly name: string } {
  return {
    name: fields.name,
    description: fields.description,
    query: fields.query,
    ...(fields.platform !== '' && { platform: fields.platform }),
    label_membership_type: fields.membershipType,
    hosts: hosts && [...hosts],
  };
}

export function toStoredSpec(label: StoredLabel): LabelSpecDto {
  const { name, description, query, hosts, ...rest } = toLabelSpec(label, hostnamesOf(label));
  const kind = label.labelType === 'builtin' ? { label_type: 'builtin' as const } : {};
  return { id: label.id, name, description, query, ...rest, ...kind, hosts };
}

export function hostnamesOf({ hosts }: StoredLabel): string[] | null {
  return hosts && hosts.map(({ hostname }) => hostname);
}

export class LabelSpecDto {
  id!: number;
  name!: string;
  description!: string;
  /** SQL; empty for manual labels. */
  query!: string;
  /** Absent when empty. */
  platform?: string;
  /** Absent for labels that people have made. */
  @ApiProperty({ enum: ['builtin'], required: false })
  label_type?: 'builtin';
  @ApiProperty({ enum: ['dynamic', 'manual'] })
  label_membership_type!: 'dynamic' | 'manual';
  /** Hostnames; null for dynamic labels. */
  hosts!: string[] | null;
}

export class LabelSpecsDto {
  specs!: LabelSpecDto[];
}

export class LabelSpecResponseDto {
  specs!: LabelSpecDto;
}
