import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
  Unique,
} from 'typeorm';
import { type Role } from '#libs/platform/auth/index';

/** A person or program that signs in. */
@Entity('users')
@Unique('users_email', ['email'])
@Check('users_email_lower', 'email = lower(email)')
@Check('users_global_role', `global_role IN ('admin', 'maintainer', 'observer', 'observer_plus', 'gitops')`)
export class User {
  @PrimaryGeneratedColumn('identity', {
    type: 'integer',
    generatedIdentity: 'ALWAYS',
    primaryKeyConstraintName: 'users_pkey',
  })
  id!: number;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text' })
  email!: string;

  /** argon2id, in its own encoded form. */
  @Column({ type: 'text', name: 'password_hash' })
  passwordHash!: string;

  @Column({ type: 'text', name: 'global_role', nullable: true })
  globalRole!: Role | null;

  @Column({ type: 'boolean', name: 'api_only', default: false })
  apiOnly!: boolean;

  @Column({ type: 'boolean', name: 'force_password_reset', default: false })
  forcePasswordReset!: boolean;

  @CreateDateColumn({ type: 'timestamptz', name: 'created_at' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', name: 'updated_at' })
  updatedAt!: Date;
}
