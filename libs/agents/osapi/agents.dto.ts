import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';

export class OsInfoDto {
  /** @example "debian" */
  distribution!: string;
  /** @example "12" */
  version!: string;
}

/** What is in use at this moment is asked of the host itself, by a query. */
export class MemoryDto {
  /** Bytes. */
  @ApiProperty({ type: 'integer' })
  total!: number;
}

export class NetworkInterfaceDto {
  /** @example "eth0" */
  name!: string;
  ipv4?: string;
  ipv6?: string;
  mac?: string;
  @ApiPropertyOptional({ enum: ['inet', 'inet6', 'dual'] })
  family?: 'inet' | 'inet6' | 'dual';
}

export class AgentTimelineEventDto {
  timestamp!: string;
  @ApiProperty({ enum: ['drain', 'undrain'] })
  event!: 'drain' | 'undrain';
  hostname!: string;
  /** By whom. */
  message!: string;
}

/** A host as osapi's clients know agents. What no fact of the host says is left out. */
export class AgentInfoDto {
  /** The host's uuid. */
  machine_id!: string;
  hostname!: string;
  /** Whether it is connected. */
  @ApiProperty({ enum: ['Ready', 'NotReady'] })
  status!: 'Ready' | 'NotReady';
  /** `Draining` while something is still in flight there, `Cordoned` from then on. */
  @ApiProperty({ enum: ['Ready', 'Draining', 'Cordoned'] })
  state!: 'Ready' | 'Draining' | 'Cordoned';
  /** The agent's own. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels!: Record<string, string>;
  /** When it was last heard of; of a connected one: now. */
  registered_at!: string;
  /** When it enrolled. */
  started_at!: string;
  os_info!: OsInfoDto;
  /** @example "6 days, 3 hours, 54 minutes" */
  uptime!: string;
  memory?: MemoryDto;
  /** @example "x86_64" */
  architecture!: string;
  kernel_version?: string;
  @ApiPropertyOptional({ type: 'integer' })
  cpu_count?: number;
  interfaces!: NetworkInterfaceDto[];
  /** That of the primary address. */
  primary_interface?: string;
  /** Everything else that the host has told of itself; the keys are at `/api/facts/keys`. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  facts!: Record<string, string | number>;
  /** Newest first; in the details only. */
  timeline?: AgentTimelineEventDto[];
}

export class AgentListDto {
  agents!: AgentInfoDto[];
  /** Of all pages. */
  @ApiProperty({ type: 'integer' })
  total!: number;
}

export class AgentListQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 100_000,
    description: 'At most so many; all when absent.',
  })
  @IsOptional()
  @Matches(/^([1-9]\d{0,4}|100000)$/, { message: 'limit must be between 1 and 100000' })
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, description: 'After so many.' })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'offset must be a number of at most nine digits' })
  offset?: string;
}

export class PendingAgentDto {
  machine_id!: string;
  hostname!: string;
  fingerprint!: string;
  requested_at!: string;
}

export class PendingAgentListDto {
  agents!: PendingAgentDto[];
  @ApiProperty({ type: 'integer' })
  total!: number;
}

export class AgentMessageDto {
  /** @example "drain initiated for agent web-01" */
  message!: string;
}

export class FactKeyDto {
  /** @example "platform" */
  key!: string;
  description!: string;
  /** Every host tells it. */
  builtin!: boolean;
}

export class FactKeysDto {
  keys!: FactKeyDto[];
}
