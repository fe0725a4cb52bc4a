import {
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  PrimaryGeneratedColumn,
  type Relation,
  Unique,
} from 'typeorm';
import { type Act, type TokenLimits } from '#libs/platform/auth/index';
import { User } from '../users/user.entity.js';

/** A named token for a program: the rights of its owner or fewer, until it expires. The token itself is shown once. */
@Entity('api_tokens')
@Unique('api_tokens_token_hash', ['tokenHash'])
@Unique('api_tokens_user_name', ['userId', 'name'])
export class ApiToken {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'api_tokens_pkey',
  })
  id!: number;

  @Column({ type: 'integer', name: 'user_id' })
  userId!: number;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'api_tokens_user_id_fkey' })
  user!: Relation<User>;

  @Column({ type: 'text' })
  name!: string;

  /** SHA-256 of the token. */
  @Column({ type: 'bytea', name: 'token_hash' })
  tokenHash!: Buffer;

  /** null: all that the owner may. */
  @Column({ type: 'jsonb', nullable: true })
  rights!: Act[] | null;

  /** Teams, labels and commands that it is limited to; null: to none. */
  @Column({ type: 'jsonb', nullable: true })
  scope!: TokenLimits | null;

  @Column({ type: 'timestamptz', name: 'expires_at', nullable: true })
  expiresAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  /** To the minute; null: never used. */
  @Column({ type: 'timestamptz', name: 'used_at', nullable: true })
  usedAt!: Date | null;
}
