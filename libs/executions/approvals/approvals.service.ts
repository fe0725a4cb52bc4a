import { Injectable } from '@nestjs/common';
import { type SignedStatementDto } from '#libs/agents/index';
import { checkTimeWindow, ReviewerKeys, type TimeWindow, verdictOf } from '#libs/connections/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { Nudges } from '../results/nudges.js';
import { RolloutsService } from '../rollout/rollouts.service.js';
import { ExecutionStatements } from '../statements/execution-statements.service.js';
import { ParkedTargets } from './parked-targets.js';
import { checkDigest, groupsOf, maySee, reviewNotFound, startBy, windowEnd } from './review-rules.js';
import { toReviewDto } from './review-view.js';
import { type ReviewRow, ReviewsRepository } from './reviews.repository.js';
import { type ReviewDto } from './reviews.dto.js';

/** What somebody says about a review. */
export interface Decision {
  readonly status: 'APPROVED' | 'REJECTED' | 'REVOKED';
  readonly reason?: string;
  /** When it may run; only with an approval. */
  readonly timeWindow?: unknown;
  /** The approval is to be enough by itself. */
  readonly force?: boolean;
  /** The digest that was looked at, hex: another one is refused. */
  readonly digest?: string;
  /** What the reviewer has signed of it; only with an approval. */
  readonly statement?: SignedStatementDto | undefined;
}

/** How long what is approved waits for somebody to call for it. */
const READY_SECONDS = 86_400;

/**
 * Decides about what waits for approval. Decisions about one review take turns under its row's lock; what they do to its targets
 * is in the same transaction, and names the state that it takes them from, so that nothing starts twice whoever decides or runs.
 */
@Injectable()
export class ApprovalsService {
  constructor(
    private readonly database: Database,
    private readonly reviews: ReviewsRepository,
    private readonly reviewers: ReviewerKeys,
    private readonly targets: ParkedTargets,
    private readonly rollouts: RolloutsService,
    private readonly nudges: Nudges,
    private readonly audit: Audit,
    private readonly statements: ExecutionStatements,
  ) {}

  /** The review of an execution, by its internal id; null: it needs none. */
  async forExecution(executionId: string): Promise<ReviewDto | null> {
    const row = await this.reviews.ofExecution(executionId);
    return row && toReviewDto(row);
  }

  /**
   * Takes somebody's word. The same word of the same person again changes nothing.
   * @throws DomainError not_found; forbidden (not a reviewer, or one's own request); conflict (decided already, too late, or
   * something else would run than was looked at); invalid (time window, statement)
   */
  async decide(caller: Caller, reviewId: string, decision: Decision): Promise<ReviewDto> {
    const keys = await this.reviewers.of(caller);
    const window = decision.timeWindow === undefined ? null : checkTimeWindow(decision.timeWindow);
    const row = await this.database.transaction(async (tx) => {
      const review = isUuid(reviewId) ? await this.reviews.locked(tx, reviewId) : null;
      if (!review || !maySee(caller, review, keys)) throw reviewNotFound();
      if (decision.status === 'REVOKED') await this.revoke(tx, caller, review, keys, decision);
      else await this.vote(tx, caller, review, keys, decision, window);
      return this.reviews.find(review.id, tx);
    });
    if (!row) throw reviewNotFound();
    return toReviewDto(row);
  }

  /** As `decide`, of the review of an exec session, or another execution, by its uuid. */
  async decideOnSession(caller: Caller, executionUuid: string, decision: Decision): Promise<ReviewDto> {
    const review = isUuid(executionUuid) ? await this.reviews.ofSession(executionUuid) : null;
    if (!review) throw reviewNotFound();
    return this.decide(caller, review.id, decision);
  }

  /** Queues what is approved and whose time window has opened. Only the sweep calls this. */
  async releaseDue(): Promise<void> {
    for (const id of await this.reviews.unreleased())
      await this.database.transaction(async (tx) => {
        const review = await this.reviews.locked(tx, id);
        if (review?.status === 'APPROVED') await this.release(tx, review);
      });
  }

  private async vote(
    tx: Transaction,
    caller: Caller,
    review: ReviewRow,
    keys: ReadonlySet<string>,
    { status, reason = '', force, digest, statement }: Decision,
    window: TimeWindow | null,
  ): Promise<void> {
    const approves = status === 'APPROVED';
    const signs = approves && review.status === 'PENDING' ? statement : undefined;
    const groups = groupsOf(review, keys);
    refuse(caller, review, groups, approves, force === true);
    if (stands(review, caller.userId, approves, window) && signs === undefined) return;
    if (review.status !== 'PENDING') throw decided(review);
    if (review.expired) throw new DomainError('conflict', 'the request has expired: nobody decided in time');
    if (digest !== undefined && digest.toLowerCase() !== review.digest.toString('hex'))
      throw new DomainError('conflict', {
        name: 'digest',
        reason: 'this review is about something else than what was looked at: look at it again',
      });
    if (signs !== undefined) await this.statements.add(tx, review.execution_uuid, signs);
    const vote = { user_id: caller.userId, email: caller.email, approves, groups, reason };
    await this.reviews.vote(tx, review.id, { ...vote, time_window: approves ? window : null });
    const now = (await this.reviews.find(review.id, tx)) ?? review;
    const verdict = verdictOf(now.requirements, now.votes);
    await this.record(tx, caller, now, approves ? 'approved_review' : 'rejected_review', {
      groups,
      reason,
      time_window: window,
      verdict,
      ...(signs !== undefined && { signed_by: signs.signatures.map(({ key }) => key) }),
    });
    tx.afterCommit(() => this.nudges.changed([review.execution_id]));
    if (verdict === 'APPROVED') await this.approved(tx, caller, now);
    else if (verdict === 'REJECTED') await this.rejected(tx, caller, now, reason);
  }

