import { type TargetRow } from './executions.repository.js';

/**
 * After how many seconds a target that timed out was stopped: less than it was given where the host's operator allows no more.
 * @param given what the request gave it, seconds
 */
export function stoppedAfter({ duration_ms }: Pick<TargetRow, 'duration_ms'>, given: number): number {
  return duration_ms === null ? given : Math.min(given, Math.round(Number(duration_ms) / 1000));
}
