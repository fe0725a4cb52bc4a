import { Check, Column, Entity, Index, JoinColumn, OneToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Execution } from '../execution.entity.js';
import { type RolloutState } from './rollout.dto.js';

/**
 * How far an execution has spread, for those that spread in waves. Its row lock is what waves are released under; which
 * targets that touches follows from the order of their hosts.
 */
@Entity('rollouts')
@Check('rollouts_state', `state IN ('running', 'pausing', 'halted', 'done')`)
@Check('rollouts_next_at', `(state = 'pausing') = (next_at IS NOT NULL)`)
@Index('rollouts_open', ['executionId'], { where: `state <> 'done'` })
@Index('rollouts_pausing', ['nextAt'], { where: `state = 'pausing'` })
export class Rollout {
  @PrimaryColumn({ type: 'bigint', name: 'execution_id', primaryKeyConstraintName: 'rollouts_pkey' })
  executionId!: string;

  @OneToOne(() => Execution, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'execution_id', foreignKeyConstraintName: 'rollouts_execution_id_fkey' })
  execution!: Relation<Execution>;

  /** Hosts per wave, as planned. */
  @Column({ type: 'integer', array: true })
  waves!: number[];

  @Column({ type: 'integer', name: 'max_failures', nullable: true })
  maxFailures!: number | null;

  @Column({ type: 'integer', name: 'pause_seconds' })
  pauseSeconds!: number;

  @Column({ type: 'text' })
  state!: RolloutState;

  @Column({ type: 'text', nullable: true })
  reason!: string | null;

  /** Number of the wave that was released last; 0: none yet. */
  @Column({ type: 'integer' })
  wave!: number;

  /** The wave's targets are those on hosts with ids above this… */
  @Column({ type: 'integer', name: 'after_host' })
  afterHost!: number;

  /** …and up to this; what lies beyond has not been released. */
  @Column({ type: 'integer', name: 'upto_host' })
  uptoHost!: number;

  /** Hosts of all released waves. */
  @Column({ type: 'integer' })
  released!: number;

  /** Failures before the wave began, among them hosts that could not run it at all. */
  @Column({ type: 'integer', name: 'failures_before' })
  failuresBefore!: number;

  /** Failures so far, as of the last look. */
  @Column({ type: 'integer' })
  failures!: number;

  /** Failures when it was resumed last: they do not count any more. */
  @Column({ type: 'integer', default: 0 })
  forgiven!: number;

  @Column({ type: 'timestamptz', name: 'next_at', nullable: true })
  nextAt!: Date | null;
}
