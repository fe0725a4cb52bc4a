import { Column, Entity, PrimaryColumn } from 'typeorm';

/** How much of the audit record is forgotten, signed: where the chain begins now. One row, or none. */
@Entity('audit_checkpoints')
export class AuditCheckpoint {
  /** The last seal that is gone. */
  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'audit_checkpoints_pkey' })
  seal!: string;

  /** JSON, as it was signed. */
  @Column({ type: 'text' })
  body!: string;

  @Column({ type: 'bytea' })
  signature!: Buffer;
}
