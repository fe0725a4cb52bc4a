import { type Target } from '../api/shapes.js';
import { type Progress } from '../terminal/progress.js';
import { describeDuration, describeOutcome } from './outcome.js';

/** Says how it ended on the one host that was meant: something unusual always, an exit code to people only. */
export function tellEnd(target: Target, progress: Progress): void {
  const outcome = describeOutcome(target);
  if (outcome !== undefined) progress.warn(outcome);
  else if (target.durationMs !== undefined)
    progress.note(`exit code ${target.exitCode ?? '?'} after ${describeDuration(target.durationMs)}`);
}
