import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsOptional, IsString } from 'class-validator';
import { ReviewDto } from '../approvals/reviews.dto.js';
import { TARGET_STATES, type TargetState } from '../states.js';

export const SESSION_STATUSES = ['open', 'ready', 'done'] as const;
export type SessionStatus = (typeof SESSION_STATUSES)[number];

class SessionScriptDto {
  data!: string;
}

class MetricsDto {
  /** How often something in its output was masked, by kind: `secret`, `card`, `token`, `email`. */
  @ApiProperty({
    type: 'object',
    additionalProperties: { type: 'integer' },
    example: { secret: 2, email: 1 },
  })
  data_masking!: Record<string, number>;

  /** Bytes that it was given and wrote. */
  @ApiProperty({ type: 'integer' })
  event_size!: number;
}

/** hoop's Session, and what Muster knows beside. */
export class ExecSessionDto {
  /** Uuid; the execution's. */
  id!: string;
  org_id!: string;
  /** With `expand` only when `session_input` is among it. */
  script!: SessionScriptDto;
  @ApiProperty({ type: 'integer' })
  script_size!: number;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  labels!: Record<string, string>;
  @ApiProperty({ type: 'object', additionalProperties: true })
  integrations_metadata!: Record<string, unknown>;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  metadata!: Record<string, string>;
  metrics!: MetricsDto;
  /** E-mail of whoever asked for it. */
  user!: string;
  user_id!: string;
  user_name!: string;
  /** Of the connection. */
  type!: string;
  connection_subtype!: string;
  /** Its name. */
  connection!: string;
  resource_name!: string;
  role_name!: string;
  @ApiProperty({ type: 'object', additionalProperties: { type: 'string' } })
  connection_tags!: Record<string, string>;
  @ApiProperty({ type: () => ReviewDto, nullable: true })
  review!: ReviewDto | null;
  /** `exec`, or `test`. */
  verb!: string;
  /** `open`: it waits or runs; `ready`: approved and not run yet; `done`. */
  @ApiProperty({ enum: SESSION_STATUSES })
  status!: SessionStatus;
  /** null until it is done; then as in the answer to whoever ran it. */
  @ApiProperty({ type: 'integer', nullable: true })
  exit_code!: number | null;
  /** As asked for with `expand` and `event_stream`. */
  @ApiProperty({ type: 'array', items: {} })
  event_stream!: unknown[];
  /** More was written than `event_stream` holds; see `/result/stream`. */
  event_stream_truncated?: boolean;
  @ApiProperty({ type: 'integer' })
  event_size!: number;
  @ApiProperty({ type: 'string', nullable: true })
  session_batch_id!: string | null;
  @ApiProperty({ type: 'string', nullable: true })
  correlation_id!: string | null;
  start_date!: string;
  @ApiProperty({ type: 'string', nullable: true })
  end_date!: string | null;
  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  ai_analysis!: null;
  @ApiProperty({ type: 'array', items: { type: 'object', additionalProperties: true } })
  guardrails_info!: Record<string, unknown>[];
  @ApiProperty({ enum: ['user', 'machine'] })
  identity_type!: 'user' | 'machine';
  /** Id of the API token that was used; null: none. */
  @ApiProperty({ type: 'string', nullable: true })
  machine_identity_id!: string | null;

  /** What was appended to the connection's command. */
  client_args!: string[];
  /** Of the ledger. */
  @ApiProperty({ enum: TARGET_STATES })
  state!: TargetState;
  /** Why it ended so, for programs; null: by itself. */
  @ApiProperty({ type: 'string', nullable: true })
  reason!: string | null;
  /** The same for people; empty: by itself. */
  message!: string;
  /** Hostname of where it runs. */
  agent!: string;
  @ApiProperty({ type: 'integer', nullable: true })
  execution_time!: number | null;
  /** Seconds that it may run. */
  @ApiProperty({ type: 'integer' })
  timeout!: number;
  /** When its output was removed, because it was kept long enough; null: it is there. */
  @ApiProperty({ type: 'string', nullable: true })
  output_removed_at!: string | null;
}

