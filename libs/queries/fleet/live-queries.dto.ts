import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsInt,
  IsOptional,
  IsString,
  Max,
  MaxLength,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';
import { Limits } from '#libs/protocol/index';

const MOST = 1_000_000;

const listOf =
  (type: 'integer' | 'string', isItem: typeof IsInt) =>
  (name: string): PropertyDecorator => {
    const message = `${name} must be an array of ${type}s`;
    return (target, key) => {
      ApiPropertyOptional({ type: 'array', items: { type } })(target, key);
      IsOptional()(target, key);
      isItem({ each: true, message })(target, key);
      ArrayMaxSize(MOST, { message: `${name} has too many elements` })(target, key);
      IsArray({ message })(target, key);
    };
  };
const Ids = listOf('integer', IsInt);
const Names = listOf('string', IsString);

/** A host is meant when it is named, or when it fits every group of labels and teams that is given. */
export class SelectedDto {
  @Ids('selected.hosts')
  hosts?: number[] | null;

  @Ids('selected.labels')
  labels?: number[] | null;

  /** 0: of no team. */
  @Ids('selected.teams')
  teams?: number[] | null;
}

/** As `selected` by ids. */
export class SelectedNamesDto {
  /** Hostnames, uuids, hardware serials or ids; unknown ones are left out. */
  @Names('selected.hosts')
  hosts?: string[] | null;

  @Names('selected.labels')
  labels?: string[] | null;

  @Names('selected.teams')
  teams?: string[] | null;
}

/** Bounds of one live query. */
export class CampaignLimitsDto {
  /** Seconds that it stays open; hosts that come back within it still answer. Default: a day. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 86_400, default: 86_400 })
  @IsOptional()
  @IsInt({ message: 'limits.open_seconds must be an integer' })
  @Min(1, { message: 'limits.open_seconds must be at least 1' })
  @Max(86_400, { message: 'limits.open_seconds must be at most 86400' })
  open_seconds?: number;

  /** Seconds that the query may take on a host. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 3_600, default: 60 })
  @IsOptional()
  @IsInt({ message: 'limits.host_seconds must be an integer' })
  @Min(1, { message: 'limits.host_seconds must be at least 1' })
  @Max(3_600, { message: 'limits.host_seconds must be at most 3600' })
  host_seconds?: number;

  /** Rows that a host may answer; when there are more the query is stopped there, and says so. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100_000, default: 100_000 })
  @IsOptional()
  @IsInt({ message: 'limits.host_rows must be an integer' })
  @Min(1, { message: 'limits.host_rows must be at least 1' })
  @Max(100_000, { message: 'limits.host_rows must be at most 100000' })
  host_rows?: number;

  /** Refused when more hosts than this are targeted. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @IsInt({ message: 'limits.hosts must be an integer' })
  @Min(1, { message: 'limits.hosts must be at least 1' })
  hosts?: number;
}

class QuestionDto {
  /** New SQL. */
  @ApiPropertyOptional({ type: 'string', example: 'select name, version from os_version' })
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  @MaxLength(Limits.querySql, { message: `query must have at most ${Limits.querySql} characters` })
  query?: string | null;

  /** A saved query; then `query` is not looked at. */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt({ message: 'query_id must be an integer' })
  query_id?: number | null;

  /** SQL over all answers so far, as a table `results`; its result is streamed while they arrive. */
  @ApiPropertyOptional({
    type: 'string',
    example: 'select version, count(*) n from results group by version order by n desc',
  })
  @IsOptional()
  @IsString({ message: 'aggregate must be a string' })
  @MaxLength(Limits.querySql, { message: `aggregate must have at most ${Limits.querySql} characters` })
  aggregate?: string | null;

  @ApiPropertyOptional({ type: CampaignLimitsDto })
  @IsOptional()
  @ValidateIf(({ limits }: QuestionDto) => limits !== null)
  @ValidateNested({ message: 'limits must be an object' })
  @Type(() => CampaignLimitsDto)
  limits?: CampaignLimitsDto | null;

  /** What people have signed of this request, for hosts that answer nothing else. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

export class RunQueryDto extends QuestionDto {
  @ApiPropertyOptional({ type: SelectedDto })
  @IsOptional()
  @ValidateIf(({ selected }: RunQueryDto) => selected !== null)
  @ValidateNested({ message: 'selected must be an object' })
  @Type(() => SelectedDto)
  selected?: SelectedDto | null;
}

export class RunQueryByNamesDto extends QuestionDto {
  @ApiPropertyOptional({ type: SelectedNamesDto })
  @IsOptional()
  @ValidateIf(({ selected }: RunQueryByNamesDto) => selected !== null)
  @ValidateNested({ message: 'selected must be an object' })
  @Type(() => SelectedNamesDto)
  selected?: SelectedNamesDto | null;
}

export class CampaignMetricsDto {
  TotalHosts!: number;
  OnlineHosts!: number;
  OfflineHosts!: number;
  /** Not seen for thirty days. */
  MissingInActionHosts!: number;
  /** Enrolled within a day. */
  NewHosts!: number;
}

/** Fleet's campaign object (`reference/fleet.md`, 6.2). */
export class FleetCampaignDto {
  /** Always the zero time, as Fleet answers. */
  created_at!: string;
  updated_at!: string;
  Metrics!: CampaignMetricsDto;
  id!: number;
  query_id!: number;
  /** 0 waiting, 1 running, 2 complete. */
  status!: number;
  user_id!: number;
}

export class RunQueryResponseDto {
  campaign!: FleetCampaignDto;
}
