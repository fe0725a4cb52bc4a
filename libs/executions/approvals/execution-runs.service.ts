import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { Nudges } from '../results/nudges.js';
import { ParkedTargets } from './parked-targets.js';
import { checkDigest, requireOpen, startBy } from './review-rules.js';
import { type ReviewRow, ReviewsRepository } from './reviews.repository.js';

/** Runs what is approved and waits for somebody to call for it. */
@Injectable()
export class ExecutionRuns {
  constructor(
    private readonly database: Database,
    private readonly reviews: ReviewsRepository,
    private readonly targets: ParkedTargets,
    private readonly nudges: Nudges,
    private readonly audit: Audit,
  ) {}

  /**
   * `ready → queued`, once: of all who call, whenever they call, one gets through.
   * @param executionId internal
   * @param withinSeconds it has to start by then; default: as its request said
   * @throws DomainError not_found (it has no review); forbidden (somebody else's, not approved, or outside its time window);
   * conflict (it is running or has run, is not what was approved, or has expired)
   */
  async runReady(caller: Caller, executionId: string, withinSeconds?: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const review = await this.reviews.lockedOf(tx, executionId);
      if (!review) throw new DomainError('not_found', 'review not found');
      requireRunnable(caller, review);
      const end = requireOpen(review);
      checkDigest(review, await this.reviews.run(tx, executionId));
      const by = startBy(review, end);
      const seconds = withinSeconds ?? by.seconds;
      const hosts = await this.targets.run(tx, executionId, { ...by, seconds });
      if (hosts.length === 0 || !(await this.reviews.process(tx, review.id)))
        throw new DomainError('conflict', 'it is not ready any more: it expired, or was cancelled');
      const details = { review_id: review.id, digest: review.digest.toString('hex') };
      await this.audit.record(tx, {
        ...doneBy(caller, 'ran_approved', details),
        executionUuid: review.execution_uuid,
      });
      tx.afterCommit(() => {
        this.nudges.changed([executionId]);
        this.nudges.wake(hosts);
      });
    });
  }
}

/** @throws DomainError forbidden, conflict */
function requireRunnable(
  caller: Caller,
  { status, ready, requested_by, decided_by, reason }: ReviewRow,
): void {
  if (requested_by !== caller.userId && caller.globalRole !== 'admin')
    throw new DomainError('forbidden', 'only whoever asked for it, or an administrator, may run it');
  const by = decided_by === null ? '' : ` by ${decided_by}`;
  const why = reason === '' ? '' : `: ${reason}`;
  switch (status) {
    case 'PENDING':
      throw new DomainError('forbidden', 'it has not been approved yet');
    case 'REJECTED':
    case 'REVOKED':
      throw new DomainError(
        'forbidden',
        `it was ${status === 'REJECTED' ? 'rejected' : 'revoked'}${by}${why}`,
      );
    case 'PROCESSING':
      throw new DomainError('conflict', 'it is running already');
    case 'EXECUTED':
      throw new DomainError('conflict', 'it has run already: an approval is for one run');
    case 'APPROVED':
      if (ready === 'queue') throw new DomainError('conflict', 'it runs by itself, and needs no call');
  }
}
