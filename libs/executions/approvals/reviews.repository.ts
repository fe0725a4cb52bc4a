import { Injectable } from '@nestjs/common';
import { type Requirement, type TimeWindow } from '#libs/connections/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { type ExecutionKind, type RunOptions } from '../execution.entity.js';
import { FINAL_STATES, sqlList } from '../states.js';
import { type AfterApproval, type ReviewStatus } from './review.entity.js';
import { type Run } from './run-digest.js';

export interface VoteRow {
  readonly user_id: number;
  readonly email: string;
  /** null: the user is gone. */
  readonly name: string | null;
  readonly approves: boolean;
  readonly groups: readonly string[];
  readonly reason: string;
  readonly time_window: TimeWindow | null;
  /** In PostgreSQL's words. */
  readonly at: string;
}

/** A review with what it is about. */
export interface ReviewRow {
  readonly id: string;
  readonly execution_id: string;
  readonly execution_uuid: string;
  readonly kind: ExecutionKind;
  readonly requested_by: number | null;
  readonly requested_by_email: string;
  /** null: the user is gone. */
  readonly requester_name: string | null;
  readonly content_sha256: Buffer;
  readonly stdin_sha256: Buffer | null;
  readonly options: RunOptions;
  readonly status: ReviewStatus;
  readonly digest: Buffer;
  readonly requirements: readonly Requirement[];
  readonly reviewer_keys: readonly string[];
  readonly team_id: number | null;
  readonly host_count: number;
  readonly ready: AfterApproval;
  readonly run_within_seconds: number | null;
  readonly deadline: Date | null;
  readonly expires_at: Date;
  /** Its time is over. */
  readonly expired: boolean;
  readonly connection_id: string | null;
  readonly connection_name: string | null;
  readonly reason: string;
  readonly decided_by: string | null;
  readonly decided_at: Date | null;
  readonly released_at: Date | null;
  readonly created_at: Date;
  /** In the order in which they came. */
  readonly votes: readonly VoteRow[];
}

/** What `insert` stores, beside what follows from the execution. */
export interface NewReview {
  readonly id: string;
  readonly digest: Buffer;
  readonly requirements: readonly Requirement[];
  readonly reviewerKeys: readonly string[];
  readonly teamId: number | null;
  readonly hostCount: number;
  readonly ready: AfterApproval;
  readonly runWithinSeconds: number | null;
  /** From now. */
  readonly deadlineSeconds: number | null;
  /** From now. */
  readonly waitSeconds: number;
  readonly connection: { readonly id: string; readonly name: string } | null;
}

export interface ReviewFilter {
  readonly status: ReviewStatus | null;
  /** Only those that this user asked for, or may decide; null: all. */
  readonly of: { readonly userId: number; readonly keys: readonly string[] } | null;
  readonly limit: number;
  readonly offset: number;
}

const FINAL = sqlList(FINAL_STATES);
const OPEN = `('PENDING', 'APPROVED', 'PROCESSING')`;
const SELECT = `SELECT r.id, r.execution_id, e.uuid AS execution_uuid, e.kind, e.requested_by, e.requested_by_email, u.name AS requester_name,
    e.content_sha256, e.stdin_sha256, e.options, r.status, r.digest, r.requirements, r.reviewer_keys, r.team_id, r.host_count, r.ready, r.run_within_seconds,
    r.deadline, r.expires_at, r.expires_at <= now() AS expired, r.connection_id, r.connection_name, r.reason, r.decided_by, r.decided_at, r.released_at, r.created_at,
    (SELECT coalesce(jsonb_agg(jsonb_build_object('user_id', v.user_id, 'email', v.email, 'name', vu.name, 'approves', v.approves, 'groups', v.groups,
       'reason', v.reason, 'time_window', v.time_window, 'at', v.at) ORDER BY v.at, v.user_id), '[]')
     FROM review_votes v LEFT JOIN users vu ON vu.id = v.user_id WHERE v.review_id = r.id) AS votes
  FROM reviews r JOIN executions e ON e.id = r.execution_id LEFT JOIN users u ON u.id = e.requested_by`;
/** All targets of the review `r` have ended. */
const OVER = `NOT EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = r.execution_id AND t.state NOT IN (${FINAL}))`;

