import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import { OptionalBody } from '#libs/platform/http/index';
import { RUN_STATES, type RunState } from './history/outcomes.js';

/** May be absent as a whole: a device's method takes no params. What is in it is checked with the other methods' (`rpc-params.ts`). */
@OptionalBody()
export class OverviewBodyDto {
  @IsOptional()
  host?: unknown;
  @IsOptional()
  team_id?: unknown;
}

export class StartTriggerDto {
  @ApiProperty({ enum: ['manual', 'xpath', 'schedule'] })
  type!: string;
  /** Absent if manual. */
  setting?: string;
  /** Of whoever started it, if manual. */
  username?: string;
}

export class StopTriggerDto {
  @ApiProperty({ enum: ['manual', 'xpath', 'system'] })
  type!: string;
  /** Absent unless xpath. */
  setting?: string;
  /** Of whoever stopped it, if manual. */
  username?: string;
}

/** A run, as an overview tells of it; unset attributes are absent. */
export class LastExecutionDto {
  /** @example 1234 */
  id!: number;
  /** Hostname; absent when the host is gone. */
  host?: string;
  /** Unix time, seconds. */
  start_timestamp!: number;
  start_trigger!: StartTriggerDto;
  @ApiProperty({ enum: RUN_STATES })
  state!: RunState;
  stop_trigger?: StopTriggerDto;
  /** The script has had other content since. */
  is_outdated?: boolean;
}

export class RpcExecutionDto extends LastExecutionDto {
  script_name!: string;
  instance_name!: string;
  /** Only with `include_all_kinds`. */
  kind?: string;
  /** As a shell would read them. */
  arguments?: string;
  /** Milliseconds; absent while it runs. */
  duration?: number;
  /** Negative: the signal that ended it. Absent while it runs, and when nobody knows. */
  exit_code?: number;
}

export class RpcExecutionsDto {
  executions!: RpcExecutionDto[];
}

export class RpcInstanceDto {
  name!: string;
  last_execution?: LastExecutionDto;
}

export class RpcScriptDto {
  name!: string;
  instances!: RpcInstanceDto[];
}

export class RpcOverviewDto {
  scripts!: RpcScriptDto[];
}

export class RpcHostErrorDto {
  /** @example "already_running" */
  code!: string;
  message!: string;
}

export class RpcHostResultDto {
  host!: string;
  last_execution?: LastExecutionDto;
  error?: RpcHostErrorDto;
}

/** As an overview of the one instance; without `host` what became of it on each host. */
export class RpcInstanceResultDto extends RpcOverviewDto {
  hosts?: RpcHostResultDto[];
}

export class RpcLineDto {
  id!: number;
  @ApiProperty({ enum: ['stdout', 'stderr'] })
  stream!: 'stdout' | 'stderr';
  /** Unix time, seconds. */
  timestamp!: number;
  text!: string;
}

export class RpcOutputDto {
  execution!: RpcExecutionDto;
  lines!: RpcLineDto[];
}
