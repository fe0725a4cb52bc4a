import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
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
} from 'class-validator';
import { MAX_ID } from '#libs/platform/http/index';
import { Limits } from '#libs/protocol/index';

const MAX_HOSTS = 100_000;
const HOSTS_MESSAGE = 'hosts must be an array of hostnames, serials or uuids';
const IDS_MESSAGE = 'host_ids must be an array of host ids';

export class LabelDto {
  created_at!: string;
  updated_at!: string;
  id!: number;
  /** @example "All Linux" */
  name!: string;
  description!: string;
  /** SQL; a host that answers it with a row is in the label. Empty for manual labels. */
  query!: string;
  /** Only hosts of this platform are asked; empty: all. */
  platform!: string;
  @ApiProperty({ enum: ['regular', 'builtin'] })
  label_type!: 'regular' | 'builtin';
  @ApiProperty({ enum: ['dynamic', 'manual'] })
  label_membership_type!: 'dynamic' | 'manual';
  display_text!: string;
}

export class LabelCountDto extends LabelDto {
  /** Hosts in it that the caller may see. */
  count!: number;
  /** The same. */
  host_count!: number;
  /** The same. */
  hosts_count!: number;
}

export class LabelListDto {
  labels!: LabelCountDto[];
}

export class LabelResponseDto {
  label!: LabelCountDto;
}

export class LabelSummaryDto {
  id!: number;
  name!: string;
  description!: string;
  @ApiProperty({ enum: ['regular', 'builtin'] })
  label_type!: 'regular' | 'builtin';
}

export class LabelSummariesDto {
  labels!: LabelSummaryDto[];
}

export class CreateLabelDto {
  /** Required; unique whatever the case. */
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

  /** SQL that decides which hosts are in it. Without it the label is manual. */
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  @MaxLength(Limits.querySql)
  @Matches(/^[^\0]*$/, { message: 'query must not contain a NUL character' })
  query?: string | null;

  /** Only hosts of this platform are asked. */
  @IsOptional()
  @IsString({ message: 'platform must be a string' })
  @MaxLength(255)
  @Matches(/^[^\0]*$/, { message: 'platform must not contain a NUL character' })
  platform?: string | null;

  /** For a manual label: hostnames, hardware serials or uuids; what no host bears is passed over. */
  @ApiPropertyOptional({ type: 'string', isArray: true, nullable: true })
  @IsOptional()
  @IsArray({ message: HOSTS_MESSAGE })
  @ArrayMaxSize(MAX_HOSTS, { message: `hosts must have at most ${MAX_HOSTS} elements` })
  @IsString({ each: true, message: HOSTS_MESSAGE })
  @Matches(/^[^\0]*$/, { each: true, message: 'hosts must not contain a NUL character' })
  hosts?: string[] | null;

  /** For a manual label: ids of hosts, beside `hosts`. */
  @ApiPropertyOptional({ type: 'integer', isArray: true, nullable: true })
  @IsOptional()
  @IsArray({ message: IDS_MESSAGE })
  @ArrayMaxSize(MAX_HOSTS, { message: `host_ids must have at most ${MAX_HOSTS} elements` })
  @IsInt({ each: true, message: IDS_MESSAGE })
  @Min(1, { each: true, message: IDS_MESSAGE })
  @Max(MAX_ID, { each: true, message: IDS_MESSAGE })
  host_ids?: number[] | null;
}

/** What is absent stays as it is; `hosts` and `host_ids` together replace all members of a manual label. */
export class ModifyLabelDto extends CreateLabelDto {}
