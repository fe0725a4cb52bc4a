import { type RolloutState } from './rollout.dto.js';

/** What the rows say about a rollout at one moment, under its lock. */
export interface Standing {
  readonly state: Exclude<RolloutState, 'done'>;
  /** That count: since the start, or since it was resumed. */
  readonly failures: number;
  readonly maxFailures: number | null;
  readonly pauseSeconds: number;
  /** Targets of released waves that have not ended. */
  readonly open: number;
  /** Those of them that have not been sent. */
  readonly unsent: number;
  /** There are hosts whose wave has not begun. */
  readonly more: boolean;
}

export type Step = 'done' | 'halt' | 'release' | 'pause' | 'stay';

/**
 * What comes next. It halts in mid-wave, the moment the threshold is crossed, as long as there is anything to hold back; a
 * pause is ended by time, a halt by a person.
 */
export function nextStep({ state, failures, maxFailures, pauseSeconds, open, unsent, more }: Standing): Step {
  if (open === 0 && !more) return 'done';
  if (state !== 'running') return 'stay';
  if (maxFailures !== null && failures > maxFailures && (unsent > 0 || more)) return 'halt';
  if (open > 0) return 'stay';
  return pauseSeconds > 0 ? 'pause' : 'release';
}
