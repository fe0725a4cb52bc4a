import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { keysOfReviewer, PolicyBook, type Requirement } from '#libs/connections/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { digestOfContent } from '#libs/scripts/index';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';
import { ReviewEnds } from './review-ends.service.js';
import { type AfterApproval } from './review.entity.js';
import { type NewReview, ReviewsRepository } from './reviews.repository.js';
import { digestOfRun } from './run-digest.js';

/** Whose approval a request needs, beside what policies demand. */
export interface ApprovalAsked {
  /** E-mails, roles, names of teams; empty: nobody's. */
  readonly reviewers: readonly string[];
  /** So many people. */
  readonly minApprovals: number;
  /** What becomes of it when it is approved. */
  readonly ready: AfterApproval;
  /** Those among the reviewers whose approval is enough by itself. */
  readonly forceApproveGroups?: readonly string[];
  /** The connection that demands it. */
  readonly connection?: { readonly id: string; readonly name: string };
  /** Seconds that it waits for its approvals. Default: a day. */
  readonly waitSeconds?: number;
}

/** What of a request decides about approvals, and what they are bound to. */
export interface ParkableRequest {
  readonly kind: ExecutionKind;
  readonly content: Buffer;
  readonly stdin?: Buffer;
  readonly options?: RunOptions;
  readonly hostIds: readonly number[];
  readonly unable?: ReadonlyMap<number, unknown> | undefined;
  readonly mayMoveTo?: readonly number[] | undefined;
  readonly timeoutSeconds: number;
  readonly expiresInSeconds?: number | undefined;
  readonly approval?: ApprovalAsked | undefined;
  readonly parked?: NewReview | undefined;
}

const SQL = {
  teams: {
    name: 'parked_teams',
    text: 'SELECT DISTINCT team_id FROM hosts WHERE id = ANY($1::int[]) LIMIT 2',
  },
};

const DAY_SECONDS = 86_400;

/** Requests that may not run before somebody has approved them. */
@Injectable()
export class ParkingService {
  constructor(
    private readonly database: Database,
    private readonly policies: PolicyBook,
    private readonly reviews: ReviewsRepository,
    private readonly ends: ReviewEnds,
    private readonly audit: Audit,
  ) {}

  /**
   * The request as it is to be stored: the same when nobody has to approve it, which costs no statement; else with its review, and
   * with the expiry that holds while it waits.
   */
  async admit<R extends ParkableRequest>(request: R): Promise<R> {
    const { approval, options = {}, unable, expiresInSeconds } = request;
    const own = approval && approval.reviewers.length > 0 ? approval : null;
    if (own === null && this.policies.isEmpty) return request;
    const hostIds = request.hostIds.filter((id) => !unable?.has(id));
    if (hostIds.length === 0) return request;
    const demands = await this.policies.demands({
      kind: request.kind,
      user: options.user,
      hostIds: [...new Set([...hostIds, ...(request.mayMoveTo ?? [])])],
      hostCount: hostIds.length,
    });
    const requirements = [
      ...(own ? [requirementOf(own)] : []),
      ...demands.map(({ requirement }) => requirement),
    ];
    if (requirements.length === 0) return request;
    const teamId = await this.teamOf(hostIds);
    const deadlineSeconds = deadlineOf(request);
    const waits = [
      ...(own ? [own.waitSeconds ?? DAY_SECONDS] : []),
      ...demands.map(({ waitSeconds }) => waitSeconds),
      ...(deadlineSeconds === null ? [] : [deadlineSeconds]),
    ];
    const parked: NewReview = {
      id: randomUUID(),
      digest: digestOfRequest(request),
      requirements,
      reviewerKeys: [
        ...new Set(
          requirements.flatMap(({ reviewers }) => reviewers.flatMap((r) => keysOfReviewer(r, teamId))),
        ),
      ],
      teamId,
      hostCount: hostIds.length,
      ready: approval?.ready ?? (request.kind === 'exec_session' ? 'wait_for_run' : 'queue'),
      runWithinSeconds: expiresInSeconds ?? null,
      deadlineSeconds,
      waitSeconds: Math.min(...waits),
      connection: approval?.connection ?? null,
    };
    return {
      ...request,
      options: { ...options, review: parked.id },
      expiresInSeconds: parked.waitSeconds,
      parked,
    };
  }

  /** Stores the review beside its execution, in the transaction that inserts that; its statements leave at once. */
  async park(tx: Transaction, caller: Caller, executionUuid: string, review: NewReview): Promise<void> {
    const { id, digest, requirements } = review;
    const details = { review_id: id, digest: digest.toString('hex'), requirements };
    const [executionId] = await Promise.all([
      this.reviews.insert(tx, executionUuid, review),
      this.audit.record(tx, { ...doneBy(caller, 'requested_review', details), executionUuid }),
    ]);
    tx.afterCommit(() => this.ends.follow(executionId));
  }

  /** The team that all of these hosts are of; null: none, or several. */
  private async teamOf(hostIds: readonly number[]): Promise<number | null> {
    const teams = await this.database.query<{ team_id: number | null }>(SQL.teams, [hostIds]);
    return teams.length === 1 ? (teams[0]?.team_id ?? null) : null;
  }
}

function requirementOf(asked: ApprovalAsked): Requirement {
  return {
    source: asked.connection ? `connection ${asked.connection.name}` : 'the request',
    reviewers: asked.reviewers,
    min_approvals: Math.max(1, asked.minApprovals),
    force: asked.forceApproveGroups ?? [],
  };
}

function digestOfRequest(request: ParkableRequest): Buffer {
  const { kind, content, stdin, options = {}, timeoutSeconds, hostIds } = request;
  return digestOfRun({
    kind,
    contentSha256: digestOfContent(content),
    stdinSha256: stdin ? digestOfContent(stdin) : null,
    options,
    timeoutSeconds,
    hostIds,
  });
}

/**
 * The expiry that somebody asked for, which goes on while it waits. Where a request without one is given the time that its caller
 * waits for the answer, that time begins with the approval.
 */
function deadlineOf({ kind, options, expiresInSeconds }: ParkableRequest): number | null {
  return (kind === 'script' ? expiresInSeconds : options?.expires_in) ?? null;
}
