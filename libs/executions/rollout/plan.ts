import { DomainError } from '#libs/platform/errors/index';
import { type RolloutDto } from './rollout.dto.js';
import { countOf, MAX_PAUSE_SECONDS, MAX_STEPS, readShare, type Share } from './shares.js';

/** How an execution spreads over its hosts. */
export interface RolloutPlan {
  /** Hosts per wave, in order; none is empty, and together they are all hosts. */
  readonly waves: readonly number[];
  /** More failures than this halt it; null: none do. */
  readonly maxFailures: number | null;
  /** Between the end of a wave and the beginning of the next. */
  readonly pauseSeconds: number;
}

/**
 * What the fields mean for so many hosts. Shares of hosts are rounded up, so a wave has at least one; `max_failures` is rounded
 * down, so that no more than that share fails unnoticed. `ramp` says how many have been reached after each wave: `[1, "5%",
 * "100%"]` begins with one host. What is left after its last step goes on in waves of that step's size, so a ramp that ends
 * below 100 % becomes no bolder by itself. Without `batch` and `ramp` there is one wave.
 * @throws DomainError malformed, naming the field
 */
export function planRollout(dto: RolloutDto, hostCount: number): RolloutPlan {
  const { batch, ramp, max_failures, pause_between } = dto;
  if (isGiven(batch) && isGiven(ramp)) throw malformed('ramp', 'only one of batch and ramp is allowed');
  const steps = isGiven(ramp) ? readRamp(ramp) : isGiven(batch) ? [read('batch', batch, 1)] : [];
  return {
    waves: wavesOf(
      steps.map((step) => countOf(step, hostCount, 'up')),
      hostCount,
    ),
    maxFailures: isGiven(max_failures) ? maxFailuresOf(max_failures, hostCount) : null,
    pauseSeconds: isGiven(pause_between) ? readPause(pause_between) : 0,
  };
}

/** @throws DomainError malformed, naming `max_failures` */
export function maxFailuresOf(value: number | string, hostCount: number): number {
  return countOf(read('max_failures', value, 0), hostCount, 'down');
}

/** The plan for fewer hosts: waves drop out from the end. For more, the last wave grows. */
export function fitPlan(plan: RolloutPlan, hostCount: number): RolloutPlan {
  const waves: number[] = [];
  let left = hostCount;
  for (const [i, size] of plan.waves.entries()) {
    const fitting = i === plan.waves.length - 1 ? left : Math.min(size, left);
    if (fitting > 0) waves.push(fitting);
    left -= fitting;
  }
  return { ...plan, waves };
}

/** Whether an execution with this plan goes any other way than one without. */
export function isGradual({ waves, maxFailures }: RolloutPlan): boolean {
  return waves.length > 1 || maxFailures !== null;
}

/** @param reached hosts that have been reached after each wave; those that reach nobody new are left out */
function wavesOf(reached: readonly number[], hostCount: number): number[] {
  const waves: number[] = [];
  let done = 0;
  let size = hostCount;
  for (const upTo of reached) {
    const more = Math.min(upTo, hostCount) - done;
    if (more <= 0) continue;
    waves.push(more);
    done += more;
    size = more;
  }
  for (; done < hostCount; done += size) waves.push(Math.min(size, hostCount - done));
  return waves;
}

function readRamp(ramp: unknown): Share[] {
  if (!Array.isArray(ramp) || ramp.length === 0 || ramp.length > MAX_STEPS)
    throw malformed('ramp', `must be an array of 1 to ${MAX_STEPS} steps`);
  const steps = ramp.map((step: unknown) => read('ramp', step, 1));
  // Numbers among percentages are not compared: what is more depends on how many hosts there are.
  for (const unit of ['hosts', 'percent']) {
    const amounts = steps.filter((step) => step.unit === unit).map(({ amount }) => amount);
    if (amounts.some((amount, i) => i > 0 && amount <= (amounts[i - 1] ?? 0)))
      throw malformed('ramp', 'each step must be more than the one before');
  }
  return steps;
}

function readPause(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > MAX_PAUSE_SECONDS)
    throw malformed('pause_between', `must be a whole number of seconds from 0 to ${MAX_PAUSE_SECONDS}`);
  return value;
}

function read(name: string, value: unknown, least: number): Share {
  const share = readShare(value, least);
  if (share) return share;
  throw malformed(name, `must be a whole number from ${least} on, or a percentage such as "10%"`);
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

function malformed(name: string, reason: string): DomainError {
  return new DomainError('malformed', { name, reason });
}
