import { ApiExtraModels, ApiProperty, getSchemaPath } from '@nestjs/swagger';
import { type MissedRuns, type StartTrigger, type StopTrigger } from '#libs/protocol/index';
import { type StoredInstance } from './instances.repository.js';

class ManualTriggerDto {
  @ApiProperty({ enum: ['manual'] })
  type!: 'manual';
}

class XpathTriggerDto {
  @ApiProperty({ enum: ['xpath'] })
  type!: 'xpath';
  /**
   * XPath 1.0 over the host's tree of facts.
   * @example "/networking/eth0/state = 'down'"
   */
  setting!: string;
}

class ScheduleTriggerDto {
  @ApiProperty({ enum: ['schedule'] })
  type!: 'schedule';
  /**
   * A cron line.
   * @example "30 4 * * *"
   */
  setting!: string;
  /** IANA name; absent: the host's own. */
  timezone?: string;
  /** What to do about times that passed while the host was down; absent: skip. */
  @ApiProperty({ enum: ['skip', 'once', 'all'], required: false })
  missed?: MissedRuns;
}

/** A script instance as it stands. */
@ApiExtraModels(ManualTriggerDto, XpathTriggerDto, ScheduleTriggerDto)
export class InstanceDto {
  id!: number;
  name!: string;
  script_id!: number;
  script_name!: string;
  /** Of the script; 0: of none. */
  team_id!: number;
  /** Hostnames; absent where labels say whom it is for. */
  hosts?: string[];
  labels?: string[];
  arguments!: string[];
  @ApiProperty({
    oneOf: [ManualTriggerDto, XpathTriggerDto, ScheduleTriggerDto].map((type) => ({
      $ref: getSchemaPath(type),
    })),
  })
  start_trigger!: StartTrigger;
  @ApiProperty({
    oneOf: [ManualTriggerDto, XpathTriggerDto].map((type) => ({ $ref: getSchemaPath(type) })),
  })
  stop_trigger!: StopTrigger;
  /** false: its triggers start nothing. */
  enabled!: boolean;
  /** Seconds; null: as long as scripts may run. */
  @ApiProperty({ type: Number, nullable: true })
  timeout!: number | null;
  /** What a path selects has to stand still for so long before it fires; absent: 1000. */
  debounce_ms?: number;
  /** Starts by triggers beyond it are left out; absent: 6. */
  max_starts_per_minute?: number;
  created_at!: string;
  updated_at!: string;
}

export class InstanceListDto {
  instances!: InstanceDto[];
}

export function toInstanceDto(instance: StoredInstance): InstanceDto {
  const { hosts, labels, debounceMs, maxStartsPerMinute } = instance;
  return {
    id: instance.id,
    name: instance.name,
    script_id: instance.scriptId,
    script_name: instance.scriptName,
    team_id: instance.teamId ?? 0,
    ...(labels.length === 0
      ? { hosts: hosts.map(({ hostname }) => hostname) }
      : { labels: labels.map(({ name }) => name) }),
    arguments: [...instance.arguments],
    start_trigger: instance.startTrigger,
    stop_trigger: instance.stopTrigger,
    enabled: instance.enabled,
    timeout: instance.timeoutSeconds,
    ...(debounceMs !== null && { debounce_ms: debounceMs }),
    ...(maxStartsPerMinute !== null && { max_starts_per_minute: maxStartsPerMinute }),
    created_at: instance.createdAt.toISOString(),
    updated_at: instance.updatedAt.toISOString(),
  };
}
