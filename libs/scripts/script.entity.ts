import {
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
import { Team } from '#libs/sessions/index';

/**
 * A saved script: a name within its team (or within no team), and the content that it stands for now. Contents stay
 * under their SHA-256 when the script is replaced or deleted: executions refer to them.
 */
@Entity('scripts')
// Unique whatever the case, also among those of no team; also the order of the list.
@Index('scripts_team_name', { synchronize: false })
export class Script {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'scripts_pkey',
  })
  id!: number;

  /** null: for hosts of no team. */
  @Column({ type: 'integer', name: 'team_id', nullable: true })
  teamId!: number | null;

  @ManyToOne(() => Team, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'team_id', foreignKeyConstraintName: 'scripts_team_id_fkey' })
  team!: Relation<Team> | null;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'bytea', name: 'content_sha256' })
  contentSha256!: Buffer;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
