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
import { User } from '#libs/sessions/index';

/** Hosts under one name, to be aimed at. */
@Entity('labels')
@Check('labels_label_type', `label_type IN ('regular', 'builtin')`)
@Check('labels_membership_type', `membership_type IN ('dynamic', 'manual')`)
export class Label {
  /** Below 1000: built in (`builtin-labels.ts`); the identity begins at 1000. */
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'labels_pkey',
  })
  id!: number;

  /** Unique whatever the case (index `labels_name` over `lower(name)`). */
  @Index('labels_name', { synchronize: false })
  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', default: '' })
  description!: string;

  /** SQL for the host: one row or more makes it a member. Empty for manual labels. */
  @Column({ type: 'text', default: '' })
  query!: string;

  /** Only hosts of this platform are asked; empty: all. */
  @Column({ type: 'text', default: '' })
  platform!: string;

  @Column({ type: 'text', name: 'label_type', default: 'regular' })
  labelType!: 'regular' | 'builtin';

  /** How hosts come into it: by its query, or by people's word. */
  @Column({ type: 'text', name: 'membership_type', default: 'dynamic' })
  membershipType!: 'dynamic' | 'manual';

  /** null: built in, or the account is gone. */
  @Column({ type: 'integer', name: 'author_id', nullable: true })
  authorId!: number | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'author_id', foreignKeyConstraintName: 'labels_author_id_fkey' })
  author!: Relation<User> | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
