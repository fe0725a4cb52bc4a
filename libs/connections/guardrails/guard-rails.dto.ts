import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
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
import { RULE_TYPES, type RuleType } from './rule.js';

const MAX_RULES = 100;
/** As much as a body can hold. */
const MAX_TEXT = 8 * 1024 * 1024;

export class GuardRailRuleDto {
  @ApiProperty({ enum: RULE_TYPES })
  @IsOptional()
  @IsString()
  type!: RuleType;

  /** Of `deny_words_list`: none may occur; case counts. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @IsString({ each: true })
  @Matches(NO_NUL, { each: true })
  words?: string[] | null;

  /**
   * Of `pattern_match`: what it matches may not occur; RE2's syntax.
   * @example "(?i)drop\\s+table"
   */
  @IsOptional()
  @IsString()
  @Matches(NO_NUL)
  pattern_regex?: string | null;

  /** What whoever is stopped is told. */
  @IsOptional()
  @IsString()
  @Matches(NO_NUL)
  message?: string | null;
}

export class GuardRailRulesDto {
  @ApiProperty({ type: () => GuardRailRuleDto, isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(MAX_RULES)
  @ValidateNested({ each: true })
  @Type(() => GuardRailRuleDto)
  rules!: GuardRailRuleDto[];
}

export class GuardRailBodyDto {
  /** @example "no-drops" */
  @IsString({ message: 'name is required' })
  @MaxLength(254)
  @Matches(NO_NUL)
  name!: string;

  @IsOptional()
  @IsString()
  @MaxLength(4_096)
  @Matches(NO_NUL)
  description?: string | null;

  /** The team whose it is; null: none. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  team_id?: number | null;

  /** About the script and the arguments, before anything starts. */
  @ApiPropertyOptional({ type: () => GuardRailRulesDto })
  @IsOptional()
  @ValidateNested()
  @Type(() => GuardRailRulesDto)
  input?: GuardRailRulesDto | null;

  /** About the output, while it comes. */
  @ApiPropertyOptional({ type: () => GuardRailRulesDto })
  @IsOptional()
  @ValidateNested()
  @Type(() => GuardRailRulesDto)
  output?: GuardRailRulesDto | null;

  /** Ids of the connections that have it; left out: they stay. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(10_000)
  @IsString({ each: true })
  @MaxLength(36, { each: true })
  connection_ids?: string[] | null;

  /** Connections with one of these attributes have it, too. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(50)
  @IsString({ each: true })
  @MaxLength(254, { each: true })
  @Matches(NO_NUL, { each: true })
  attributes?: string[] | null;
}

export class StoredRuleDto {
  @ApiProperty({ enum: RULE_TYPES })
  type!: RuleType;
  words!: string[];
  pattern_regex!: string;
  message!: string;
}

export class StoredRulesDto {
  rules!: StoredRuleDto[];
}

export class GuardRailDto {
  id!: string;
  name!: string;
  description!: string;
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  input!: StoredRulesDto;
  output!: StoredRulesDto;
  /** Those of them that the caller may read. */
  connection_ids!: string[];
  attributes!: string[];
  created_at!: string;
  updated_at!: string;
}

export class TestGuardRailsDto {
  /** What a session would send. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  stdin?: string | null;

  /** What it would append to the command. */
  @ApiPropertyOptional({ type: 'string', isArray: true })
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(1_000)
  @IsString({ each: true })
  args?: string[] | null;

  /** What it would print. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_TEXT)
  output?: string | null;
}

export class ViolationDto {
  /** @example "no-drops, input rule 1" */
  rule!: string;
  message!: string;
  @ApiProperty({ enum: ['stdin', 'args', 'output'] })
  where!: 'stdin' | 'args' | 'output';
  /** Of `args`: which argument, from 1. */
  @ApiPropertyOptional({ type: 'integer' })
  argument?: number;
  /** From 1. */
  @ApiPropertyOptional({ type: 'integer' })
  line?: number;
  /** Characters from 1. */
  @ApiPropertyOptional({ type: 'integer' })
  column?: number;
}

export class TestedGuardRailsDto {
  blocked!: boolean;
  /** What stops the session before it starts. */
  @ApiProperty({ type: ViolationDto, nullable: true })
  input!: ViolationDto | null;
  /** What ends it while it runs. */
  @ApiProperty({ type: ViolationDto, nullable: true })
  output!: ViolationDto | null;
}
