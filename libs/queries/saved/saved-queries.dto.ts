import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { Limits } from '#libs/protocol/index';
import { ListQueryDto, MAX_ID } from '#libs/platform/http/index';
import { type Logging, LOGGINGS } from './query-fields.js';

const MAX_IDS = 10_000;
const TEAM_ID = /^\d{0,9}$/;
const TEAM_ID_MESSAGE = { message: 'team_id must be the id of a team, or 0 for queries of no team' };
const IDS_MESSAGE = 'ids must be an array of query ids';
const BODY_TEAM_MESSAGE = { message: 'team_id must be the id of a team, or null for all hosts' };
const NO_LABELS = 'queries cannot be limited to labels: leave labels_include_any empty';

export class QueryStatsDto {
  @ApiProperty({ type: 'number', nullable: true })
  system_time_p50!: number | null;
  @ApiProperty({ type: 'number', nullable: true })
  system_time_p95!: number | null;
  @ApiProperty({ type: 'number', nullable: true })
  user_time_p50!: number | null;
  @ApiProperty({ type: 'number', nullable: true })
  user_time_p95!: number | null;
  @ApiProperty({ type: 'integer', nullable: true })
  total_executions!: number | null;
}

export class QueryDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  /** @example "uptime" */
  name!: string;
  description!: string;
  /** SQL. */
  query!: string;
  /** null: for hosts of all teams. */
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  /** Seconds; 0: not scheduled. */
  interval!: number;
  /** Empty: every platform. */
  platform!: string;
  min_osquery_version!: string;
  automations_enabled!: boolean;
  @ApiProperty({ enum: LOGGINGS })
  logging!: Logging;
  /** false: SQL that was asked live, without saving it. */
  saved!: boolean;
  /** Whether observers may run it. */
  observer_can_run!: boolean;
  discard_data!: boolean;
  /** null: the account is gone. */
  @ApiProperty({ type: 'integer', nullable: true })
  author_id!: number | null;
  author_name!: string;
  author_email!: string;
  packs!: object[];
  labels_include_any!: object[];
  stats!: QueryStatsDto;
}

export class QueryResponseDto {
  query!: QueryDto;
}

export class QueryListMetaDto {
  has_next_results!: boolean;
  has_previous_results!: boolean;
}

export class QueryListDto {
  queries!: QueryDto[];
  /** On all pages. */
  count!: number;
  /** How many of them belong to no team, where a team's were asked for. */
  inherited_query_count!: number;
  meta!: QueryListMetaDto;
}

export class QueryTeamDto {
  @ApiPropertyOptional({ type: 'integer', description: 'The team; without it, or 0: queries of no team.' })
  @IsOptional()
  @Matches(TEAM_ID, TEAM_ID_MESSAGE)
  team_id?: string;
}

export class QueryListQueryDto extends ListQueryDto {
  @ApiPropertyOptional({ type: 'integer', description: 'The team; without it, or 0: queries of no team.' })
  @IsOptional()
  @Matches(TEAM_ID, TEAM_ID_MESSAGE)
  team_id?: string;

  @ApiPropertyOptional({ type: 'boolean', description: 'Also the queries of no team.' })
  @IsOptional()
  @IsIn(['true', 'false', '1', '0', ''], { message: 'merge_inherited must be true or false' })
  merge_inherited?: string;
}

export class CreateQueryDto {
  /** Required; unique within the team, whatever the case. */
  @IsOptional()
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'name must not contain a NUL character' })
  name?: string | null;

  @IsOptional()
  @IsString({ message: 'description must be a string' })
  @MaxLength(65_535)
  @Matches(/^[^\0]*$/, { message: 'description must not contain a NUL character' })
  description?: string | null;

  /** Required: SQL. */
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  @MaxLength(Limits.querySql)
  @Matches(/^[^\0]*$/, { message: 'query must not contain a NUL character' })
  query?: string | null;

  /** The team; null or 0: for hosts of all teams. It never changes. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt(BODY_TEAM_MESSAGE)
  @Min(0, BODY_TEAM_MESSAGE)
  @Max(MAX_ID, BODY_TEAM_MESSAGE)
  team_id?: number | null;

  /** Seconds between scheduled runs; 0: none. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0 })
  @IsOptional()
  @IsInt({ message: 'interval must be a whole number of seconds' })
  @Min(0, { message: 'interval must not be negative' })
  @Max(MAX_ID, { message: `interval must be at most ${MAX_ID}` })
  interval?: number | null;

  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean({ message: 'observer_can_run must be true or false' })
  observer_can_run?: boolean | null;

  /** `darwin`, `linux`, `windows`, `chrome`, or several of them with commas; empty: every platform. */
  @IsOptional()
  @IsString({ message: 'platform must be a string' })
  platform?: string | null;

  @IsOptional()
  @IsString({ message: 'min_osquery_version must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'min_osquery_version must not contain a NUL character' })
  min_osquery_version?: string | null;

  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean({ message: 'automations_enabled must be true or false' })
  automations_enabled?: boolean | null;

  @ApiPropertyOptional({ enum: LOGGINGS })
  @IsOptional()
  @IsString({ message: 'logging must be a string' })
  logging?: string | null;

  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean({ message: 'discard_data must be true or false' })
  discard_data?: boolean | null;

  /** Not served: must be empty. */
  @ApiPropertyOptional({ type: 'string', isArray: true, nullable: true })
  @IsOptional()
  @IsArray({ message: NO_LABELS })
  @ArrayMaxSize(0, { message: NO_LABELS })
  labels_include_any?: string[] | null;
}

/** What is absent stays as it is. */
export class ModifyQueryDto extends CreateQueryDto {}

export class DeleteQueriesDto {
  /** All of them are deleted, or none. */
  @ApiProperty({ type: 'integer', isArray: true, example: [1, 2] })
  @IsArray({ message: IDS_MESSAGE })
  @ArrayMaxSize(MAX_IDS, { message: `ids must have at most ${MAX_IDS} elements` })
  @IsInt({ each: true, message: IDS_MESSAGE })
  @Min(1, { each: true, message: IDS_MESSAGE })
  @Max(MAX_ID, { each: true, message: IDS_MESSAGE })
  ids!: number[];
}

export class DeletedQueriesDto {
  /** How many. */
  deleted!: number;
}
