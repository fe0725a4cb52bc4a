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
import { type Lane, type ReasonCode, type StopFired } from '#libs/protocol/index';
import { Execution } from './execution.entity.js';
import { IN_FLIGHT_STATES, sqlList, TARGET_STATES, type TargetState, UNSENT_STATES } from './states.js';

/**
 * How runs on one host stand to each other. `instance`: a person's start of a script instance, one at a time of each; `triggered`: what the agent started by
 * itself, and the server never has to.
 */
export type TargetLane = Lane | 'instance' | 'triggered';

/** One host of an execution: where it stands, which attempt speaks for it, how it ended. */
@Entity('targets')
@Unique('targets_uuid', ['uuid'])
@Unique('targets_execution_host', ['executionId', 'hostId'])
@Check('targets_state', `state IN (${sqlList(TARGET_STATES)})`)
@Check('targets_lane', `lane IN ('serial', 'parallel', 'instance', 'triggered')`)
@Check('targets_attempt', `state NOT IN (${sqlList(IN_FLIGHT_STATES)}) OR attempt_id IS NOT NULL`)
@Index('targets_one_serial_in_flight', ['hostId'], {
  unique: true,
  where: `lane = 'serial' AND state IN (${sqlList(IN_FLIGHT_STATES)})`,
})
// Only what the server has ordered: a triggered run may be told of after its successor has begun.
@Index('targets_one_run_per_instance', ['instanceId', 'hostId'], {
  unique: true,
  where: `lane = 'instance' AND state IN (${sqlList(['queued', ...IN_FLIGHT_STATES])})`,
})
// Open only to statements that name a host: PostgreSQL would look for an id once for each host.
@Index('targets_queue', ['hostId', 'lane', 'id'], { where: `state = 'queued' AND host_id IS NOT NULL` })
@Index('targets_parked', ['hostId', 'id'], {
  where: `state = 'waiting_approval' AND host_id IS NOT NULL`,
})
@Index('targets_in_flight', ['hostId', 'lane'], { where: `state IN (${sqlList(IN_FLIGHT_STATES)})` })
@Index('targets_expiry', ['expiresAt'], {
  where: `expires_at IS NOT NULL AND state IN (${sqlList([...UNSENT_STATES, 'dispatched'])})`,
})
@Index('targets_host_history', ['hostId', 'id'], { where: 'host_id IS NOT NULL' })
@Index('targets_script', ['scriptId', 'hostId', 'id'], { where: 'script_id IS NOT NULL' })
export class Target {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'targets_pkey',
  })
  id!: string;

  /** Equals the execution's uuid when it has one target only. */
  @Column({ type: 'uuid' })
  uuid!: string;

  @Column({ type: 'bigint', name: 'execution_id' })
  executionId!: string;

  /** Goes with it by a trigger (migration 1790970000000). */
  @ManyToOne(() => Execution, { createForeignKeyConstraints: false })
  @JoinColumn({ name: 'execution_id' })
  execution!: Relation<Execution>;

  @Column({ type: 'integer', name: 'host_id' })
  hostId!: number;

  /** The saved script that is run, also when it has been deleted since: ids are never used again. */
  @Column({ type: 'integer', name: 'script_id', nullable: true })
  scriptId!: number | null;

  /** The script instance that this is a run of, also when it has been deleted since. Its history follows by a trigger (migration 1790910000000). */
  @Column({ type: 'integer', name: 'instance_id', nullable: true })
  instanceId!: number | null;

  @Column({ type: 'text' })
  lane!: TargetLane;

  @Column({ type: 'text' })
  state!: TargetState;

  /** Fences out late and duplicate reports: only the current attempt's word counts. */
  @Index('targets_attempt_id', { unique: true, where: 'attempt_id IS NOT NULL' })
  @Column({ type: 'uuid', name: 'attempt_id', nullable: true })
  attemptId!: string | null;

  /** The agent's journal that the attempt was sent to. */
  @Column({ type: 'uuid', name: 'journal_id', nullable: true })
  journalId!: string | null;

  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  /** A stop was asked for (by a person, or by expiry) and has yet to be confirmed by the agent. */
  @Column({ type: 'text', name: 'stop_reason', nullable: true })
  stopReason!: ReasonCode | null;

  @Column({ type: 'text', name: 'stop_by', nullable: true })
  stopBy!: string | null;

  @Column({ type: 'text', nullable: true })
  reason!: ReasonCode | null;

  @Column({ type: 'text', default: '' })
  message!: string;

  @Column({ type: 'integer', name: 'exit_code', nullable: true })
  exitCode!: number | null;

  @Column({ type: 'integer', nullable: true })
  signal!: number | null;

  @Column({ type: 'timestamptz', name: 'created_at', default: () => 'now()' })
  createdAt!: Date;

  @Column({ type: 'timestamptz', name: 'dispatched_at', nullable: true })
  dispatchedAt!: Date | null;

  /** By the agent's clock. */
  @Column({ type: 'timestamptz', name: 'started_at', nullable: true })
  startedAt!: Date | null;

  /** By the agent's clock; the server's where the agent had no word in it. */
  @Column({ type: 'timestamptz', name: 'finished_at', nullable: true })
  finishedAt!: Date | null;

  @Column({ type: 'bigint', name: 'duration_ms', nullable: true })
  durationMs!: string | null;

  /** Bytes written by the process, kept or not. */
  @Column({ type: 'bigint', name: 'stdout_bytes', default: 0 })
  stdoutBytes!: string;

  @Column({ type: 'bigint', name: 'stderr_bytes', default: 0 })
  stderrBytes!: string;

  /** Bytes that were not kept, between head and tail. */
  @Column({ type: 'bigint', name: 'dropped_bytes', default: 0 })
  droppedBytes!: string;

  /** Number (within the target) of the first chunk after the gap. */
  @Column({ type: 'integer', name: 'gap_chunk', nullable: true })
  gapChunk!: number | null;

  /** What ended a run of an instance, when it was no person; null: nothing did, or somebody. */
  @Column({ type: 'jsonb', name: 'stop_trigger', nullable: true })
  stopTrigger!: StopFired | null;

  /** How often something in its output was masked, by kind; null: never. */
  @Column({ type: 'jsonb', nullable: true })
  masked!: Record<string, number> | null;
}
