import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { isEmail } from 'class-validator';
import { Repository } from 'typeorm';
import { type Role, passwordProblem } from '#libs/platform/auth/index';
import { type Transaction } from '#libs/platform/database/index';
import { DomainError, type FieldProblem } from '#libs/platform/errors/index';
import { hashPassword } from './passwords.js';
import { type UserDto } from './sessions.dto.js';
import { User } from './user.entity.js';

export interface NewUser {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly globalRole: Role;
}

const INSERT = {
  text: 'INSERT INTO users (name, email, password_hash, global_role) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING id, created_at, updated_at',
};

interface CreatedRow {
  id: number;
  created_at: Date;
  updated_at: Date;
}

@Injectable()
export class UsersService {
  /** Users never all vanish again, so a yes is remembered. */
  private someExist = false;

  constructor(@InjectRepository(User) private readonly users: Repository<User>) {}

  async anyExist(): Promise<boolean> {
    this.someExist ||= await this.users.exists();
    return this.someExist;
  }

  findByEmail(email: string): Promise<User | null> {
    return this.users.findOneBy({ email: email.toLowerCase() });
  }

  findById(id: number): Promise<User | null> {
    return this.users.findOneBy({ id });
  }

  /** @throws DomainError invalid (password, e-mail), already_exists */
  async create(tx: Transaction, user: NewUser): Promise<User> {
    const problems: FieldProblem[] = [];
    if (user.name.trim() === '') problems.push({ name: 'name', reason: 'must not be empty' });
    if (!isEmail(user.email)) problems.push({ name: 'email', reason: 'must be an e-mail address' });
    const weak = passwordProblem(user.password);
    if (weak) problems.push({ name: 'password', reason: weak });
    if (problems.length > 0) throw new DomainError('invalid', problems);
    const email = user.email.toLowerCase();
    const passwordHash = await hashPassword(user.password);
    const { name, globalRole } = user;
    const [row] = await tx.query<CreatedRow>(INSERT, [name, email, passwordHash, globalRole]);
    if (!row) throw new DomainError('already_exists', `User "${email}" already exists`);
    const { id, created_at: createdAt, updated_at: updatedAt } = row;
    return {
      id,
      name,
      email,
      passwordHash,
      globalRole,
      apiOnly: false,
      forcePasswordReset: false,
      createdAt,
      updatedAt,
    };
  }
}

/** The user object of Fleet's answers. */
export function toUserDto(user: User): UserDto {
  const gravatar = createHash('md5').update(user.email).digest('hex');
  return {
    created_at: user.createdAt.toISOString(),
    updated_at: user.updatedAt.toISOString(),
    id: user.id,
    name: user.name,
    email: user.email,
    force_password_reset: user.forcePasswordReset,
    gravatar_url: `https://www.gravatar.com/avatar/${gravatar}`,
    sso_enabled: false,
    mfa_enabled: false,
    global_role: user.globalRole,
    api_only: user.apiOnly,
    teams: [],
  };
}
