import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  OneToOne,
  PrimaryColumn,
  type Relation,
  Unique,
} from 'typeorm';
import { type Requirement, type TimeWindow } from '#libs/connections/index';
import { Execution } from '../execution.entity.js';

/**
 * ```
 * PENDING → APPROVED → PROCESSING → EXECUTED
 *    │         └────────────┘│        (PROCESSING: only what waits for a run call passes through it)
 *    ├→ REJECTED             └→ REVOKED   (also from PENDING and APPROVED)
 * ```
 * REVOKED is also what nobody decided in time, and what was cancelled before it ran.
 */
export const REVIEW_STATUSES = [
  'PENDING',
  'APPROVED',
  'REJECTED',
  'REVOKED',
  'PROCESSING',
  'EXECUTED',
] as const;
export type ReviewStatus = (typeof REVIEW_STATUSES)[number];

/** What becomes of it when it is approved: `wait_for_run` → `ready`, until somebody calls for it; `queue` → its hosts' queues. */
export type AfterApproval = 'wait_for_run' | 'queue';

/** Approval of one execution, bound to everything that it would run. Its row lock is what decisions and runs take turns under. */
@Entity('reviews')
@Unique('reviews_execution', ['executionId'])
@Check('reviews_status', `status IN ('PENDING', 'APPROVED', 'REJECTED', 'REVOKED', 'PROCESSING', 'EXECUTED')`)
@Check('reviews_ready', `ready IN ('wait_for_run', 'queue')`)
@Index('reviews_by_status', ['status', 'executionId'])
@Index('reviews_open', ['executionId'], { where: `status IN ('PENDING', 'APPROVED', 'PROCESSING')` })
export class Review {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'reviews_pkey' })
  id!: string;

  @Column({ type: 'bigint', name: 'execution_id' })
  executionId!: string;

  @OneToOne(() => Execution, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'execution_id', foreignKeyConstraintName: 'reviews_execution_id_fkey' })
  execution!: Relation<Execution>;

  @Column({ type: 'text' })
  status!: ReviewStatus;

  /** SHA-256 over what would run: see `digestOfRun`. */
  @Column({ type: 'bytea' })
  digest!: Buffer;

  /** Whose approval it needs, as it was when it was asked for. */
  @Column({ type: 'jsonb' })
  requirements!: Requirement[];

  /** All who may decide, as `keysOfReviewer` has them. */
  @Column({ type: 'text', name: 'reviewer_keys', array: true })
  reviewerKeys!: string[];

  /** The team that all its hosts are of; null: none, or several. */
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @Column({ type: 'integer', name: 'host_count' })
  hostCount!: number;

  @Column({ type: 'text' })
  ready!: AfterApproval;

  /** Seconds in which it has to start once its hosts' queues have it; null: it may wait there for ever. */
  @Column({ type: 'integer', name: 'run_within_seconds', nullable: true })
  runWithinSeconds!: number | null;

  /** The expiry that was asked for, whenever it is approved; null: none was. */
  @Column({ type: 'timestamptz', nullable: true })
  deadline!: Date | null;

  /** Until then it can be decided. */
  @Column({ type: 'timestamptz', name: 'expires_at' })
  expiresAt!: Date;

  /** Of an exec session; they stay when the connection is gone. */
  @Column({ type: 'uuid', name: 'connection_id', nullable: true })
  connectionId!: string | null;

  @Column({ type: 'text', name: 'connection_name', nullable: true })
  connectionName!: string | null;

  /** Why it was rejected or revoked. */
  @Column({ type: 'text', default: '' })
  reason!: string;

  /** E-mail of whose word decided; null: nobody's so far. */
  @Column({ type: 'text', name: 'decided_by', nullable: true })
  decidedBy!: string | null;

  @Column({ type: 'timestamptz', name: 'decided_at', nullable: true })
  decidedAt!: Date | null;

  /** When its hosts' queues got it. */
  @Column({ type: 'timestamptz', name: 'released_at', nullable: true })
  releasedAt!: Date | null;

  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}

/** What one person has said about it; a later word replaces an earlier one, as long as nothing is decided. */
@Entity('review_votes')
export class ReviewVote {
  @PrimaryColumn({ type: 'uuid', name: 'review_id', primaryKeyConstraintName: 'review_votes_pkey' })
  reviewId!: string;

  @ManyToOne(() => Review, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'review_id', foreignKeyConstraintName: 'review_votes_review_id_fkey' })
  review!: Relation<Review>;

  /** User id; stays when the user is gone. */
  @PrimaryColumn({ type: 'integer', name: 'user_id', primaryKeyConstraintName: 'review_votes_pkey' })
  userId!: number;

  @Column({ type: 'text' })
  email!: string;

  @Column({ type: 'boolean' })
  approves!: boolean;

  /** The reviewers that this person spoke for, at that moment. */
  @Column({ type: 'text', array: true })
  groups!: string[];

  @Column({ type: 'text', default: '' })
  reason!: string;

  /** When it may run, as far as this approval goes. */
  @Column({ type: 'jsonb', name: 'time_window', nullable: true })
  timeWindow!: TimeWindow | null;

  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;
}
