import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Host } from '#libs/agents/index';
import { Policy } from './policy.entity.js';

/** What a host last answered to a policy. */
@Entity('policy_results')
@Index('policy_results_counts', ['policyId', 'passes'])
export class PolicyResult {
  @PrimaryColumn({ type: 'integer', name: 'policy_id', primaryKeyConstraintName: 'policy_results_pkey' })
  policyId!: number;

  @PrimaryColumn({ type: 'integer', name: 'host_id', primaryKeyConstraintName: 'policy_results_pkey' })
  @Index('policy_results_host')
  hostId!: number;

  /** null: its query failed there. */
  @Column({ type: 'boolean', nullable: true })
  passes!: boolean | null;

  @Column({ type: 'timestamptz', name: 'updated_at', default: () => 'now()' })
  updatedAt!: Date;

  @ManyToOne(() => Policy, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'policy_id', foreignKeyConstraintName: 'policy_results_policy_id_fkey' })
  policy!: Relation<Policy>;

  @ManyToOne(() => Host, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'host_id', foreignKeyConstraintName: 'policy_results_host_id_fkey' })
  host!: Relation<Host>;
}
