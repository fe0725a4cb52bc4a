import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Label } from '#libs/agents/index';
import { Policy } from './policy.entity.js';

/** A policy is only about hosts of one of its labels, or about none of theirs. A label in use cannot be deleted. */
@Entity('policy_labels')
export class PolicyLabel {
  @PrimaryColumn({ type: 'integer', name: 'policy_id', primaryKeyConstraintName: 'policy_labels_pkey' })
  policyId!: number;

  @PrimaryColumn({ type: 'integer', name: 'label_id', primaryKeyConstraintName: 'policy_labels_pkey' })
  @Index('policy_labels_label')
  labelId!: number;

  /** false: hosts of one of these (`labels_include_any`); true: hosts of none of them (`labels_exclude_any`). */
  @Column({ type: 'boolean', default: false })
  exclude!: boolean;

  @ManyToOne(() => Policy, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'policy_id', foreignKeyConstraintName: 'policy_labels_policy_id_fkey' })
  policy!: Relation<Policy>;

  @ManyToOne(() => Label)
  @JoinColumn({ name: 'label_id', foreignKeyConstraintName: 'policy_labels_label_id_fkey' })
  label!: Relation<Label>;
}
