import {
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
import { type RuleSet } from './rule.js';

/** Rules about what may go into a connection and come out of it, under one name. */
@Entity('guardrails')
@Unique('guardrails_name', ['name'])
export class GuardRail {
  @PrimaryColumn({ type: 'uuid', primaryKeyConstraintName: 'guardrails_pkey' })
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** null: of no team. */
  @Index('guardrails_team_id')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'guardrails_team_id_fkey' })
  team!: Relation<Team> | null;

  /** What is checked before anything starts. */
  @Column({ type: 'jsonb' })
  input!: RuleSet;

  /** What is checked while output comes. */
  @Column({ type: 'jsonb' })
  output!: RuleSet;

  /** Connections with one of these attributes have it, too. */
  @Column({ type: 'text', array: true, default: '{}' })
  attributes!: string[];

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
