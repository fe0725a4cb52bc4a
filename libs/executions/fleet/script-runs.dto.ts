import { ApiPropertyOptional } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { OptionalStatement, SignedStatementDto } from '#libs/agents/index';

/** Which script, with what, on which host. Exactly one of script_id, script_contents and script_name. */
export class RunScriptDto {
  /** The host to run the script on. */
  @ApiPropertyOptional({ type: 'integer', example: 1 })
  @IsOptional()
  @IsInt({ message: 'host_id must be an integer' })
  host_id?: number;

  /** An existing saved script, of the host's team (or of no team, as the host). */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt({ message: 'script_id must be an integer' })
  script_id?: number | null;

  /** The script itself, up to 10,000 characters. Without a shebang it runs with /bin/sh. */
  @ApiPropertyOptional({ example: "echo 'hello'" })
  @IsOptional()
  @IsString({ message: 'script_contents must be a string' })
  script_contents?: string | null;

  /** Name of a saved script of the team `team_id` (or of no team). */
  @ApiPropertyOptional({ type: 'string', example: 'restart.sh' })
  @IsOptional()
  @IsString({ message: 'script_name must be a string' })
  script_name?: string | null;

  /** Only beside script_name; 0 or absent: no team. */
  @ApiPropertyOptional({ type: 'integer' })
  @IsOptional()
  @IsInt({ message: 'team_id must be an integer' })
  team_id?: number | null;

  /** Handed to the script as $1, $2… */
  @ApiPropertyOptional({ type: [String] })
  @IsOptional()
  @IsArray({ message: 'arguments must be an array of strings' })
  @ArrayMaxSize(1000, { message: 'arguments must have at most 1000 elements' })
  @IsString({ each: true, message: 'arguments must be an array of strings' })
  arguments?: string[] | null;

  /** Seconds it may run; else what the team's agent options say, else 300. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 604800 })
  @IsOptional()
  @IsInt({ message: 'timeout must be an integer (seconds)' })
  @Min(1, { message: 'timeout must be at least 1 second' })
  @Max(604_800, { message: 'timeout must be at most 604800 seconds' })
  timeout?: number | null;

  /** Seconds after which it is not started any more; without it the request waits for the host as long as it takes. */
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 31536000 })
  @IsOptional()
  @IsInt({ message: 'expires_in must be an integer (seconds)' })
  @Min(1, { message: 'expires_in must be at least 1 second' })
  @Max(31_536_000, { message: 'expires_in must be at most 31536000 seconds' })
  expires_in?: number | null;

  /** What people have signed of this request, for hosts that run nothing else. */
  @OptionalStatement()
  statement?: SignedStatementDto | null;
}

export class RunScriptResponseDto {
  /** @example 1227 */
  @Type(() => Number)
  host_id!: number;

  /** For GET /scripts/results/:execution_id, and for /api/v1/executions. */
  execution_id!: string;
}

export class ScriptResultDto {
  script_contents!: string;
  script_id!: number | null;
  /** null: not heard of yet. -1: killed, timed out, never started, or lost. -2: scripts are disabled on that host. */
  exit_code!: number | null;
  /** The last MiB of stdout and stderr, in order of arrival, as text. */
  output!: string;
  /** What people should know about it. */
  message!: string;
  /** Display name of the host. */
  hostname!: string;
  host_timeout!: boolean;
  host_id!: number;
  execution_id!: string;
  /** Whole seconds. */
  runtime!: number;
  /** When the execution was asked for. */
  created_at!: string;
  /** Output is longer than what is shown here; the rest is at /api/v1/executions/:id/output. */
  truncated!: boolean;
}

/** What a caller who waited gets: 200 with the result, or 408 when there is none yet. */
export class SyncScriptResultDto {
  host_id!: number;
  execution_id!: string;
  script_contents!: string;
  script_id!: number | null;
  policy_id!: number | null;
  team_id!: number | null;
  /** null: not heard of within the wait. -1: killed, timed out, never started, or lost. -2: scripts are disabled on that host. */
  exit_code!: number | null;
  /** The last MiB of stdout and stderr, in order of arrival, as text. */
  output!: string;
  message!: string;
  /** Whole seconds. */
  runtime!: number;
  /** Seconds it was allowed to run. */
  timeout!: number | null;
  host_timeout!: boolean;
  truncated!: boolean;
}