  private async approved(tx: Transaction, caller: Caller, review: ReviewRow): Promise<void> {
    checkDigest(review, await this.reviews.run(tx, review.execution_id));
    if (!(await this.reviews.decide(tx, review.id, 'PENDING', 'APPROVED', '', caller.email)))
      throw decided(review);
    if (review.ready === 'queue') return this.release(tx, review);
    const by = { seconds: READY_SECONDS, deadline: review.deadline, windowEnd: null };
    const hosts = await this.targets.makeReady(tx, review.execution_id, by);
    if (hosts.length === 0) throw nothingWaits();
  }

  /** Into the queues, if its time window is open; if not, the sweep comes back to it. */
  private async release(tx: Transaction, review: ReviewRow): Promise<void> {
    const end = windowEnd(review);
    if (end === null) return;
    const { execution_id: id } = review;
    await this.rollouts.during(tx, id, async () => {
      const hosts = await this.targets.queue(tx, id, startBy(review, end));
      if (hosts.length === 0) throw nothingWaits();
      await this.reviews.release(tx, review.id);
      tx.afterCommit(() => {
        this.nudges.changed([id]);
        this.nudges.wake(hosts);
      });
    });
  }

  private async rejected(tx: Transaction, caller: Caller, review: ReviewRow, reason: string): Promise<void> {
    if (!(await this.reviews.decide(tx, review.id, 'PENDING', 'REJECTED', reason, caller.email)))
      throw decided(review);
    const message = `rejected by ${caller.email}${reason === '' ? '' : `: ${reason}`}`;
    await this.rollouts.during(tx, review.execution_id, async () => {
      await this.targets.deny(tx, review.execution_id, message);
    });
    tx.afterCommit(() => this.nudges.ended([review.execution_id]));
  }

  /** By whoever asked for it, a reviewer, or an administrator; as long as something of it has not been sent. */
  private async revoke(
    tx: Transaction,
    caller: Caller,
    review: ReviewRow,
    keys: ReadonlySet<string>,
    { reason = '' }: Decision,
  ): Promise<void> {
    if (review.status === 'REVOKED') return;
    const mine = review.requested_by === caller.userId || caller.globalRole === 'admin';
    if (!mine && groupsOf(review, keys).length === 0) throw notAReviewer(review);
    if (review.status === 'REJECTED' || review.status === 'EXECUTED') throw decided(review);
    const { execution_id: id } = review;
    if (!(await this.reviews.decide(tx, review.id, review.status, 'REVOKED', reason, caller.email)))
      throw decided(review);
    await this.record(tx, caller, review, 'revoked_review', { reason, was: review.status });
    const message = `approval revoked by ${caller.email}${reason === '' ? '' : `: ${reason}`}`;
    await this.rollouts.during(tx, id, async () => {
      if ((await this.targets.takeBack(tx, caller, id, message)) === 0)
        throw new DomainError('conflict', 'it has been sent already: stop the run instead');
    });
    tx.afterCommit(() => this.nudges.ended([id]));
  }

  private record(
    tx: Transaction,
    caller: Caller,
    { id, digest, execution_uuid: executionUuid }: ReviewRow,
    act: string,
    more: Record<string, unknown>,
  ): Promise<void> {
    const details = { review_id: id, digest: digest.toString('hex'), ...more };
    return this.audit.record(tx, { ...doneBy(caller, act, details), executionUuid });
  }
}

/** @throws DomainError forbidden */
function refuse(
  caller: Caller,
  review: ReviewRow,
  groups: readonly string[],
  approves: boolean,
  force: boolean,
): void {
  if (review.requested_by === caller.userId)
    throw new DomainError(
      'forbidden',
      approves
        ? 'nobody approves their own request: another reviewer has to'
        : 'nobody decides about their own request: to withdraw it, revoke it',
    );
  if (groups.length === 0) throw notAReviewer(review);
  if (
    force &&
    !review.requirements.some((requirement) => requirement.force.some((name) => groups.includes(name)))
  )
    throw new DomainError('forbidden', 'your approval is not enough by itself: leave out force_review');
}

function notAReviewer({ requirements }: ReviewRow): DomainError {
  const names = [...new Set(requirements.flatMap(({ reviewers }) => reviewers))].join(', ');
  return new DomainError('forbidden', `you are not among the reviewers: ${names}`);
}

function decided({ status, decided_by: by }: ReviewRow): DomainError {
  const whose = by === null ? '' : ` by ${by}`;
  return new DomainError('conflict', `the review has been decided${whose}: it is ${status}`);
}

function nothingWaits(): DomainError {
  return new DomainError(
    'conflict',
    'nothing waits for this approval any more: it expired, or was cancelled',
  );
}

/** Whether this person has said just that, and it still counts. */
function stands(
  { votes, status }: ReviewRow,
  userId: number,
  approves: boolean,
  window: TimeWindow | null,
): boolean {
  const before = votes.find((vote) => vote.user_id === userId);
  if (before?.approves !== approves || !sameWindow(before.time_window, window)) return false;
  return approves ? status !== 'REJECTED' && status !== 'REVOKED' : status === 'REJECTED';
}

function sameWindow(a: TimeWindow | null, b: TimeWindow | null): boolean {
  const text = (window: TimeWindow | null): string =>
    window === null ? '' : `${window.configuration.start_time}-${window.configuration.end_time}`;
  return text(a) === text(b);
}
