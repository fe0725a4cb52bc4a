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
import { type Logging } from './query-fields.js';

/** SQL for hosts: under a name within its team (or for all hosts), or asked once, live. */
@Entity('queries')
@Check('queries_logging', `logging IN ('snapshot', 'differential', 'differential_ignore_removals')`)
// Unique whatever the case among what is saved, also among what belongs to no team.
@Index('queries_team_name', { synchronize: false })
export class SavedQuery {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'queries_pkey',
  })
  id!: number;

  /** null: for hosts of all teams. */
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'queries_team_id_fkey' })
  team!: Relation<Team> | null;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** The SQL. */
  @Column({ type: 'text' })
  query!: string;

  /** false: SQL that somebody asked live, without saving it. */
  @Column({ type: 'boolean' })
  saved!: boolean;

  /** null: the account is gone. */
  @Index('queries_author_id')
  @Column({ type: 'integer', name: 'author_id', nullable: true })
  authorId!: number | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'author_id', foreignKeyConstraintName: 'queries_author_id_fkey' })
  author!: Relation<User> | null;

  @Column({ type: 'boolean', name: 'observer_can_run', default: false })
  observerCanRun!: boolean;

  /** Seconds between two scheduled runs; 0: not scheduled. */
  @Column({ type: 'integer', default: 0 })
  interval!: number;

  /** `darwin,linux,windows,chrome` or some of them; empty: every platform. */
  @Column({ type: 'text', default: '' })
  platform!: string;

  @Column({ type: 'text', name: 'min_osquery_version', default: '' })
  minOsqueryVersion!: string;

  @Column({ type: 'boolean', name: 'automations_enabled', default: false })
  automationsEnabled!: boolean;

  /** How scheduled results are told. */
  @Column({ type: 'text', default: 'snapshot' })
  logging!: Logging;

  @Column({ type: 'boolean', name: 'discard_data', default: false })
  discardData!: boolean;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
