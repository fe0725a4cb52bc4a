import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
} from 'class-validator';
import { MAX_ID, NO_NUL } from '#libs/platform/http/index';
import {
  ACCESS_MODES,
  type AccessMode,
  CONNECTION_TYPES,
  type ConnectionType,
  MASK_TYPES,
  type MaskType,
} from './connection.entity.js';

const nul = (each: boolean): PropertyDecorator =>
  Matches(NO_NUL, { each, message: '$property must not hold a NUL character' });

/** A list of texts. */
function Texts(most: number, length: number): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'string', isArray: true }),
    IsOptional(),
    // What is applied last is complained about first: the type.
    nul(true),
    MaxLength(length, { each: true }),
    IsString({ each: true }),
    ArrayMaxSize(most),
    IsArray(),
  );
}

function Text(length: number): PropertyDecorator {
  return applyDecorators(IsOptional(), nul(false), MaxLength(length), IsString());
}

const MODE = { enum: ACCESS_MODES };

/** What may be left out by everybody. */
class ConnectionFieldsDto {
  /**
   * Decides which command is run where none is given: postgres, mysql, sqlite, mssql, mongodb, oracledb, redis, bash, sh, python, node, ruby, perl, php.
   * @example "bash"
   */
  @Text(64)
  subtype?: string | null;

  /**
   * argv; what a session brings is appended. No shell, unless it is one.
   * @example ["/bin/bash"]
   */
  @Texts(256, 4_096)
  command?: string[] | null;

  /** The team whose it is, and on whose hosts alone it then runs; null: none. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_ID)
  team_id?: number | null;

  /**
   * `envvar:NAME` or `filesystem:NAME` → base64. Null removes one; what is left out, or given as `********`, stays.
   * A file's NAME becomes a variable that holds its path.
   */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string', nullable: true } })
  @IsOptional()
  @IsObject()
  secret?: Record<string, unknown> | null;

  @Text(254)
  resource_name?: string | null;

  @ApiPropertyOptional(MODE)
  @Text(20)
  access_mode_exec?: AccessMode | null;

  @ApiPropertyOptional(MODE)
  @Text(20)
  access_mode_connect?: AccessMode | null;

  @ApiPropertyOptional(MODE)
  @Text(20)
  access_mode_runbooks?: AccessMode | null;

  @ApiPropertyOptional(MODE)
  @Text(20)
  access_schema?: AccessMode | null;

  /** Who approves a session before it may run: e-mails of users, roles, names of teams. */
  @Texts(50, 255)
  reviewers?: string[] | null;

  /** How many approvals it takes; null: one of each reviewer. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  min_review_approvals?: number | null;

  /** Reviewers whose approval is enough by itself. */
  @Texts(50, 255)
  force_approve_groups?: string[] | null;

  /** Seconds. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  access_max_duration?: number | null;

  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean()
  redact_enabled?: boolean | null;

  /** hoop's names; EMAIL_ADDRESS and CREDIT_CARD are masked. */
  @Texts(100, 100)
  redact_types?: string[] | null;

  /** What is masked in output by its looks, beside the values of the secrets, which always are. */
  @ApiPropertyOptional({ enum: MASK_TYPES, isArray: true })
  @Texts(10, 20)
  mask_types?: MaskType[] | null;

  /** Ids of guard rails. */
  @Texts(100, 36)
  guardrail_rules?: string[] | null;

  /** Guard rails with one of them apply. */
  @Texts(50, 254)
  attributes?: string[] | null;

  /** At most 10. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsOptional()
  @IsObject()
  connection_tags?: Record<string, string> | null;

  @Texts(50, 254)
  tags?: string[] | null;

  /** A session has to bring these. */
  @Texts(20, 2_500)
  mandatory_metadata_fields?: string[] | null;

  /** Seconds that a session may run; 3600 unless said otherwise. */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt()
  timeout?: number | null;

  /** Bytes of a session's output that are kept; null: as the server's setting says. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt()
  output_cap_bytes?: number | null;

  /** What a session may append to the command, to the letter; null, or `*` among them: anything; an empty list: nothing. */
  @Texts(1_000, 4_096)
  allowed_client_args?: string[] | null;

  /** Names of variables that a session may bring; `*`: any. */
  @Texts(100, 128)
  allowed_env?: string[] | null;

  /**
   * Variables that are no secrets: shown, and not masked in output. A secret of the same name wins. Among the secrets too, what says where
   * something is and as whom (HOST, PORT, USER, DB… with values that look it) is not masked.
   */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsOptional()
  @IsObject()
  env?: Record<string, string> | null;
}

/** What is absent stays as it is. */
export class ModifyConnectionDto extends ConnectionFieldsDto {
  /** Cannot be changed. */
  @Text(1_000)
  name?: string | null;

  @ApiPropertyOptional({ enum: CONNECTION_TYPES })
  @Text(100)
  type?: ConnectionType | null;

