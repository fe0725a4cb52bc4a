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
import { User } from '../users/user.entity.js';

/** The public half of a key with which somebody signs; the private one never leaves their machine. */
@Entity('operator_keys')
@Index('operator_keys_user_name', ['userId', 'name'], { unique: true, where: 'revoked_at IS NULL' })
export class OperatorKey {
  /** First 16 hex digits of the SHA-256 of the public key. */
  @PrimaryColumn({ type: 'text', primaryKeyConstraintName: 'operator_keys_pkey' })
  id!: string;

  @Column({ type: 'integer', name: 'user_id' })
  userId!: number;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'operator_keys_user_id_fkey' })
  user!: Relation<User>;

  /** Tells the keys of one user apart. */
  @Column({ type: 'text' })
  name!: string;

  /** The 32 bytes of an Ed25519 key. */
  @Column({ type: 'bytea', name: 'public_key' })
  publicKey!: Buffer;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  /** From then on the server takes no signature of it; null: it is good. */
  @Column({ type: 'timestamptz', name: 'revoked_at', nullable: true })
  revokedAt!: Date | null;
}
