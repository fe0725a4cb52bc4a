import { IsInt, IsOptional, Max, Min } from 'class-validator';
import { OptionalBody } from '#libs/platform/http/index';

/** A day: long enough to install a machine anew. */
export const DEFAULT_REENROLMENT_SECONDS = 86_400;

@OptionalBody()
export class AllowReenrolmentDto {
  /** Seconds, a minute to 30 days; a day unless said otherwise. */
  @IsOptional()
  @IsInt({ message: 'expires_in must be an integer (seconds)' })
  @Min(60, { message: 'expires_in must be at least 60 seconds' })
  @Max(2_592_000, { message: 'expires_in must be at most 2592000 seconds (30 days)' })
  expires_in?: number;
}

export class ReenrolmentDto {
  host_id!: number;
  expires_at!: string;
}
