import { z } from 'zod';
import { InstanceFields, type StoredInstance } from '#libs/scripts/index';
import { name, orElse, specList } from '../parse-specs.js';

/** A script instance as people write it; what is absent is reset. */
export const InstanceSpec = z.object({
  name: orElse(name, ''),
  /** The saved script's name; without its ending, where that says which one is meant. */
  script: orElse(name, ''),
  team: orElse(name, ''),
  ...InstanceFields.shape,
});
export type InstanceSpec = z.output<typeof InstanceSpec>;
export const InstanceSpecs = specList(InstanceSpec);

/** What a spec says of an instance, as it stands or as it will. */
export interface SpecifiedInstance extends Omit<
  StoredInstance,
  'id' | 'hosts' | 'labels' | 'createdAt' | 'updatedAt' | 'scriptId' | 'contentSha256' | 'teamId'
> {
  readonly hosts: readonly string[];
  readonly labels: readonly string[];
}

/** The spec of an instance. @param team empty: its script is of none */
export function toInstanceSpec(instance: SpecifiedInstance, team: string): InstanceSpecDto {
  const { hosts, labels, timeoutSeconds, debounceMs, maxStartsPerMinute } = instance;
  return {
    name: instance.name,
    script: instance.scriptName,
    team,
    ...(labels.length > 0 ? { labels: [...labels].sort() } : { hosts: [...hosts].sort() }),
    arguments: [...instance.arguments],
    start_trigger: instance.startTrigger,
    stop_trigger: instance.stopTrigger,
    enabled: instance.enabled,
    ...(timeoutSeconds !== null && { timeout: timeoutSeconds }),
    ...(debounceMs !== null && { debounce_ms: debounceMs }),
    ...(maxStartsPerMinute !== null && { max_starts_per_minute: maxStartsPerMinute }),
  };
}

export class InstanceSpecDto {
  name!: string;
  /** The saved script's name. */
  script!: string;
  /** Name of the script's team; empty: of none. */
  team!: string;
  /** Hostnames; absent where labels say whom it is for. */
  hosts?: string[];
  labels?: string[];
  arguments!: string[];
  start_trigger!: object;
  stop_trigger!: object;
  enabled!: boolean;
  /** Seconds; absent: as long as scripts may run. */
  timeout?: number;
  debounce_ms?: number;
  max_starts_per_minute?: number;
}

export class InstanceSpecsDto {
  specs!: InstanceSpecDto[];
}

export class InstanceSpecResponseDto {
  specs!: InstanceSpecDto;
}