const SQL = {
  insert: {
    name: 'review_insert',
    text: `INSERT INTO reviews (id, execution_id, status, digest, requirements, reviewer_keys, team_id, host_count, ready, run_within_seconds, deadline, expires_at,
             connection_id, connection_name)
           SELECT $2::uuid, e.id, 'PENDING', $3, $4, $5, $6, $7, $8, $9, now() + make_interval(secs => $10), now() + make_interval(secs => $11), $12, $13
           FROM executions e WHERE e.uuid = $1 RETURNING execution_id`,
  },
  byId: { name: 'review_by_id', text: `${SELECT} WHERE r.id = $1` },
  byExecutions: { name: 'reviews_by_executions', text: `${SELECT} WHERE r.execution_id = ANY($1::bigint[])` },
  byExecution: { name: 'review_by_execution', text: `${SELECT} WHERE r.execution_id = $1` },
  bySession: { name: 'review_by_session', text: `${SELECT} WHERE e.uuid = $1` },
  lock: { name: 'review_lock', text: 'SELECT 1 FROM reviews WHERE id = $1 FOR UPDATE' },
  lockByExecution: {
    name: 'review_lock_by_execution',
    text: 'SELECT 1 FROM reviews WHERE execution_id = $1 FOR UPDATE',
  },
  vote: {
    name: 'review_vote',
    text: `INSERT INTO review_votes (review_id, user_id, email, approves, groups, reason, time_window) VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (review_id, user_id) DO UPDATE SET email = excluded.email, approves = excluded.approves, groups = excluded.groups,
             reason = excluded.reason, time_window = excluded.time_window, at = now()`,
  },
  decided: {
    name: 'review_decided',
    text: `UPDATE reviews SET status = $3, reason = $4, decided_by = $5, decided_at = now() WHERE id = $1 AND status = $2 RETURNING id`,
  },
  processing: {
    name: 'review_processing',
    text: `UPDATE reviews SET status = 'PROCESSING', released_at = now() WHERE id = $1 AND status = 'APPROVED' RETURNING id`,
  },
  released: {
    name: 'review_released',
    text: `UPDATE reviews SET released_at = now() WHERE id = $1 AND status = 'APPROVED' AND released_at IS NULL RETURNING id`,
  },
  run: {
    name: 'review_run',
    text: `SELECT e.kind, e.content_sha256, e.stdin_sha256, e.options, e.timeout_seconds,
             ARRAY(SELECT t.host_id FROM targets t WHERE t.execution_id = e.id ORDER BY t.host_id) AS host_ids
           FROM executions e WHERE e.id = $1`,
  },
  hostnames: {
    name: 'review_hostnames',
    text: `SELECT h.hostname FROM targets t JOIN hosts h ON h.id = t.host_id WHERE t.execution_id = $1 ORDER BY t.host_id LIMIT $2`,
  },
  unreleased: {
    name: 'reviews_unreleased',
    text: `SELECT id FROM reviews WHERE status = 'APPROVED' AND ready = 'queue' AND released_at IS NULL`,
  },
  open: { name: 'reviews_open', text: `SELECT execution_id FROM reviews WHERE status IN ${OPEN}` },
  close: {
    name: 'reviews_close',
    text: `UPDATE reviews r SET
             status = CASE WHEN EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = r.execution_id AND t.dispatched_at IS NOT NULL) THEN 'EXECUTED' ELSE 'REVOKED' END,
             decided_at = coalesce(r.decided_at, now()),
             reason = CASE
               WHEN EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = r.execution_id AND t.dispatched_at IS NOT NULL) THEN r.reason
               WHEN EXISTS (SELECT 1 FROM targets t WHERE t.execution_id = r.execution_id AND t.state = 'expired')
                 THEN CASE r.status WHEN 'PENDING' THEN 'nobody decided in time' ELSE 'it did not start in time' END
               ELSE 'the request was withdrawn before it ran' END
           WHERE r.execution_id = ANY($1::bigint[]) AND r.status IN ${OPEN} AND ${OVER} RETURNING r.execution_id`,
  },
};

type Reader = Pick<Transaction, 'query'>;

/** The rows of reviews and votes. */
@Injectable()
export class ReviewsRepository {
  constructor(private readonly database: Database) {}

  /** Beside the statement that inserts the execution; its internal id. */
  async insert(tx: Transaction, executionUuid: string, review: NewReview): Promise<string> {
    const { connection } = review;
    const [row] = await tx.query<{ execution_id: string }>(SQL.insert, [
      executionUuid,
      review.id,
      review.digest,
      JSON.stringify(review.requirements),
      review.reviewerKeys,
      review.teamId,
      review.hostCount,
      review.ready,
      review.runWithinSeconds,
      review.deadlineSeconds,
      review.waitSeconds,
      connection?.id ?? null,
      connection?.name ?? null,
    ]);
    if (!row) throw new Error('the review of an execution that is not there');
    return row.execution_id;
  }

  /** @param id well formed */
  async find(id: string, reader: Reader = this.database): Promise<ReviewRow | null> {
    const [row] = await reader.query<ReviewRow>(SQL.byId, [id]);
    return row ?? null;
  }

