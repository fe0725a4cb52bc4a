import { DomainError } from '#libs/platform/errors/index';
import { type InstanceFields } from './instance-fields.js';

/** Ids of what an instance names. */
export interface Aims {
  readonly hostIds: readonly number[];
  readonly labelIds: readonly number[];
}

/**
 * @param hosts every pair of a name and a host of the script's team that bears it
 * @param prefix before the names of fields in errors
 * @throws DomainError malformed (a name that nobody bears); conflict (several hosts bear it)
 */
export function aimsOf(
  fields: Pick<InstanceFields, 'hosts' | 'labels'>,
  hosts: readonly { readonly name: string; readonly id: number }[],
  labels: readonly { readonly name: string; readonly id: number }[],
  prefix = '',
): Aims {
  const hostIds = (fields.hosts ?? []).map((name, index) => {
    const ids = [...new Set(hosts.filter((host) => host.name === name).map(({ id }) => id))];
    const field = `${prefix}hosts[${index}]`;
    if (ids.length > 1)
      throw new DomainError('conflict', {
        name: field,
        reason: `several hosts answer to "${name}": ids ${ids.sort((a, b) => a - b).join(', ')}. Use the uuid of the one you mean.`,
      });
    if (ids[0] === undefined)
      throw new DomainError('malformed', {
        name: field,
        reason: `no host "${name}" in the team of the script`,
      });
    return ids[0];
  });
  const labelIds = (fields.labels ?? []).map((name, index) => {
    const id = labels.find((label) => label.name === name)?.id;
    if (id === undefined)
      throw new DomainError('malformed', { name: `${prefix}labels[${index}]`, reason: `no label "${name}"` });
    return id;
  });
  return { hostIds: [...new Set(hostIds)], labelIds: [...new Set(labelIds)] };
}
