import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsInt, IsOptional, Max, MaxLength, Min, ValidateBy } from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';
import { RolloutDto } from '../rollout/rollout.dto.js';

/** Text that a process can be given: no NUL, no halves of characters. */
const isText = (value: unknown): value is string =>
  typeof value === 'string' && !value.includes('\0') && value.isWellFormed();

const rule = (name: string, validate: (value: unknown) => boolean, message: string): PropertyDecorator =>
  ValidateBy({ name, validator: { validate, defaultMessage: () => message } });

const Text = (field: string): PropertyDecorator =>
  rule('text', isText, `${field} must be a string without NUL characters`);

const FilledText = (field: string): PropertyDecorator =>
  rule(
    'filledText',
    (value) => isText(value) && value !== '',
    `${field} must be a non-empty string without NUL characters`,
  );

const Texts = (field: string): PropertyDecorator =>
  rule(
    'texts',
    (value) => Array.isArray(value) && value.every(isText),
    `${field} must be an array of strings without NUL characters`,
  );

const Environment = (field: string): PropertyDecorator =>
  rule(
    'environment',
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.entries(value).every(([name, text]) => isText(name) && /^[^=]+$/.test(name) && isText(text)),
    `${field} must be an object of strings; names are not empty and hold no =, nothing holds NUL characters`,
  );

/** Largest `expires_in`, seconds: a year. */
const MAX_EXPIRY = 31_536_000;

/** What an argument vector and a shell line have in common. */
export class RunDto extends RolloutDto {
  /** Absolute path of the working directory. Default: the home directory of the user it runs as (`/` for root). */
  @ApiPropertyOptional({ type: 'string', example: '/tmp' })
  @IsOptional()
  @Text('cwd')
  cwd?: string | null;

  /** Seconds it may run; then it is ended, and its item says so. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 300, default: 30 })
  @IsOptional()
  @IsInt({ message: 'timeout must be an integer (seconds)' })
  @Min(1, { message: 'timeout must be at least 1 second' })
  @Max(300, { message: 'timeout must be at most 300 seconds' })
  timeout?: number | null;

  /** Added to the environment. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' }, example: { LANG: 'C' } })
  @IsOptional()
  @Environment('env')
  env?: Record<string, string> | null;

  /** Given to it as standard input; default: none. May hold any text. */
  @ApiPropertyOptional({ type: 'string' })
  @IsOptional()
  @rule('stdin', (value) => typeof value === 'string' && value.isWellFormed(), 'stdin must be a string')
  stdin?: string | null;

  /** The account of the host to run as; the agent has to be root, or that user. Default: the agent's own. */
  @ApiPropertyOptional({ type: 'string', example: 'nobody' })
  @IsOptional()
  @FilledText('user')
  @MaxLength(255, { message: 'user must have at most 255 characters' })
  user?: string | null;

  /** Seconds to wait for the answers; 0: answer at once with what is known. Default: the command's timeout and 15 seconds. */
  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 300 })
  @IsOptional()
  @IsInt({ message: 'wait must be an integer (seconds)' })
  @Min(0, { message: 'wait must be at least 0 seconds' })
  @Max(300, { message: 'wait must be at most 300 seconds' })
  wait?: number | null;

  /** Let hosts that are offline, or being drained, run it when they are back. Default: their items say at once that they are away. */
  @ApiPropertyOptional({ type: 'boolean', default: false })
  @IsOptional()
  @IsBoolean({ message: 'queue must be true or false' })
  queue?: boolean | null;

  /** Seconds after which it is not started any more. Default: as long as the answer waits; with `queue`, a day. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_EXPIRY })
  @IsOptional()
  @IsInt({ message: 'expires_in must be an integer (seconds)' })
  @Min(1, { message: 'expires_in must be at least 1 second' })
  @Max(MAX_EXPIRY, { message: `expires_in must be at most ${MAX_EXPIRY} seconds` })
  expires_in?: number | null;

  /** `digest` of a preview of the same target: refused with 409 when other hosts would run it now. */
  @ApiPropertyOptional({ type: 'string' })
  @IsOptional()
  @rule(
    'digest',
    (value) => typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value),
    'preview must be the digest of POST /api/v1/targets/preview: 64 hexadecimal digits',
  )
  preview?: string | null;

  /** What people have signed of this request, for hosts that run nothing else. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

/** A program and its arguments; no shell looks at them. */
export class ExecDto extends RunDto {
  /** Name (looked up in the agent's PATH) or path of the executable. */
  @ApiProperty({ example: 'echo' })
  @FilledText('command')
  command!: string;

  /** Its arguments, each handed over as it stands. */
  @ApiPropertyOptional({ type: [String], example: ['hello', '$HOME; rm *'] })
  @IsOptional()
  @IsArray({ message: 'args must be an array of strings without NUL characters' })
  @Texts('args')
  args?: string[] | null;
}

/** A line for `/bin/sh -c`. */
export class ShellDto extends RunDto {
  /** The line. */
  @ApiProperty({ example: 'uptime | cut -d, -f1' })
  @FilledText('command')
  command!: string;
}

export const ITEM_STATUSES = ['ok', 'failed', 'skipped', 'queued', 'running'] as const;
export type ItemStatus = (typeof ITEM_STATUSES)[number];

/** What became of it on one host. */
export class CommandItemDto {
  /** @example web-01 */
  hostname!: string;

  /** Id of the host. */
  host_id!: number;

  /**
   * `ok`: it ran to its end, with whatever exit code. `failed`: it did not start, was ended, or is lost; `error` says which. `skipped`:
   * cancelled before it started. `queued`, `running`: not over when this was answered; `job_id` finds it later.
   */
  @ApiProperty({ enum: ITEM_STATUSES })
  status!: ItemStatus;

  /** Absent unless it ran to its end; 128 + s when signal s ended it. */
  exit_code?: number;

  /** The last MiB; less when all hosts together wrote more than 32 MiB. */
  stdout?: string;

  /** As `stdout`. */
  stderr?: string;

  /** More was written than is shown: see `/api/v1/executions/{job_id}/output`. */
  stdout_truncated?: boolean;

  /** As `stdout_truncated`. */
  stderr_truncated?: boolean;

  /** Milliseconds that it ran. */
  duration_ms?: number;

  /** True for whatever was started, false for what was not; absent where nobody knows. */
  changed?: boolean;

  /** What went wrong, for people; absent when nothing did. */
  error?: string;

  /** The same for programs, such as `not_found`, `bad_cwd`, `timeout`, `host_offline`, `expired`, `denied`; absent when `ok`. */
  reason?: string;
}

/** What every host said until now. */
export class CommandResultDto {
  /**
   * Finds it later: `/api/job/{job_id}`, `/api/v1/executions/{job_id}`.
   * @example 550e8400-e29b-41d4-a716-446655440000
   */
  job_id!: string;

  /** It waits for approval, or did: see `/api/reviews/{review_id}`. Absent when nobody has to approve it. */
  review_id?: string;

  /** One item per host, sorted by hostname. */
  @ApiProperty({ type: [CommandItemDto] })
  results!: CommandItemDto[];
}
