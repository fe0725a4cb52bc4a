import {
  Check,
  Column,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  Unique,
} from 'typeorm';
import { Script } from '#libs/scripts/index';
import { type RolloutDto } from './rollout/rollout.dto.js';

export const EXECUTION_KINDS = ['script', 'command', 'shell', 'exec_session', 'instance'] as const;
export type ExecutionKind = (typeof EXECUTION_KINDS)[number];

/** What stands beside the content: how it is to be run. Keys are absent when not asked for. */
export interface RunOptions {
  /** A script's arguments; argv and shell lines are the content itself. */
  arguments?: string[];
  cwd?: string;
  env?: Record<string, string>;
  clean_env?: boolean;
  user?: string;
  /** The saved script's name when it was asked for. */
  script_name?: string;
  /** A run of this script instance. */
  instance?: {
    id: number;
    name: string;
    script_id: number;
    /** What the agent started it for; absent: a person did. */
    trigger?: { type: 'xpath' | 'schedule'; setting: string };
  };
  /** Asked for on many hosts at once, as Fleet's batch. */
  batch?: true;
  /** Of a batch: the team that the script belonged to; absent: to none. */
  team_id?: number;
  /** The caller waits for the result: Fleet words its answers differently. */
  sync?: true;
  /** osapi's target as it was asked for: a name, `_all`, a label, an expression. */
  target?: string;
  /** One host of many: it moves on while nothing has started, and the last target counts. */
  any?: true;
  /** Hosts that are away get it when they are back. */
  queue?: true;
  /** Seconds, when asked for. */
  expires_in?: number;
  /** How it spreads over its hosts, as it was asked for. */
  rollout?: RolloutDto;
  /** Uuid of the execution that this repeats. */
  retry_of?: string;
  /** People have signed the request: its statement stands beside it. */
  signed?: true;
  /** Id of the review that it waits or waited for. */
  review?: string;
}

/** One request to run something, on one or more hosts; frozen when it is made. */
@Entity('executions')
@Unique('executions_uuid', ['uuid'])
@Check('executions_kind', `kind IN ('script', 'command', 'shell', 'exec_session', 'instance')`)
// Jobs are the executions of these kinds that nobody has deleted: for their list and its counts, migration 1790720000000.
@Index('executions_jobs', ['id'], { where: `kind IN ('command', 'shell') AND removed_at IS NULL` })
@Index('executions_jobs_status', ['jobStatus', 'id'], {
  where: `kind IN ('command', 'shell') AND removed_at IS NULL`,
})
@Index('executions_retries', { synchronize: false })
@Index('executions_idempotency', ['requestedBy', 'idempotencyKey'], {
  unique: true,
  where: 'idempotency_key IS NOT NULL',
})
export class Execution {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'executions_pkey',
  })
  id!: string;

  @Column({ type: 'uuid' })
  uuid!: string;

  @Column({ type: 'text' })
  kind!: ExecutionKind;

  /** User id; stays when the user is gone, beside the e-mail that it had. */
  @Column({ type: 'integer', name: 'requested_by', nullable: true })
  requestedBy!: number | null;

  @Column({ type: 'text', name: 'requested_by_email' })
  requestedByEmail!: string;

  /** Script bytes, or the JSON of argv or shell line, in `contents`. */
  @Column({ type: 'bytea', name: 'content_sha256' })
  contentSha256!: Buffer;

  /** The saved script that the content was taken from; null: none, or it is gone. */
  @Index('executions_script_id', { where: 'script_id IS NOT NULL' })
  @Column({ type: 'integer', name: 'script_id', nullable: true })
  scriptId!: number | null;

  @ManyToOne(() => Script, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'script_id', foreignKeyConstraintName: 'executions_script_id_fkey' })
  script!: Relation<Script> | null;

  @Column({ type: 'bytea', name: 'stdin_sha256', nullable: true })
  stdinSha256!: Buffer | null;

  @Column({ type: 'jsonb', default: {} })
  options!: RunOptions;

  @Column({ type: 'integer', name: 'timeout_seconds' })
  timeoutSeconds!: number;

  @Column({ type: 'integer', name: 'grace_seconds' })
  graceSeconds!: number;

  @Column({ type: 'bigint', name: 'output_cap_bytes' })
  outputCapBytes!: string;

  /** Seconds its host may be away before a run in flight counts as lost. */
  @Column({ type: 'integer', name: 'lease_seconds' })
  leaseSeconds!: number;

  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @Column({ type: 'text', name: 'idempotency_key', nullable: true })
  idempotencyKey!: string | null;

  /** SHA-256 of the request that the idempotency key stands for: the key with another request is a conflict. */
  @Column({ type: 'bytea', name: 'request_digest', nullable: true })
  requestDigest!: Buffer | null;

  /** Number of the newest output chunk; numbering is gapless because writers queue on this row. */
  @Column({ type: 'bigint', name: 'last_seq', default: 0 })
  lastSeq!: string;

  /** osapi's status of a job that has ended, once somebody has listed it; it never changes again. */
  @Column({ type: 'text', name: 'job_status', nullable: true })
  jobStatus!: string | null;

  /** When it was deleted as a job; the ledger keeps it. */
  @Column({ type: 'timestamptz', name: 'removed_at', nullable: true })
  removedAt!: Date | null;

  @Index('executions_created_at')
  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;
}
