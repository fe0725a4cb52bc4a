import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What some rows of the audit record came to, signed; each names the one before it. Only ever added, except where rows are forgotten. */
@Entity('audit_seals')
export class AuditSeal {
  /** From 1, without gaps. */
  @PrimaryColumn({ type: 'bigint', primaryKeyConstraintName: 'audit_seals_pkey' })
  seal!: string;

  /** JSON, as it was signed. */
  @Column({ type: 'text' })
  body!: string;

  @Column({ type: 'bytea' })
  signature!: Buffer;

  /** Its rows, in the order of the chain. */
  @Column({ type: 'bigint', array: true })
  ids!: string[];

  /** Their hashes, 32 bytes each. */
  @Column({ type: 'bytea' })
  hashes!: Buffer;
}
