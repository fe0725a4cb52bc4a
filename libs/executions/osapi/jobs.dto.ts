import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsOptional, IsString, Matches, MinLength } from 'class-validator';
import { OptionalBody } from '#libs/platform/http/index';

/** osapi's five, and what its list leaves out: nothing ran, because it was cancelled before. */
export const JOB_STATUSES = [
  'submitted',
  'processing',
  'completed',
  'failed',
  'partial_failure',
  'skipped',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];

export class JobListQueryDto {
  @ApiPropertyOptional({ enum: JOB_STATUSES })
  @IsOptional()
  @IsIn(JOB_STATUSES, { message: `status must be one of ${JOB_STATUSES.join(', ')}` })
  status?: JobStatus;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 100, default: 10 })
  @IsOptional()
  @Matches(/^([1-9]\d?|100)$/, { message: 'limit must be a whole number from 1 to 100' })
  limit?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, default: 0 })
  @IsOptional()
  @Matches(/^\d{1,9}$/, { message: 'offset must be a whole number from 0 on' })
  offset?: string;
}

/** May be left out altogether. */
@OptionalBody()
export class RetryJobDto {
  /** Where to run it; default: the job's own target. */
  @ApiPropertyOptional({ type: 'string', example: 'web-01' })
  @IsOptional()
  @IsString({ message: 'target_hostname must be a string' })
  @MinLength(1, { message: 'target_hostname must not be empty' })
  target_hostname?: string | null;

  /** Only on hosts where it did not end with exit code 0. */
  @ApiPropertyOptional({ type: 'boolean', default: false })
  @IsOptional()
  @IsBoolean({ message: 'failed_only must be true or false' })
  failed_only?: boolean | null;
}

export class JobRetriedDto {
  /** The new job. */
  job_id!: string;
  /** @example created */
  status!: string;
  /** Counts up over all jobs. */
  revision!: number;
  timestamp!: string;
}

/** What was asked for; neither its environment nor its standard input, which may hold secrets. */
export class JobOperationDataDto {
  /** The program, or the line for the shell. */
  command!: string;
  args?: string[];
  cwd?: string;
  user?: string;
  /** Seconds. */
  timeout!: number;
}

export class JobOperationDto {
  @ApiProperty({ enum: ['command.exec.execute', 'command.shell.execute'] })
  type!: string;
  data!: JobOperationDataDto;
}

/** What the agent said; output as in the answer to the command. */
export class JobDataDto {
  stdout?: string;
  stderr?: string;
  stdout_truncated?: boolean;
  stderr_truncated?: boolean;
  exit_code?: number;
  duration_ms?: number;
  changed?: boolean;
}

export class JobResponseDto {
  /** `completed`, `failed`, `skipped`. */
  status!: string;
  data!: JobDataDto;
  changed?: boolean;
  error?: string;
  /** The same for programs. */
  reason?: string;
  hostname!: string;
  host_id!: number;
}

export class JobAgentStateDto {
  /** `submitted`, `acknowledged`, `started`, `completed`, `failed`, `skipped`. */
  status!: string;
  error?: string;
  /** @example 1.2s */
  duration?: string;
}

export class JobEventDto {
  timestamp!: string;
  /** `submitted`, `acknowledged`, `started`, `completed`, `failed`, `skipped`, `retried`. */
  event!: string;
  /** Empty where it is about the job as a whole. */
  hostname!: string;
  message!: string;
  error?: string;
}

/** A command on one host or many. */
export class JobDetailDto {
  id!: string;

  /** Of all its hosts: `completed` when it ran to its end everywhere, with whatever exit code. */
  @ApiProperty({ enum: JOB_STATUSES })
  status!: JobStatus;

  created!: string;

  /** What it was asked for. */
  target!: string;

  /** E-mail of the user. */
  requested_by!: string;

  operation!: JobOperationDto;

  /** With one host only. */
  result?: JobDataDto;

  /** Whether anything was started anywhere; null where nobody knows. */
  changed!: boolean | null;

  error?: string;

  /** With one host only. */
  hostname?: string;

  updated_at!: string;

  /** By hostname, for those that have ended; of two hosts of one name the second is `name#id`. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { $ref: '#/components/schemas/JobResponseDto' },
  })
  responses?: Record<string, JobResponseDto>;

  /** By hostname, as `responses`. */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { $ref: '#/components/schemas/JobAgentStateDto' },
  })
  agent_states?: Record<string, JobAgentStateDto>;

  /** What happened when, on every host. */
  @ApiPropertyOptional({ type: [JobEventDto] })
  timeline?: JobEventDto[];
}

export class JobStatusCountsDto {
  submitted!: number;
  processing!: number;
  completed!: number;
  failed!: number;
  partial_failure!: number;
  skipped!: number;
}

export class JobListDto {
  /** Jobs with the status asked for, on all pages. */
  total_items!: number;
  /** All jobs, whatever status was asked for. */
  status_counts!: JobStatusCountsDto;
  items!: JobDetailDto[];
}
