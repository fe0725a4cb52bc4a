import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';
import { MAX_ID } from '#libs/platform/http/index';
import { RolloutDto } from '../rollout/rollout.dto.js';

/** Which hosts: all that fit every filter that is given. */
export class BatchFiltersDto {
  /** Required; the script's team, 0 for no team. */
  @IsOptional()
  @IsInt({ message: 'filters.team_id must be an integer' })
  team_id?: number | null;

  @ApiPropertyOptional({ enum: ['online', 'offline'] })
  @IsOptional()
  @IsIn(['online', 'offline', ''], { message: 'filters.status must be online or offline' })
  status?: 'online' | 'offline' | '' | null;

  /** Part of the hostname, uuid, hardware serial or primary IP address. */
  @ApiPropertyOptional({ type: 'string' })
  @IsOptional()
  @IsString({ message: 'filters.query must be a string' })
  query?: string | null;

  /** Hosts in this label. */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt({ message: 'filters.label_id must be an integer' })
  @Min(1, { message: 'filters.label_id must be the id of a label' })
  @Max(MAX_ID, { message: 'filters.label_id must be the id of a label' })
  label_id?: number | null;
}

/** A saved script, and either `host_ids` or `filters`. Beyond Fleet's contract: in which waves it spreads. */
export class RunBatchDto extends RolloutDto {
  @ApiPropertyOptional({ type: 'integer', example: 1 })
  @IsOptional()
  @IsInt({ message: 'script_id must be an integer' })
  script_id?: number | null;

  /** Up to 5000 hosts of the script's team (or of no team). */
  @ApiPropertyOptional({ type: 'array', items: { type: 'integer' }, example: [1, 2] })
  @IsOptional()
  @IsArray({ message: 'host_ids must be an array of integers' })
  @ArrayMaxSize(100_000, { message: 'host_ids has too many elements' })
  @IsInt({ each: true, message: 'host_ids must be an array of integers' })
  host_ids?: number[] | null;

  @IsOptional()
  @ValidateIf(({ filters }: RunBatchDto) => filters !== null)
  @ValidateNested({ message: 'filters must be an object' })
  @Type(() => BatchFiltersDto)
  filters?: BatchFiltersDto | null;

  /** What people have signed of this request, for hosts that run nothing else; it is of all its hosts. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

export class RunBatchResponseDto {
  /** For GET /scripts/batch/summary/:id, and for /api/v1/executions. */
  batch_execution_id!: string;
}

export class BatchSummaryDto {
  /** null: deleted since. */
  script_id!: number | null;
  script_name!: string;
  /** 0: no team. */
  team_id!: number;
  created_at!: string;
  /** Hosts; the sum of the four numbers below. */
  targeted!: number;
  pending!: number;
  /** Ended with exit code 0. */
  ran!: number;
  /** Every other end, and hosts on which it could not start. */
  errored!: number;
  canceled!: number;
}
