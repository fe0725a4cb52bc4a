import { Column, CreateDateColumn, Entity, Index, PrimaryGeneratedColumn, UpdateDateColumn } from 'typeorm';

/** Saved queries that some hosts run again and again. */
@Entity('packs')
export class Pack {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'packs_pkey',
  })
  id!: number;

  /** Unique whatever the case (index `packs_name` over `lower(name)`). */
  @Index('packs_name', { synchronize: false })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** `darwin,linux,windows,chrome` or some of them; empty: every platform. */
  @Column({ type: 'text', default: '' })
  platform!: string;

  /** true: no host runs it. */
  @Column({ type: 'boolean', default: false })
  disabled!: boolean;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
