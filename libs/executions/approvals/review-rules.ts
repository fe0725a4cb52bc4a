import { inWords, openUntil, spokenFor, type TimeWindow } from '#libs/connections/index';
import { type Caller } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type StartBy } from './parked-targets.js';
import { type ReviewRow } from './reviews.repository.js';
import { digestOfRun, type Run } from './run-digest.js';

/** Whoever asked for it, may decide about it, or is a global administrator. */
export function maySee(caller: Caller, review: ReviewRow, keys: ReadonlySet<string>): boolean {
  return (
    review.requested_by === caller.userId ||
    caller.globalRole === 'admin' ||
    review.reviewer_keys.some((key) => keys.has(key))
  );
}

/** The same for what is not there and what the caller may not see. */
export function reviewNotFound(): DomainError {
  return new DomainError('not_found', 'review not found');
}

/** The reviewers for whom somebody with these keys speaks. */
export function groupsOf({ requirements, team_id }: ReviewRow, keys: ReadonlySet<string>): string[] {
  const reviewers = [...new Set(requirements.flatMap((requirement) => requirement.reviewers))];
  return spokenFor(reviewers, team_id, keys);
}

/** @throws DomainError conflict: what would run is not what the review is about */
export function checkDigest(review: ReviewRow, run: Run): void {
  if (digestOfRun(run).equals(review.digest)) return;
  throw new DomainError('conflict', {
    name: 'digest',
    reason: 'what would run is not what was asked for when this review began: it is not covered',
  });
}

/** The windows of all approvals: it may run while all of them are open. */
export function windowsOf({ votes }: Pick<ReviewRow, 'votes'>): TimeWindow[] {
  return votes.flatMap(({ approves, time_window }) => (approves && time_window ? [time_window] : []));
}

/** When the time in which it may run now is over, Infinity for no end; null: it may not run now. */
export function windowEnd(review: Pick<ReviewRow, 'votes'>): number | null {
  return openUntil(windowsOf(review), Date.now());
}

/** @throws DomainError forbidden, with the time in which it may run */
export function requireOpen(review: Pick<ReviewRow, 'votes'>): number {
  const end = windowEnd(review);
  if (end !== null) return end;
  throw new DomainError(
    'forbidden',
    `it was approved for ${inWords(windowsOf(review))}, and may not run now`,
  );
}

/** Until when it has to start, once it is in the queue. */
export function startBy(review: ReviewRow, end: number): StartBy {
  return {
    seconds: review.run_within_seconds,
    deadline: review.deadline,
    windowEnd: end === Infinity ? null : new Date(end),
  };
}
