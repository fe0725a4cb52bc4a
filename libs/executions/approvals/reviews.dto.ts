import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';
import { NO_NUL } from '#libs/platform/http/index';
import { REVIEW_STATUSES, type ReviewStatus } from './review.entity.js';

export class ReviewListQueryDto {
  @ApiPropertyOptional({ enum: REVIEW_STATUSES })
  @IsOptional()
  @IsIn(REVIEW_STATUSES, { message: `status must be one of ${REVIEW_STATUSES.join(', ')}` })
  status?: ReviewStatus;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'limit must be a whole number' })
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 10_000, default: 0 })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'offset must be a whole number' })
  offset?: string;
}

/** As hoop has it: between two times of every day, in UTC. */
export class TimeWindowDto {
  @ApiProperty({ enum: ['time_range'] })
  type!: 'time_range';

  /** @example { "start_time": "22:00", "end_time": "04:00" } */
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  configuration!: { start_time: string; end_time: string };
}

export class DecideReviewDto {
  @ApiProperty({ enum: ['APPROVED', 'REJECTED', 'REVOKED'] })
  @Matches(/^(APPROVED|REJECTED|REVOKED)$/i, { message: 'status must be APPROVED, REJECTED or REVOKED' })
  status!: string;

  /** With an approval: when it may run. */
  @ApiPropertyOptional({ type: () => TimeWindowDto })
  @IsOptional()
  @IsObject()
  time_window?: TimeWindowDto | null;

  /** The approval is to be enough by itself; refused when it is not. */
  @ApiPropertyOptional({ type: 'boolean' })
  @IsOptional()
  @IsBoolean()
  force_review?: boolean | null;

  /** Why it is rejected or revoked. */
  @IsOptional()
  @IsString()
  @MaxLength(4_096)
  @Matches(NO_NUL)
  rejection_reason?: string | null;

  /** The digest of what was looked at: when the review is about something else, nothing is decided. */
  @IsOptional()
  @Matches(/^[0-9a-f]{64}$/i, { message: 'digest must be the 64 hexadecimal digits of a SHA-256' })
  digest?: string | null;

  /** With an approval: what the reviewer has signed, for hosts that run nothing else; see `GET /api/reviews/{review_id}/statement`. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

/** A host by the names that statements know it by. */
export class StatedHostDto {
  @ApiProperty({ format: 'uuid' })
  uuid!: string;
  hostname!: string;
}

/** All of what would run, as far as a statement speaks of it; bytes as base64. */
export class ReviewStatementDto {
  @ApiProperty({ enum: ['script', 'command', 'shell', 'exec_session'] })
  kind!: string;
  /** A script, or the JSON of argv or of a shell's line. */
  content!: string;
  arguments!: string[];
  @ApiProperty({ type: String, nullable: true })
  stdin!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  env!: Record<string, string>;
  @ApiProperty({ type: String, nullable: true })
  cwd!: string | null;
  /** null: the agent's own account. */
  @ApiProperty({ type: String, nullable: true })
  user!: string | null;
  clean_env!: boolean;
  @ApiProperty({ enum: ['serial', 'parallel'] })
  lane!: string;
  timeout_seconds!: number;
  /** All that it is for. */
  @ApiProperty({ type: () => StatedHostDto, isArray: true })
  hosts!: StatedHostDto[];
  /** What has been signed: a reviewer's signature goes under the same text. null: nothing has. */
  @ApiProperty({ type: () => SignedStatementDto, nullable: true })
  statement!: SignedStatementDto | null;
}

export class ReviewPersonDto {
  /** User id; absent when the user is gone. */
  id?: string;
  name?: string;
  email!: string;
}

export class ReviewConnectionDto {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  name!: string;
}

export class ReviewGroupDto {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  /** E-mail of a user, a role, or the name of a team. */
  group!: string;
  @ApiProperty({ enum: ['PENDING', 'APPROVED', 'REJECTED'] })
  status!: 'PENDING' | 'APPROVED' | 'REJECTED';
  @ApiProperty({ type: () => ReviewPersonDto, nullable: true })
  reviewed_by!: ReviewPersonDto | null;
  @ApiProperty({ format: 'date-time', nullable: true })
  review_date!: string | null;
  /** The approval was enough by itself. */
  forced_review!: boolean;
}

export class ReviewRequirementDto {
  /** What demands it: a connection, or a policy. */
  source!: string;
  reviewers!: string[];
  /** So many people. */
  min_approvals!: number;
  /** So many have approved. */
  approvals!: number;
  met!: boolean;
}

/** What would run, as reviewers see it. */
export class ReviewInputDto {
  /** Script, stdin of a session, or command line; the first MiB. */
  text!: string;
  truncated!: boolean;
  /** Arguments; of a command all of argv. */
  arguments!: string[];
  env!: Record<string, string>;
  /** What a command gets as stdin; absent: nothing. */
  stdin?: string;
  user?: string;
  cwd?: string;
  /** The hosts, as they were asked for. */
  target?: string;
  /** Some of the hosts. */
  hostnames!: string[];
}

export class ReviewDto {
  @ApiProperty({ format: 'uuid' })
  id!: string;
  /** The exec session, or another execution. */
  @ApiProperty({ format: 'uuid' })
  session!: string;
  @ApiProperty({ enum: ['onetime'] })
  type!: 'onetime';
  @ApiProperty({ enum: ['script', 'command', 'shell', 'exec_session', 'instance'] })
  kind!: string;
  @ApiProperty({ enum: [0], description: 'An approval is for one run.' })
  access_duration!: 0;
  @ApiProperty({ enum: REVIEW_STATUSES })
  status!: ReviewStatus;
  /** SHA-256 of everything that would run; approvals are bound to it. */
  digest!: string;
  hosts!: number;
  @ApiProperty({ format: 'date-time' })
  created_at!: string;
  /** Until then it can be decided. */
  @ApiProperty({ format: 'date-time' })
  expires_at!: string;
  /** When it was revoked. */
  @ApiProperty({ format: 'date-time', nullable: true })
  revoke_at!: string | null;
  /** Why it was rejected or revoked. */
  @ApiProperty({ type: 'string', nullable: true })
  rejection_reason!: string | null;
  /** When it may run; where approvals name several windows, all have to be open. */
  @ApiProperty({ type: () => TimeWindowDto, nullable: true })
  time_window!: TimeWindowDto | null;
  @ApiProperty({ type: () => ReviewPersonDto })
  review_owner!: ReviewPersonDto;
  @ApiProperty({ type: () => ReviewConnectionDto, nullable: true })
  review_connection!: ReviewConnectionDto | null;
  @ApiProperty({ type: () => ReviewGroupDto, isArray: true })
  review_groups_data!: ReviewGroupDto[];
  @ApiProperty({ type: () => ReviewRequirementDto, isArray: true })
  requirements!: ReviewRequirementDto[];
}

export class ReviewDetailDto extends ReviewDto {
  @ApiProperty({ type: () => ReviewInputDto })
  input!: ReviewInputDto;
  /** Whether the caller is among those who may approve it now. */
  may_decide!: boolean;
}
