import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, Matches } from 'class-validator';

/**
 * `pending`: connected, and has not answered yet. `offline`: not connected. The others are final: `error` holds SQLite's own
 * words, `killed` was stopped at a limit or because the campaign was cancelled, `denied` was refused by the agent.
 */
export const HOST_STATES = [
  'pending',
  'offline',
  'answered',
  'error',
  'killed',
  'timed_out',
  'denied',
] as const;
export type HostState = (typeof HOST_STATES)[number];

export class CampaignItemDto {
  id!: number;
  query_id!: number;
  /** null: the SQL was not saved. */
  query_name!: string | null;
  query!: string;
  aggregate!: string | null;
  /** E-mail of whoever asked. */
  requested_by!: string;
  @ApiProperty({ enum: ['waiting', 'running', 'complete'] })
  status!: 'waiting' | 'running' | 'complete';
  targets_count!: number;
  /** Results stored: the number of the last. */
  results_count!: number;
  created_at!: string;
  ended_at!: string | null;
  /** `answered`, `cancelled`, `abandoned` (nobody listened for a minute), `time_limit`. */
  @ApiProperty({ type: 'string', enum: ['answered', 'cancelled', 'abandoned', 'time_limit'], nullable: true })
  end_reason!: string | null;
  ended_by!: string | null;
}

/** Hosts by state; a state without hosts is left out. */
export class CampaignCountsDto implements Partial<Record<HostState, number>> {
  targeted!: number;
  pending?: number;
  offline?: number;
  answered?: number;
  error?: number;
  killed?: number;
  timed_out?: number;
  denied?: number;
}

export class CampaignDto extends CampaignItemDto {
  counts!: CampaignCountsDto;
}

export class CampaignListDto {
  campaigns!: CampaignItemDto[];
  /** For `before` of the next page; null on the last. */
  next!: number | null;
}

export class CampaignHostDto {
  id!: number;
  /** null: removed since. */
  hostname!: string | null;
  @ApiProperty({ enum: HOST_STATES })
  state!: HostState;
  /** Rows answered, also when there were to be more. */
  rows!: number;
}

export class CampaignHostsDto {
  hosts!: CampaignHostDto[];
}

export class CampaignResultDto {
  seq!: number;
  /** As the `result` event. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  data!: object;
}

export class CampaignResultsDto {
  results!: CampaignResultDto[];
  /** For `after` of the next page. */
  next!: number;
  /** Nothing comes after this page: the campaign is over and this is all. */
  done!: boolean;
}

export class CampaignListQueryDto {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 500, default: 50 })
  @IsOptional()
  @Matches(/^\d{1,6}$/, { message: 'limit must be a whole number' })
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', description: 'Only campaigns with a smaller id.' })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'before must be a whole number' })
  before?: string;
}

export class CampaignResultsQueryDto {
  @ApiPropertyOptional({ type: 'integer', description: 'Only results after this number.', default: 0 })
  @IsOptional()
  @Matches(/^\d{1,15}$/, { message: 'after must be a whole number' })
  after?: string;
}