  async ofExecution(executionId: string, reader: Reader = this.database): Promise<ReviewRow | null> {
    const [row] = await reader.query<ReviewRow>(SQL.byExecution, [executionId]);
    return row ?? null;
  }

  /** In no order. */
  ofExecutions(executionIds: readonly string[]): Promise<ReviewRow[]> {
    return this.database.query(SQL.byExecutions, [executionIds]);
  }

  /** @param executionUuid well formed */
  async ofSession(executionUuid: string): Promise<ReviewRow | null> {
    const [row] = await this.database.query<ReviewRow>(SQL.bySession, [executionUuid]);
    return row ?? null;
  }

  /** As it is once it is this transaction's turn. @param id well formed */
  async locked(tx: Transaction, id: string): Promise<ReviewRow | null> {
    await tx.query(SQL.lock, [id]);
    return this.find(id, tx);
  }

  /** As `locked`. */
  async lockedOf(tx: Transaction, executionId: string): Promise<ReviewRow | null> {
    await tx.query(SQL.lockByExecution, [executionId]);
    return this.ofExecution(executionId, tx);
  }

  /** Newest first. */
  list({ status, of, limit, offset }: ReviewFilter): Promise<ReviewRow[]> {
    const values: unknown[] = [];
    const parameter = (value: unknown): string => `$${values.push(value)}`;
    const conditions = [
      ...(status === null ? [] : [`r.status = ${parameter(status)}`]),
      ...(of === null
        ? []
        : [`(e.requested_by = ${parameter(of.userId)} OR r.reviewer_keys && ${parameter(of.keys)}::text[])`]),
    ];
    const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
    const text = `${SELECT} ${where} ORDER BY r.execution_id DESC LIMIT ${parameter(limit)} OFFSET ${parameter(offset)}`;
    return this.database.query({ text }, values);
  }

  /** One person's word; it replaces what they said before. */
  async vote(tx: Transaction, reviewId: string, vote: Omit<VoteRow, 'name' | 'at'>): Promise<void> {
    const { user_id, email, approves, groups, reason, time_window } = vote;
    const window = time_window && JSON.stringify(time_window);
    await tx.query(SQL.vote, [reviewId, user_id, email, approves, groups, reason, window]);
  }

  /** @returns false when it was not in that status any more */
  async decide(
    tx: Transaction,
    id: string,
    from: ReviewStatus,
    to: ReviewStatus,
    reason: string,
    by: string,
  ): Promise<boolean> {
    return (await tx.query(SQL.decided, [id, from, to, reason, by])).length > 0;
  }

  /** `APPROVED → PROCESSING`. @returns false when it was not approved any more */
  async process(tx: Transaction, id: string): Promise<boolean> {
    return (await tx.query(SQL.processing, [id])).length > 0;
  }

  /** Its hosts' queues have it. @returns false when they had it before, or it is not approved any more */
  async release(tx: Transaction, id: string): Promise<boolean> {
    return (await tx.query(SQL.released, [id])).length > 0;
  }

  /** What would run, as the ledger has it now. */
  async run(tx: Transaction, executionId: string): Promise<Run> {
    const [row] = await tx.query<{
      kind: ExecutionKind;
      content_sha256: Buffer;
      stdin_sha256: Buffer | null;
      options: RunOptions;
      timeout_seconds: number;
      host_ids: number[];
    }>(SQL.run, [executionId]);
    if (!row) throw new Error('a review without its execution');
    return {
      kind: row.kind,
      contentSha256: row.content_sha256,
      stdinSha256: row.stdin_sha256,
      options: row.options,
      timeoutSeconds: row.timeout_seconds,
      hostIds: row.host_ids,
    };
  }

  /** Some of the hosts that it is about, by id. */
  async hostnames(executionId: string, limit: number): Promise<string[]> {
    const rows = await this.database.query<{ hostname: string }>(SQL.hostnames, [executionId, limit]);
    return rows.map(({ hostname }) => hostname);
  }

  /** Approved, but their time window was not open. */
  async unreleased(): Promise<string[]> {
    return (await this.database.query<{ id: string }>(SQL.unreleased)).map(({ id }) => id);
  }

  /** Internal ids of the executions of all that are not over. */
  async open(): Promise<string[]> {
    const rows = await this.database.query<{ execution_id: string }>(SQL.open);
    return rows.map((row) => row.execution_id);
  }

  /** Those of these executions' reviews whose targets have all ended are over; the executions. */
  async close(executionIds: readonly string[]): Promise<string[]> {
    const rows = await this.database.query<{ execution_id: string }>(SQL.close, [executionIds]);
    return rows.map((row) => row.execution_id);
  }
}
