import { ApiPropertyOptional } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsInt,
  IsOptional,
  Max,
  Min,
  ValidateBy,
} from 'class-validator';
import { MAX_COUNT, MAX_PAUSE_SECONDS, MAX_STEPS, readShare } from './shares.js';

/** A count or a share of all hosts; its range is part of the words. */
const share = (words: string, least: number, each = false): PropertyDecorator =>
  ValidateBy(
    {
      name: 'share',
      validator: {
        validate: (value: unknown) => readShare(value, least) !== null,
        defaultMessage: () => words,
      },
    },
    { each },
  );

const oneOf = (minimum: number): object => ({
  oneOf: [
    { type: 'integer', minimum, maximum: MAX_COUNT },
    { type: 'string', pattern: String.raw`^\d{1,7}$|^\d{1,3}(\.\d{1,3})? ?%$` },
  ],
});

const FAILURES = 'max_failures must be a whole number, or a percentage such as "10%"';
const FAILURES_DOCS = {
  ...oneOf(0),
  nullable: true,
  description:
    'Halt as soon as more hosts than this have failed; with 0 the first failure halts. A percentage is of all hosts, rounded down. ' +
    'Failed is whatever ended, except with exit code 0 or by a cancellation.',
} as const;

/** How a run on many hosts spreads: in waves, each of which begins when all hosts of the one before have ended. */
export class RolloutDto {
  @ApiPropertyOptional({
    ...oneOf(1),
    nullable: true,
    example: '10%',
    description:
      'Hosts per wave: a number, or a percentage of all hosts, rounded up. Not together with ramp.',
  })
  @IsOptional()
  @share('batch must be a whole number from 1 on, or a percentage such as "10%"', 1)
  batch?: number | string | null;

  @ApiPropertyOptional({
    type: 'array',
    items: oneOf(1),
    nullable: true,
    example: [1, '5%', '25%', '100%'],
    description:
      'Hosts that have been reached after each wave, rising. What is left after the last step goes on in waves of its size.',
  })
  @IsOptional()
  @IsArray({ message: 'ramp must be an array' })
  @ArrayMinSize(1, { message: 'ramp must have a step' })
  @ArrayMaxSize(MAX_STEPS, { message: `ramp must have at most ${MAX_STEPS} steps` })
  @share('ramp must hold whole numbers from 1 on, or percentages such as "10%"', 1, true)
  ramp?: (number | string)[] | null;

  @ApiPropertyOptional(FAILURES_DOCS)
  @IsOptional()
  @share(FAILURES, 0)
  max_failures?: number | string | null;

  @ApiPropertyOptional({
    type: 'integer',
    nullable: true,
    minimum: 0,
    maximum: MAX_PAUSE_SECONDS,
    description: 'Seconds between the end of a wave and the beginning of the next.',
  })
  @IsOptional()
  @IsInt({ message: 'pause_between must be a whole number of seconds' })
  @Min(0, { message: 'pause_between must not be negative' })
  @Max(MAX_PAUSE_SECONDS, { message: `pause_between must be at most ${MAX_PAUSE_SECONDS}` })
  pause_between?: number | null;
}

export class ResumeDto {
  @ApiPropertyOptional(FAILURES_DOCS)
  @IsOptional()
  @share(FAILURES, 0)
  max_failures?: number | string | null;
}

export const ROLLOUT_STATES = ['running', 'pausing', 'halted', 'done'] as const;
export type RolloutState = (typeof ROLLOUT_STATES)[number];

/** Where a rollout stands. */
export class RolloutStateDto {
  /**
   * `running`: a wave is under way; `pausing`: the next one waits for its time; `halted`: nothing more is sent until it is
   * resumed; `done`: every host has ended.
   */
  state!: RolloutState;
  /** Why it was halted, for people; null otherwise. */
  reason!: string | null;
  /** Number of the wave that was begun last; 0 when it was halted before the first. */
  wave!: number;
  /** Waves as planned; fewer are begun when hosts drop out before their turn. */
  waves!: number;
  /** Hosts whose wave has been begun. */
  released!: number;
  /** Hosts that failed, since the start or since it was resumed last: what `max_failures` looks at. */
  failures!: number;
  /** Hosts that had failed when it was resumed last: they do not count any more. */
  forgiven!: number;
  /** null: it goes on, however many fail. */
  max_failures!: number | null;
  /** When the next wave begins; null when it does not wait for a time. */
  next_at!: string | null;
}