/** How events are written into a text or a file. */
export class FileQueryDto {
  @ApiPropertyOptional({ enum: ['0', '1'], description: 'Each event on a line.' })
  @IsOptional()
  @IsString()
  newline?: string;

  @ApiPropertyOptional({ enum: ['0', '1'], description: 'Each event with its time before it.' })
  @IsOptional()
  @IsString()
  'event-time'?: string;

  @ApiPropertyOptional({
    description: 'Kinds of events with commas: i (input), o (output), e (closing words). Default: o,e.',
  })
  @IsOptional()
  @IsString()
  events?: string;
}

export class DownloadInputQueryDto {
  @ApiPropertyOptional({ description: 'Of the link; good once.' })
  @IsOptional()
  @IsString()
  token?: string;
}

export class DownloadQueryDto extends FileQueryDto {
  @ApiPropertyOptional({ description: 'Of the link; good once.' })
  @IsOptional()
  @IsString()
  token?: string;

  @ApiPropertyOptional({ description: 'csv: tabs become commas; json: events; txt: the bytes as they are.' })
  @IsOptional()
  @IsString()
  extension?: string;
}

export class SessionQueryDto extends FileQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 300,
    description: 'Seconds to wait for the end.',
  })
  @IsOptional()
  @IsString()
  wait?: string;

  @ApiPropertyOptional({ description: '`event_stream`, `session_input`, with commas.' })
  @IsOptional()
  @IsString()
  expand?: string;

  @ApiPropertyOptional({
    enum: ['utf8', 'base64'],
    description: 'All output in one piece; otherwise `[seconds, "i"|"o"|"e", base64]` for each event.',
  })
  @IsOptional()
  @IsString()
  event_stream?: string;

  @ApiPropertyOptional({
    description: 'Answer with a link to a file instead: `csv`, `json`, or whatever it is to end with.',
  })
  @IsOptional()
  @IsString()
  extension?: string;

  @ApiPropertyOptional({
    enum: ['session_input'],
    description: 'With `extension`: a link to the script instead.',
  })
  @IsOptional()
  @IsString()
  'blob-type'?: string;
}

export class SessionStreamQueryDto {
  @ApiPropertyOptional({ type: 'integer', description: 'As `Last-Event-ID`.' })
  @IsOptional()
  @IsString()
  after?: string;
}

/** Instead of a session, when a link was asked for. */
export class DownloadLinkDto {
  /** Good for five minutes, once. */
  download_url!: string;
  expire_at!: string;
}

export class SessionListQueryDto {
  @ApiPropertyOptional({ description: 'E-mail or id of whoever asked for it.' })
  @IsOptional()
  @IsString()
  user?: string;

  /** Name of the connection. */
  @IsOptional()
  @IsString()
  connection?: string;

  /** Type of the connection. */
  @IsOptional()
  @IsString()
  type?: string;

  @IsOptional()
  @IsString()
  'review.status'?: string;

  @IsOptional()
  @IsString()
  'review.approver'?: string;

  /** Some of them, with commas. */
  @IsOptional()
  @IsString()
  batch_id?: string;

  @IsOptional()
  @IsString()
  correlation_id?: string;

  /** Nothing has one. */
  @IsOptional()
  @IsString()
  jira_issue_key?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Not older (RFC 3339).' })
  @IsOptional()
  @IsString()
  start_date?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Not newer (RFC 3339).' })
  @IsOptional()
  @IsString()
  end_date?: string;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: 100,
    default: 20,
    description: 'More than 100 is 100.',
  })
  @IsOptional()
  @IsString()
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 10000, default: 0 })
  @IsOptional()
  @IsString()
  offset?: string;

  @ApiPropertyOptional({
    enum: ['capped', 'exact', 'none'],
    default: 'capped',
    description: 'How `total` is counted: up to 10,000, to the end, or not at all.',
  })
  @IsOptional()
  @IsString()
  count?: string;
}

export class ExecSessionListDto {
  @ApiProperty({ type: [ExecSessionDto] })
  data!: ExecSessionDto[];
  /** null: it was not counted. */
  @ApiProperty({ type: 'integer', nullable: true })
  total!: number | null;
  /** There are more than `total`. */
  total_is_capped!: boolean;
  has_next_page!: boolean;
}
