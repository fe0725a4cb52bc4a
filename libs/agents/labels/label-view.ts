import { type LabelCountDto, type LabelDto } from './labels.dto.js';
import { type CountedLabel, type LabelRow } from './labels.repository.js';

/** Fleet's label object, as a host shows it. */
export function toLabelDto(label: LabelRow): LabelDto {
  const { id, name, description, query, platform, labelType, membershipType } = label;
  return {
    created_at: label.createdAt.toISOString(),
    updated_at: label.updatedAt.toISOString(),
    id,
    name,
    description,
    query,
    platform,
    label_type: labelType,
    label_membership_type: membershipType,
    display_text: name,
  };
}

/** With the number of its hosts, under each of the names that Fleet has for it. */
export function toCountedDto(label: CountedLabel): LabelCountDto {
  const { hostCount } = label;
  return { ...toLabelDto(label), count: hostCount, host_count: hostCount, hosts_count: hostCount };
}
