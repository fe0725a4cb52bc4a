import { type TargetRow } from '../executions.repository.js';
import { isFinal } from '../states.js';
import { type JobStatus } from './jobs.dto.js';

/** How many of a job's targets are how far. */
export interface JobCounts {
  /** Have not ended. */
  readonly open: number;
  /** Were ever sent to an agent. */
  readonly sent: number;
  /** Ran to their end. */
  readonly ok: number;
  /** Cancelled before they started. */
  readonly skipped: number;
  readonly all: number;
}

/** osapi's status of a job (`reference/osapi.md`, section 6); what failed beside what was skipped has failed. */
export function jobStatus({ open, sent, ok, skipped, all }: JobCounts): JobStatus {
  if (open > 0) return sent > 0 ? 'processing' : 'submitted';
  if (ok === all) return 'completed';
  if (ok > 0) return 'partial_failure';
  return skipped === all ? 'skipped' : 'failed';
}

export function countsOf(targets: readonly TargetRow[]): JobCounts {
  const count = (is: (target: TargetRow) => boolean): number => targets.filter(is).length;
  return {
    open: count((target) => !isFinal(target.state)),
    sent: count((target) => target.dispatched_at !== null),
    ok: count((target) => target.state === 'finished'),
    skipped: count((target) => target.state === 'cancelled'),
    all: targets.length,
  };
}
