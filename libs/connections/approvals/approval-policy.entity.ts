import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  type Relation,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import { Team } from '#libs/sessions/index';
import { type PolicyCondition } from './policy-conditions.js';

/** What has to be approved before it runs, whichever way it is asked for, and by whom. */
@Entity('approval_policies')
@Unique('approval_policies_name', ['name'])
@Check('approval_policies_reviewers', 'cardinality(reviewers) > 0')
@Check('approval_policies_min_approvals', 'min_approvals > 0')
@Check('approval_policies_expires_in', 'expires_in_seconds > 0')
export class ApprovalPolicy {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'approval_policies_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  @Column({ type: 'boolean', default: true })
  enabled!: boolean;

  /** It looks at hosts of this team alone; null: at all hosts. */
  @Index('approval_policies_team_id')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'approval_policies_team_id_fkey' })
  team!: Relation<Team> | null;

  /** One of them is enough; none: everything has to be approved. */
  @Column({ type: 'jsonb', default: [] })
  conditions!: PolicyCondition[];

  /** E-mails, roles, names of teams. */
  @Column({ type: 'text', array: true })
  reviewers!: string[];

  @Column({ type: 'integer', name: 'min_approvals', default: 1 })
  minApprovals!: number;

  /** Those among the reviewers whose approval is enough by itself. */
  @Column({ type: 'text', name: 'force_approve_groups', array: true, default: '{}' })
  forceApproveGroups!: string[];

  /** How long a request waits for its approvals. */
  @Column({ type: 'integer', name: 'expires_in_seconds', default: 86_400 })
  expiresInSeconds!: number;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