  /** Where it runs: a host's uuid or hostname, a label (`key:value`), or a selector. */
  @Text(1_000)
  agent_id?: string | null;
}

class RequiredFieldsDto extends ConnectionFieldsDto {
  @ApiProperty({ enum: CONNECTION_TYPES })
  @IsString({ message: 'type is required' })
  @MaxLength(100)
  @Matches(NO_NUL)
  type!: ConnectionType;

  /** Where it runs: a host's uuid or hostname, a label (`key:value`), or a selector. */
  @IsString({ message: 'agent_id is required' })
  @MaxLength(1_000)
  @Matches(NO_NUL)
  agent_id!: string;
}

/** What is absent has its default; the team, and secrets that are left out, stay. */
export class ReplaceConnectionDto extends RequiredFieldsDto {
  /** Cannot be changed. */
  @Text(1_000)
  name?: string | null;
}

export class CreateConnectionDto extends RequiredFieldsDto {
  /** @example "bash-connection" */
  @IsString({ message: 'name is required' })
  @MaxLength(1_000)
  @Matches(NO_NUL)
  name!: string;
}

export class ConnectionSecretDto {
  /** @example "envvar:PGPASSWORD" */
  name!: string;
  updated_at!: string;
}

export class ConnectionDto {
  id!: string;
  name!: string;
  @ApiProperty({ enum: CONNECTION_TYPES })
  type!: ConnectionType;
  subtype!: string;
  resource_name!: string;
  /** What is run: its own, or that of the subtype. */
  command!: string[];
  agent_id!: string;
  /** Whether a host that it can run on is connected; null: not looked into, among many selectors. */
  @ApiProperty({ enum: ['online', 'offline'], nullable: true })
  status!: 'online' | 'offline' | null;
  @ApiProperty({ type: 'integer', nullable: true })
  team_id!: number | null;
  /** Names of the secrets; what they are is never shown. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string', enum: ['********'] } })
  secret!: Record<string, string>;
  /** When each of them was last set. */
  secrets!: ConnectionSecretDto[];
  @ApiProperty({ type: 'string', nullable: true })
  secrets_updated_at!: string | null;
  @ApiProperty(MODE)
  access_mode_exec!: AccessMode;
  @ApiProperty(MODE)
  access_mode_connect!: AccessMode;
  @ApiProperty(MODE)
  access_mode_runbooks!: AccessMode;
  @ApiProperty(MODE)
  access_schema!: AccessMode;
  reviewers!: string[];
  @ApiProperty({ type: 'integer', nullable: true })
  min_review_approvals!: number | null;
  force_approve_groups!: string[];
  @ApiProperty({ type: 'integer', nullable: true })
  access_max_duration!: number | null;
  redact_enabled!: boolean;
  redact_types!: string[];
  @ApiProperty({ enum: MASK_TYPES, isArray: true })
  mask_types!: MaskType[];
  guardrail_rules!: string[];
  attributes!: string[];
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  connection_tags!: Record<string, string>;
  tags!: string[];
  mandatory_metadata_fields!: string[];
  @ApiProperty({ type: 'integer' })
  timeout!: number;
  @ApiProperty({ type: 'integer', nullable: true })
  output_cap_bytes!: number | null;
  @ApiProperty({ type: 'string', isArray: true, nullable: true })
  allowed_client_args!: string[] | null;
  allowed_env!: string[];
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  env!: Record<string, string>;
  @ApiProperty({ type: 'string', nullable: true })
  managed_by!: string | null;
  created_at!: string;
  updated_at!: string;
}

export class PagesDto {
  @ApiProperty({ type: 'integer' })
  total!: number;
  @ApiProperty({ type: 'integer' })
  page!: number;
  @ApiProperty({ type: 'integer' })
  size!: number;
}

export class ConnectionPageDto {
  pages!: PagesDto;
  data!: ConnectionDto[];
}

export class ConnectionListQueryDto {
  /** As it was given. */
  @IsOptional()
  @IsString()
  agent_id?: string;

  @IsOptional()
  @IsString()
  type?: string;

  @IsOptional()
  @IsString()
  subtype?: string;

  /** @example "env=prod,tier!=test" */
  @IsOptional()
  @IsString()
  tag_selector?: string;

  /** Part of name, type, subtype or resource's name. */
  @IsOptional()
  @IsString()
  @MaxLength(255)
  search?: string;

  @IsOptional()
  @IsString()
  managed_by?: string;

  @IsOptional()
  @IsString()
  resource_name?: string;

  @IsOptional()
  @IsString()
  attribute?: string;

  /** Ids, with commas. */
  @IsOptional()
  @IsString()
  connection_ids?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, description: 'With it the answer is a page.' })
  @IsOptional()
  @IsString()
  page?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 100,
    description: '50 unless said otherwise.',
  })
  @IsOptional()
  @IsString()
  page_size?: string;
}

export class ConnectionTestDto {
  success!: boolean;
}
