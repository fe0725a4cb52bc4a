import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsIn, IsOptional, IsString, Matches, ValidateBy } from 'class-validator';
import { EXECUTION_KINDS, type ExecutionKind } from './execution.entity.js';
import { RolloutStateDto } from './rollout/rollout.dto.js';
import { TARGET_STATES, type TargetState } from './states.js';

const whole = (name: string): PropertyDecorator =>
  Matches(/^\d{1,15}$/, { message: `${name} must be a whole number` });

const TIME = /^(?!0000)\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** A date, or a date and time, that exists. */
const time = (name: string): PropertyDecorator =>
  ValidateBy({
    name: 'time',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'string' && TIME.test(value) && !Number.isNaN(Date.parse(value)),
      defaultMessage: () => `${name} must be an ISO 8601 time such as 2026-01-31T12:00:00Z`,
    },
  });

export class ExecutionListQueryDto {
  @ApiPropertyOptional({ enum: EXECUTION_KINDS })
  @IsOptional()
  @IsIn(EXECUTION_KINDS, { message: `kind must be one of ${EXECUTION_KINDS.join(', ')}` })
  kind?: ExecutionKind;

  @ApiPropertyOptional({ enum: TARGET_STATES, description: 'Executions with a target in this state.' })
  @IsOptional()
  @IsIn(TARGET_STATES, { message: `state must be one of ${TARGET_STATES.join(', ')}` })
  state?: TargetState;

  @ApiPropertyOptional({ description: 'Hostname, uuid or id of a host.' })
  @IsOptional()
  @IsString()
  host?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Requested at or after this time.' })
  @IsOptional()
  @time('since')
  since?: string;

  @ApiPropertyOptional({ format: 'date-time', description: 'Requested before this time.' })
  @IsOptional()
  @time('until')
  until?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 50 })
  @IsOptional()
  @whole('limit')
  limit?: string;

  @ApiPropertyOptional({ description: '`next` of the page before.' })
  @IsOptional()
  @whole('after')
  after?: string;
}

export class ExecutionQueryDto {
  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    maximum: 300,
    description: 'Wait up to this many seconds for the end.',
  })
  @IsOptional()
  @whole('wait')
  wait?: string;
}

export class OutputQueryDto {
  @ApiPropertyOptional({ description: 'Uuid or id of one target.' })
  @IsOptional()
  @IsString()
  target?: string;

  @ApiPropertyOptional({ enum: ['stdout', 'stderr'] })
  @IsOptional()
  @IsIn(['stdout', 'stderr'], { message: 'stream must be stdout or stderr' })
  stream?: 'stdout' | 'stderr';

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 0,
    default: 0,
    description: 'Only chunks after this seq.',
  })
  @IsOptional()
  @whole('after')
  after?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: 1000, default: 100 })
  @IsOptional()
  @whole('limit')
  limit?: string;
}

export class CancelQueryDto {
  @ApiPropertyOptional({ description: 'Uuid or id of one target; without it all of them.' })
  @IsOptional()
  @IsString()
  target?: string;
}

export class TargetHostDto {
  id!: number;
  uuid!: string;
  hostname!: string;
}

export class TargetDto {
  id!: number;
  uuid!: string;
  host!: TargetHostDto;
  state!: TargetState;
  /** Why it ended so, for programs; null when there is nothing to say. */
  reason!: string | null;
  /** The same for people. */
  message!: string;
  /** null until it exited by itself. */
  exit_code!: number | null;
  /** Number of the signal that ended it. */
  signal!: number | null;
  started_at!: string | null;
  finished_at!: string | null;
  duration_ms!: number | null;
  /** Bytes written by the process, kept or not; after masking. */
  stdout_bytes!: number;
  stderr_bytes!: number;
  /** Some output was not kept, between the head and the tail. */
  truncated!: boolean;
  /** How often something in the output was masked, by kind (`secret`, `card`, `token`, `email`); null: never. */
  masked!: Record<string, number> | null;
}

export class ExecutionDto {
  id!: string;
  kind!: ExecutionKind;
  /** E-mail of the user. */
  requested_by!: string;
  created_at!: string;
  expires_at!: string | null;
  content_sha256!: string;
  /** Id of the review that it waits or waited for (`/api/reviews/{id}`); null: nobody has to approve it. */
  @ApiProperty({ type: 'string', format: 'uuid', nullable: true })
  review!: string | null;
  /** In which waves it spreads over its hosts, and how far it has come; null: over all of them at once. */
  @ApiProperty({ type: RolloutStateDto, nullable: true })
  rollout!: RolloutStateDto | null;
  /** State → number of targets; states without targets are left out. */
  counts!: Record<string, number>;
  targets!: TargetDto[];
}

export class ExecutionListDto {
  executions!: ExecutionDto[];
  /** For `after`; null on the last page. */
  next!: string | null;
}

export class OutputChunkDto {
  /** Cursor: counts up over the whole execution. */
  seq!: number;
  target_id!: number;
  stream!: 'stdout' | 'stderr';
  /** By the agent's clock. */
  at!: string;
  /** base64 where the bytes are not valid UTF-8. */
  encoding!: 'utf8' | 'base64';
  data!: string;
  /** Bytes that were not kept stood right before this chunk. */
  dropped_before?: number;
}

export class OutputDto {
  chunks!: OutputChunkDto[];
  /** For `after`. */
  next!: number;
  /** Every target has ended, and nothing comes after these chunks. */
  done!: boolean;
}
