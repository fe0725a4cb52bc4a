import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsInt, IsObject, IsOptional, IsString } from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';

/** hoop's ExecRequest (`reference/sources/hoop-exec.md`), with what its clients send beside it, and `timeout`. */
export class ExecRequestDto {
  /**
   * Name or id of the connection.
   * @example bash-connection
   */
  @IsString({ message: 'connection must be a string' })
  connection!: string;

  /**
   * Given to the connection's command as standard input, as it stands; it may be empty.
   * @example echo 'hello world'
   */
  @ApiPropertyOptional({ type: 'string' })
  @IsOptional()
  @IsString({ message: 'script must be a string' })
  script?: string | null;

  /**
   * Appended to the connection's command, each as it stands.
   * @example ["-x"]
   */
  @ApiPropertyOptional({ type: [String] })
  @IsOptional()
  @IsString({ each: true, message: 'client_args must be an array of strings' })
  @IsArray({ message: 'client_args must be an array of strings' })
  client_args?: string[] | null;

  /** Kept with the session: at most 20 keys; keys and values (as text) of fewer than 2500 characters. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, example: { ticket: 'OPS-1' } })
  @IsOptional()
  @IsObject({ message: 'metadata must be an object' })
  metadata?: Record<string, unknown> | null;

  /** DEPRECATED in favour of metadata. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: { type: 'string' } })
  @IsOptional()
  @IsObject({ message: 'labels must be an object of strings' })
  labels?: Record<string, unknown> | null;

  /**
   * `envvar:NAME` or `filesystem:NAME` (NAME becomes the path of a file) → base64. The connection says which names may be brought;
   * its own variables win. They are kept with the session, as its script is: secrets belong into the connection.
   */
  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { 'envvar:LANG': 'Qw==' },
  })
  @IsOptional()
  @IsObject({ message: 'env_vars must be an object of strings' })
  env_vars?: Record<string, unknown> | null;

  /** Groups sessions that a client started together. */
  @ApiPropertyOptional({ type: 'string', maxLength: 255 })
  @IsOptional()
  @IsString({ message: 'session_batch_id must be a string' })
  session_batch_id?: string | null;

  /** The caller's own id for it: at most 255 printable ASCII characters. */
  @ApiPropertyOptional({ type: 'string', maxLength: 255 })
  @IsOptional()
  @IsString({ message: 'correlation_id must be a string' })
  correlation_id?: string | null;

  /** Seconds that it may run; at most, and unless said otherwise, what the connection allows. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1 })
  @IsOptional()
  @IsInt({ message: 'timeout must be an integer (seconds)' })
  timeout?: number | null;

  /** What people have signed of this request, for hosts that run nothing else; see `POST /api/sessions/statement`. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

export class WaitQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 300,
    description: 'Seconds to wait for the end.',
  })
  @IsOptional()
  @IsString()
  wait?: string;
}

export class SessionMetadataDto {
  /** Added to what is there; null takes one away. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  @IsObject({ message: 'metadata must be an object' })
  metadata!: Record<string, unknown>;
}

export const OUTPUT_STATUSES = ['success', 'failed', 'running'] as const;
export type OutputStatus = (typeof OUTPUT_STATUSES)[number];

/** hoop's ExecResponse. */
export class ExecResponseDto {
  /** @example 5701046a-7b7a-4a78-abb0-a24c95e6fe54 */
  session_id!: string;

  /** It waits, or has waited, for an approval. */
  has_review!: boolean;

  /**
   * What it wrote on both streams, in order of arrival: the last MiB of each; then, where it did not end by itself, words that
   * say why. While it waits for an approval: where it is found.
   */
  output!: string;

  /** `running`: it has not ended (or not begun). */
  @ApiProperty({ enum: OUTPUT_STATUSES })
  output_status!: OutputStatus;

  /** More was written than is shown: `GET /api/sessions/{session_id}/result/stream` has it all. */
  truncated!: boolean;

  /**
   * Milliseconds that it ran.
   * @example 5903
   */
  @ApiProperty({ type: 'integer' })
  execution_time!: number;

  /**
   * Of the process, 128 + s when signal s ended it. -2: there is none, because it has not ended, was stopped, or its agent is away;
   * 254: there is none, because the process was not started, took too long, or wrote what it may not.
   */
  @ApiProperty({ type: 'integer' })
  exit_code!: number;
}
