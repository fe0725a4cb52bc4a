import { Check, Column, Entity, Index, PrimaryGeneratedColumn } from 'typeorm';

/** Who did what, from where, with which outcome; written in the transaction of the act. */
@Entity('audit')
@Index('audit_host', ['hostId', 'id'], { where: 'host_id IS NOT NULL' })
@Check('audit_outcome', `outcome IN ('done', 'denied', 'failed')`)
export class AuditEntry {
  @PrimaryGeneratedColumn('identity', {
    type: 'bigint',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'audit_pkey',
  })
  id!: string;

  @Index('audit_at')
  @Column({ type: 'timestamptz', default: () => 'now()' })
  at!: Date;

  @Column({ type: 'integer', name: 'user_id', nullable: true })
  userId!: number | null;

  /** The e-mail that the user had then; for a failed login the one that was tried. */
  @Column({ type: 'text', nullable: true })
  email!: string | null;

  /** Address of the caller. */
  @Column({ type: 'text', nullable: true })
  address!: string | null;

  /** In Fleet's words where it has one (`ran_script`, `user_logged_in`…); for a denial the row of the table of rights. */
  @Column({ type: 'text' })
  act!: string;

  @Column({ type: 'text' })
  outcome!: 'done' | 'denied' | 'failed';

  @Column({ type: 'uuid', name: 'execution_uuid', nullable: true })
  executionUuid!: string | null;

  /** The host that it was done to, where it was one. */
  @Column({ type: 'integer', name: 'host_id', nullable: true })
  hostId!: number | null;

  /** What the act was about; never a secret. */
  @Column({ type: 'jsonb', default: {} })
  details!: Record<string, unknown>;
}
