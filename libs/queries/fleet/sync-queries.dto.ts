import { ApiProperty } from '@nestjs/swagger';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, MaxLength } from 'class-validator';
import { Limits } from '#libs/protocol/index';
import { HOST_STATES } from '../campaigns/campaigns.dto.js';

const ROWS = { type: 'array', items: { type: 'object', additionalProperties: { type: 'string' } } } as const;

export class RunSavedQueryDto {
  @ApiProperty({ type: 'array', items: { type: 'integer' }, example: [1, 2] })
  @IsOptional()
  @IsArray({ message: 'host_ids must be an array of integers' })
  @IsInt({ each: true, message: 'host_ids must be an array of integers' })
  @ArrayMaxSize(100_000, { message: 'host_ids has too many elements' })
  host_ids?: number[] | null;
}

export class HostQueryDto {
  @ApiProperty({ type: 'string', example: 'select * from uptime' })
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  @MaxLength(Limits.querySql, { message: `query must have at most ${Limits.querySql} characters` })
  query?: string | null;
}

export class HostResultDto {
  host_id!: number;
  @ApiProperty(ROWS)
  rows!: Record<string, string>[];
  /** In SQLite's or osquery's own words. */
  error!: string | null;
}

export class UnansweredHostDto {
  host_id!: number;
  /** `not_found`: there is no such host for the caller. */
  @ApiProperty({ enum: [...HOST_STATES, 'not_found'] })
  state!: string;
}

export class RunSavedQueryResponseDto {
  query_id!: number;
  /** Late answers are stored here: GET /api/v1/campaigns/:id/results. */
  campaign_id!: number;
  /** Distinct ids given, reachable or not. */
  targeted_host_count!: number;
  responded_host_count!: number;
  results!: HostResultDto[];
  /** Hosts that have not answered, and why. */
  unanswered!: UnansweredHostDto[];
}

export class HostQueryResponseDto {
  host_id!: number;
  /** null: no answer. */
  @ApiProperty({ ...ROWS, nullable: true })
  rows!: Record<string, string>[] | null;
  query!: string;
  @ApiProperty({ enum: ['online', 'offline'] })
  status!: 'online' | 'offline';
  error?: string;
}
