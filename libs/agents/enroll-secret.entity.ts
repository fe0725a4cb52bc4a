import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  type Relation,
} from 'typeorm';
import { Team } from '#libs/sessions/index';

/** A shared secret that lets agents enroll. Readable by those who manage enrolment (Fleet's contract prints it). */
@Entity('enroll_secrets')
export class EnrollSecret {
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'enroll_secrets_pkey' })
  secret!: string;

  /** Hosts that enroll with it belong to this team; null: to none. */
  @Index('enroll_secrets_team_id')
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'enroll_secrets_team_id_fkey' })
  team!: Relation<Team> | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
