import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
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
  ValidateNested,
} from 'class-validator';
import { MAX_ID, NO_NUL } from '#libs/platform/http/index';
import { POLICY_KINDS, type PolicyKind } from './policy-conditions.js';

const MAX_WAIT_SECONDS = 30 * 24 * 60 * 60;

/** Holds when everything in it does. */
export class PolicyConditionDto {
  @ApiPropertyOptional({ enum: POLICY_KINDS, isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(POLICY_KINDS.length)
  @IsIn(POLICY_KINDS, { each: true })
  kinds?: PolicyKind[] | null;

  /**
   * More hosts than this would run it.
   * @example 50
   */
  @ApiPropertyOptional({ type: 'integer', minimum: 0 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_ID)
  more_than_hosts?: number | null;

  /**
   * One of the hosts is in one of these labels: agents' own as `key:value` (`env:prod` also reaches `env:prod.eu`), others by name.
   * @example ["env:prod"]
   */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(512, { each: true })
  @Matches(NO_NUL, { each: true })
  labels?: string[] | null;

  /** True: it runs as root, or as whoever the agent runs as; false: as another account. */
  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean()
  run_as_root?: boolean | null;
}

export class ApprovalPolicyBodyDto {
  /** @example "two people for production" */
  @IsString({ message: 'name is required' })
  @MaxLength(254)
  @Matches(NO_NUL)
  name!: string;

  @IsOptional()
  @IsString()
  @MaxLength(4_096)
  @Matches(NO_NUL)
  description?: string | null;

  /** Default true. */
  @ApiPropertyOptional({ type: 'boolean', default: true })
  @IsOptional()
  @IsBoolean()
  enabled?: boolean | null;

  /** It looks at hosts of this team alone; null: at all hosts. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  team_id?: number | null;

  /** One of them is enough; none: everything has to be approved. */
  @ApiPropertyOptional({ type: () => PolicyConditionDto, isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @ValidateNested({ each: true })
  @Type(() => PolicyConditionDto)
  conditions?: PolicyConditionDto[] | null;

  /**
   * Who may approve: e-mails of users, roles, names of teams.
   * @example ["admin", "Security"]
   */
  @ApiProperty({ type: 'string', isArray: true })
  @IsArray({ message: 'reviewers is required: e-mails, roles, names of teams' })
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(254, { each: true })
  @Matches(NO_NUL, { each: true })
  reviewers!: string[];

  /** So many people have to approve, each for another of the reviewers as far as there are several. Default 1. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100, default: 1 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(100)
  min_approvals?: number | null;

  /** Those among the reviewers whose approval is enough by itself. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(100)
  @IsString({ each: true })
  @MaxLength(254, { each: true })
  @Matches(NO_NUL, { each: true })
  force_approve_groups?: string[] | null;

  /** Seconds that a request waits for its approvals. Default: a day. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_WAIT_SECONDS, default: 86_400 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_WAIT_SECONDS)
  expires_in?: number | null;
}

export class ApprovalPolicyDto {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  name!: string;
  description!: string;
  enabled!: boolean;
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  @ApiProperty({ type: () => PolicyConditionDto, isArray: true })
  conditions!: PolicyConditionDto[];
  reviewers!: string[];
  min_approvals!: number;
  force_approve_groups!: string[];
  expires_in!: number;
  @ApiProperty({ format: 'date-time' })
  created_at!: string;
  @ApiProperty({ format: 'date-time' })
  updated_at!: string;
}

export class ApprovalPolicyListDto {
  approval_policies!: ApprovalPolicyDto[];
}
