import { ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { ListQueryDto } from '#libs/platform/http/index';

export class HostListQueryDto extends ListQueryDto {
  @ApiPropertyOptional({ enum: ['online', 'offline'], description: 'Only hosts of this status.' })
  @IsOptional()
  @IsIn(['online', 'offline'], { message: 'status must be online or offline' })
  status?: 'online' | 'offline';
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

export class HostDetailDto extends HostDto {
  labels!: object[];
  packs!: object[];
  policies!: object[];
}

export class HostResponseDto {
  host!: HostDetailDto;
}
