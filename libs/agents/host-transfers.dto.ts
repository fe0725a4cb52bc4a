import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { MAX_ID } from '#libs/platform/http/index';

const MAX_TRANSLATIONS = 5_000;
const TEAM_MESSAGE = { message: 'team_id must be the id of a team, or null for no team' };
const HOSTS_MESSAGE = 'hosts must be an array of host ids';

export class TransferHostsDto {
  /** Where to; null: to no team. */
  @ApiProperty({ type: 'integer', nullable: true, example: 1 })
  @ValidateIf((dto: TransferHostsDto) => dto.team_id !== null)
  @IsInt(TEAM_MESSAGE)
  @Min(0, TEAM_MESSAGE)
  @Max(MAX_ID, TEAM_MESSAGE)
  team_id!: number | null;

  /** Which hosts; all of them, or none when one of them cannot be moved. */
  @ApiProperty({ type: 'integer', isArray: true, example: [1, 2] })
  @IsArray({ message: HOSTS_MESSAGE })
  @IsInt({ each: true, message: HOSTS_MESSAGE })
  @Min(1, { each: true, message: HOSTS_MESSAGE })
  @Max(MAX_ID, { each: true, message: HOSTS_MESSAGE })
  hosts!: number[];
}

export class HostTransferFilterDto {
  /** What the list of hosts would find by this text. */
  @IsOptional()
  @IsString({ message: 'query must be a string' })
  query?: string | null;

  @ApiPropertyOptional({ enum: ['online', 'offline', ''] })
  @IsOptional()
  @IsIn(['online', 'offline', ''], { message: 'status must be online or offline' })
  status?: 'online' | 'offline' | '' | null;

  /** Hosts of this team; 0: of no team. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0 })
  @IsOptional()
  @IsInt({ message: 'team_id must be the id of a team, or 0 for hosts of no team' })
  @Min(0, { message: 'team_id must be the id of a team, or 0 for hosts of no team' })
  @Max(MAX_ID, { message: 'team_id must be the id of a team, or 0 for hosts of no team' })
  team_id?: number | null;

  /** Hosts in this label. */
  @ApiPropertyOptional({ type: 'integer', nullable: true })
  @IsOptional()
  @IsInt({ message: 'label_id must be the id of a label' })
  @Min(1, { message: 'label_id must be the id of a label' })
  @Max(MAX_ID, { message: 'label_id must be the id of a label' })
  label_id?: number | null;
}

export class TransferHostsByFilterDto {
  /** Where to; null: to no team. */
  @ApiProperty({ type: 'integer', nullable: true, example: 1 })
  @ValidateIf((dto: TransferHostsByFilterDto) => dto.team_id !== null)
  @IsInt(TEAM_MESSAGE)
  @Min(0, TEAM_MESSAGE)
  @Max(MAX_ID, TEAM_MESSAGE)
  team_id!: number | null;

  /** All hosts for which every condition holds; without a condition all hosts that the caller may list. */
  @IsObject({ message: 'filters must be an object' })
  @ValidateNested()
  @Type(() => HostTransferFilterDto)
  filters!: HostTransferFilterDto;
}

export class TranslationPayloadDto {
  /** A hostname, uuid, serial or id; a team's or label's name; a user's e-mail. */
  @IsString({ message: 'identifier must be a string' })
  identifier!: string;
}

export class TranslationDto {
  @ApiProperty({ enum: ['host', 'team', 'user', 'label'] })
  @IsString({ message: 'type must be a string' })
  type!: string;

  @IsObject({ message: 'payload must be an object' })
  @ValidateNested()
  @Type(() => TranslationPayloadDto)
  payload!: TranslationPayloadDto;
}

export class TranslateDto {
  @IsArray({ message: 'list must be an array' })
  @ArrayMaxSize(MAX_TRANSLATIONS, { message: `list must have at most ${MAX_TRANSLATIONS} elements` })
  @ValidateNested({ each: true })
  @Type(() => TranslationDto)
  list!: TranslationDto[];
}

export class TranslatedPayloadDto {
  identifier!: string;
  id!: number;
}

export class TranslatedDto {
  type!: string;
  payload!: TranslatedPayloadDto;
}

export class TranslateResponseDto {
  /** In the order of the request. */
  list!: TranslatedDto[];
}
