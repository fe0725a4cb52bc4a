import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString } from 'class-validator';

export class HoopAgentMetadataDto {
  hostname!: string;
  'machine-id'!: string;
  'kernel-version'!: string;
  /** The agent's. */
  version!: string;
  /** @example "linux/amd64" */
  platform!: string;
}

/** A host as hoop's clients know agents. */
export class HoopAgentDto {
  /** The host's uuid. */
  id!: string;
  /** Its hostname; two may share it. */
  name!: string;
  @ApiProperty({ enum: ['standard'] })
  mode!: 'standard';
  @ApiProperty({ enum: ['CONNECTED', 'DISCONNECTED'] })
  status!: 'CONNECTED' | 'DISCONNECTED';
  /** Never shown: always empty. */
  token!: string;
  metadata!: HoopAgentMetadataDto;
  /** The agent's own; connections may name one as `key:value`. */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels!: Record<string, string>;
}

export class HoopAgentListQueryDto {
  @ApiPropertyOptional({ enum: ['CONNECTED', 'DISCONNECTED'], description: 'Any case.' })
  @IsOptional()
  @IsString()
  status?: string;
}
