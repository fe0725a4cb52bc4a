import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { MAX_ID, NO_NUL } from '#libs/platform/http/index';
import { Limits } from '#libs/protocol/index';

const MAX_IDS = 10_000;
const MAX_LABELS = 1_000;
const IDS_MESSAGE = 'ids must be an array of policy ids';
const labelsMessage = (name: string): string => `${name} must be an array of names of labels`;

export class PolicyLabelDto {
  id!: number;
  name!: string;
}

export class PolicyDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  name!: string;
  /** SQL: a host that answers it with a row passes. */
  query!: string;
  description!: string;
  resolution!: string;
  /** Empty: every platform. */
  platform!: string;
  critical!: boolean;
  /** null: about all hosts; 0: about those of no team. */
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  /** null: the account is gone. */
  @ApiProperty({ type: 'integer', nullable: true })
  author_id!: number | null;
  author_name!: string;
  author_email!: string;
  calendar_events_enabled!: boolean;
  conditional_access_enabled!: boolean;
  labels_include_any!: PolicyLabelDto[];
  labels_exclude_any!: PolicyLabelDto[];
  /** Hosts that the caller may see. */
  passing_host_count!: number;
  failing_host_count!: number;
  host_count_updated_at!: string;
}

export class PolicyListDto {
  policies!: PolicyDto[];
}

export class TeamPolicyListDto extends PolicyListDto {
  /** Those about all hosts, counted for this team's. */
  inherited_policies!: PolicyDto[];
}

export class PolicyResponseDto {
  policy!: PolicyDto;
}

export class CreatePolicyDto {
  /** Required; unique within the team, whatever the case. */
  @IsOptional()
  @IsString({ message: 'name must be a string' })
  @MaxLength(255)
  @Matches(NO_NUL, { message: 'name must not contain a NUL character' })
  name?: string | null;

  /** Required: SQL. */
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  @MaxLength(Limits.querySql)
  @Matches(NO_NUL, { message: 'query must not contain a NUL character' })
  query?: string | null;

  @IsOptional()
  @IsString({ message: 'description must be a string' })
  @MaxLength(65_535)
  @Matches(NO_NUL, { message: 'description must not contain a NUL character' })
  description?: string | null;

  @IsOptional()
  @IsString({ message: 'resolution must be a string' })
  @MaxLength(65_535)
  @Matches(NO_NUL, { message: 'resolution must not contain a NUL character' })
  resolution?: string | null;

  /** `darwin`, `linux`, `windows`, `chrome`, or several of them with commas; empty: every platform. */
  @IsOptional()
  @IsString({ message: 'platform must be a string' })
  @MaxLength(255)
  platform?: string | null;

  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean({ message: 'critical must be true or false' })
  critical?: boolean | null;

  /** Names of labels: only hosts of one of them. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray({ message: labelsMessage('labels_include_any') })
  @ArrayMaxSize(MAX_LABELS)
  @IsString({ each: true, message: labelsMessage('labels_include_any') })
  labels_include_any?: string[] | null;

  /** Names of labels: only hosts of none of them. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray({ message: labelsMessage('labels_exclude_any') })
  @ArrayMaxSize(MAX_LABELS)
  @IsString({ each: true, message: labelsMessage('labels_exclude_any') })
  labels_exclude_any?: string[] | null;
}

/** What is absent stays as it is. */
export class ModifyPolicyDto extends CreatePolicyDto {}

export class DeletePoliciesDto {
  /** All of them are deleted, or none. */
  @ApiProperty({ type: 'integer', isArray: true, example: [1, 2] })
  @IsArray({ message: IDS_MESSAGE })
  @ArrayMaxSize(MAX_IDS, { message: `ids must have at most ${MAX_IDS} elements` })
  @IsInt({ each: true, message: IDS_MESSAGE })
  @Min(1, { each: true, message: IDS_MESSAGE })
  @Max(MAX_ID, { each: true, message: IDS_MESSAGE })
  ids!: number[];
}

export class DeletedPoliciesDto {
  /** Their ids. */
  @ApiProperty({ type: 'integer', isArray: true })
  deleted!: number[];
}
