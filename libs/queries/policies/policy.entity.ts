import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  UpdateDateColumn,
} from 'typeorm';
import { Team, User } from '#libs/sessions/index';

/** Whose hosts a policy is about: all, those of one team, those of no team. */
export const POLICY_SCOPES = ['global', 'team', 'no_team'] as const;
export type PolicyScope = (typeof POLICY_SCOPES)[number];

/** A question that hosts answer with yes (rows) or no. */
@Entity('policies')
@Check('policies_scope', `scope IN ('global', 'team', 'no_team')`)
@Check('policies_team', `(scope = 'team') = (team_id IS NOT NULL)`)
// Unique whatever the case within scope and team.
@Index('policies_scope_team_name', { synchronize: false })
export class Policy {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'policies_pkey',
  })
  id!: number;

  @Column({ type: 'text', default: 'global' })
  scope!: PolicyScope;

  /** Of the scope `team` only. */
  @Index('policies_team_id')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'policies_team_id_fkey' })
  team!: Relation<Team> | null;

  @Column({ type: 'text' })
  name!: string;

  /** The SQL: one row or more passes. */
  @Column({ type: 'text' })
  query!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** What its owner is to do about a host that fails. */
  @Column({ type: 'text', default: '' })
  resolution!: string;

  /** `darwin,linux,windows,chrome` or some of them; empty: every platform. */
  @Column({ type: 'text', default: '' })
  platform!: string;

  @Column({ type: 'boolean', default: false })
  critical!: boolean;

  /** null: the account is gone. */
  @Index('policies_author_id')
  @Column({ type: 'integer', name: 'author_id', nullable: true })
  authorId!: number | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'author_id', foreignKeyConstraintName: 'policies_author_id_fkey' })
  author!: Relation<User> | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
