import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Hosts, scripts and people that belong together: roles can be given for one team. */
@Entity('teams')
export class Team {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'teams_pkey',
  })
  id!: number;

  /** Unique whatever the case (index `teams_name` over `lower(name)`). */
  @Index('teams_name', { synchronize: false })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** What agents of the team are told; as given. */
  @Column({ type: 'jsonb', name: 'agent_options', nullable: true })
  agentOptions!: Record<string, unknown> | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
