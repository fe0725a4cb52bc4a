import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches } from 'class-validator';
import { ListQueryDto } from '#libs/platform/http/index';
import { LabelDto } from './labels/labels.dto.js';

const TEAM_ID = /^\d{1,9}$/;
const TEAM_ID_MESSAGE = { message: 'team_id must be the id of a team, or 0 for hosts of no team' };
const TEAM_ID_DOCS = {
  type: 'integer',
  minimum: 0,
  description: 'Only hosts of this team; 0: of no team.',
} as const;
const STATUSES = ['online', 'offline'] as const;
type Status = (typeof STATUSES)[number];
const STATUS_MESSAGE = { message: 'status must be online or offline' };
const STATUS_DOCS = { enum: STATUSES, description: 'Only hosts of this status.' };

export class HostListQueryDto extends ListQueryDto {
  @ApiPropertyOptional(TEAM_ID_DOCS)
  @IsOptional()
  @Matches(TEAM_ID, TEAM_ID_MESSAGE)
  team_id?: string;

  @ApiPropertyOptional(STATUS_DOCS)
  @IsOptional()
  @IsIn(STATUSES, STATUS_MESSAGE)
  status?: Status;
}

export class HostCountQueryDto {
  @ApiPropertyOptional({ description: 'Only hosts that the list finds by this text.' })
  @IsOptional()
  @IsString()
  query?: string;

  @ApiPropertyOptional(TEAM_ID_DOCS)
  @IsOptional()
  @Matches(TEAM_ID, TEAM_ID_MESSAGE)
  team_id?: string;

  @ApiPropertyOptional(STATUS_DOCS)
  @IsOptional()
  @IsIn(STATUSES, STATUS_MESSAGE)
  status?: Status;
}

export class HostCountDto {
  count!: number;
}

export class HostAddressDto {
  interface!: string;
  address!: string;
  family!: 'IPv4' | 'IPv6';
  mac!: string;
  internal!: boolean;
}

/** A host, in Fleet's keys; `addresses`, `agent_labels`, `kernel_version` and `arch` are Muster's own. */
export class HostDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  detail_updated_at!: string;
  label_updated_at!: string;
  policy_updated_at!: string;
  last_enrolled_at!: string;
  /** When the agent was last heard from; now, while it is connected. */
  seen_time!: string;
  refetch_requested!: boolean;
  /** `--hostname` of the agent, else the system's. */
  hostname!: string;
  uuid!: string;
  /** @example "debian" */
  platform!: string;
  osquery_version!: string;
  orbit_version!: string | null;
  fleet_desktop_version!: string | null;
  /** null until the agent has connected once. */
  scripts_enabled!: boolean | null;
  /** @example "Debian GNU/Linux 12 (bookworm)" */
  os_version!: string;
  build!: string;
  platform_like!: string;
  code_name!: string;
  /** Nanoseconds. */
  uptime!: number;
  /** Bytes. */
  memory!: number;
  cpu_type!: string;
  cpu_subtype!: string;
  cpu_brand!: string;
  cpu_physical_cores!: number;
  cpu_logical_cores!: number;
  hardware_vendor!: string;
  hardware_model!: string;
  hardware_version!: string;
  hardware_serial!: string;
  computer_name!: string;
  public_ip!: string;
  primary_ip!: string;
  primary_mac!: string;
  distributed_interval!: number;
  config_tls_refresh!: number;
  logger_tls_period!: number;
  /** null: of no team. */
  team_id!: number | null;
  team_name!: string | null;
  gigs_disk_space_available!: number;
  percent_disk_space_available!: number;
  gigs_total_disk_space!: number;
  /** online while the agent is connected and its heartbeat is not two beats late. */
  status!: 'online' | 'offline';
  display_text!: string;
  display_name!: string;
  kernel_version!: string;
  arch!: string;
  addresses!: HostAddressDto[];
  /** The agent's own labels (`--label key=value`). */
  agent_labels!: Record<string, string>;
}

export class HostListDto {
  hosts!: HostDto[];
}

export class HostPolicyDto {
  id!: number;
  name!: string;
  /** SQL. */
  query!: string;
  description!: string;
  resolution!: string;
  platform!: string;
  critical!: boolean;
  /** Empty: it has not answered, or could not. */
  @ApiProperty({ enum: ['pass', 'fail', ''] })
  response!: 'pass' | 'fail' | '';
}

export class HostPackQueryDto {
  scheduled_query_id!: number;
  scheduled_query_name!: string;
  query_name!: string;
  pack_id!: number;
  pack_name!: string;
  /** Seconds. */
  interval!: number;
  /** null: it has not reported yet. */
  last_executed!: string | null;
}

export class HostPackDto {
  id!: number;
  name!: string;
  type!: string;
  query_stats!: HostPackQueryDto[];
}

/** What agents do by themselves on one host. */
export class HostDetailPartsDto {
  packs!: HostPackDto[];
  policies!: HostPolicyDto[];
}

export class HostDetailDto extends HostDto {
  /** Built-in ones included; `agent_labels` are another thing. */
  labels!: LabelDto[];
  /** Those that reach it and are not disabled. */
  packs!: HostPackDto[];
  /** Those that are about it. */
  policies!: HostPolicyDto[];
}

export class HostResponseDto {
  host!: HostDetailDto;
}
