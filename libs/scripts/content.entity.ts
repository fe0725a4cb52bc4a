import { Column, CreateDateColumn, Entity, PrimaryColumn } from 'typeorm';

/** Bytes kept under their SHA-256: what a run was made of stays readable whatever happens to the script's name. */
@Entity('contents')
export class Content {
  @PrimaryColumn({ type: 'bytea', primaryKeyConstraintName: 'contents_pkey' })
  sha256!: Buffer;

  @Column({ type: 'bytea' })
  bytes!: Buffer;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;
}
