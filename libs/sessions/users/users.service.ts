import { Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError, type FieldProblem, notFound } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { SessionsService } from '../sessions.service.js';
import { hashPassword } from './passwords.js';
import { described, PasswordsService } from './passwords.service.js';
import { checkRoles, lastAdmin, type Roles } from './roles.js';
import { RolesService } from './roles.service.js';
import { manages, requireManaged, visible } from './user-access.js';
import { emailProblem, nameProblem, newPasswordProblem, problemsOf } from './user-fields.js';
import { type CreateUserDto, type ModifyUserDto } from './users.dto.js';
import { type Account, type AccountFields, UsersRepository } from './users.repository.js';

type Changes = { -readonly [Field in keyof AccountFields]?: AccountFields[Field] };

/** Users, as those who manage them see them. */
@Injectable()
export class UsersService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly roles: RolesService,
    private readonly passwords: PasswordsService,
    private readonly sessions: SessionsService,
    private readonly audit: Audit,
  ) {}

  /** @throws DomainError forbidden: all users are the global admins' to see, those of a team its admins' */
  list(caller: Caller, options: ListOptions, teamId: number | null): Promise<Account[]> {
    require(caller, 'user:manage', teamId);
    return this.users.list(options, teamId);
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number): Promise<Account> {
    return visible(caller, await this.users.find(id), id);
  }

  /**
   * @returns for a program also the token of a session
   * @throws DomainError forbidden; invalid, a problem per field; role_refused; already_exists
   */
  async create(caller: Caller, dto: CreateUserDto): Promise<{ user: Account; token?: string }> {
    const teamIds = dto.global_role || !dto.teams?.length ? [null] : dto.teams.map((team) => team.id);
    for (const teamId of teamIds) require(caller, 'user:manage', teamId);
    const { name = '', email = '', password = '', api_only: apiOnly = false } = dto;
    refuse(
      nameProblem(dto.name),
      emailProblem(dto.email),
      newPasswordProblem(dto.password, 'password', 'Password'),
      ...notThere(dto),
    );
    const roles = checkRoles(dto, apiOnly);
    const fields: AccountFields = {
      name,
      email: email.toLowerCase(),
      passwordHash: await hashPassword(password),
      apiOnly,
      forcePasswordReset: dto.admin_forced_password_reset ?? true,
    };
    return this.database.transaction(async (tx) => {
      await this.users.lockRoles(tx);
      const id = await this.users.insert(tx, fields);
      const bare = await this.existing(tx, id);
      await this.audit.record(tx, doneBy(caller, 'created_user', described(bare)));
      await this.roles.assign(tx, caller, bare, roles);
      const user = await this.existing(tx, id);
      return apiOnly ? { user, token: await this.sessions.open(tx, id) } : { user };
    });
  }

  /**
   * Changes what is given. Users change their own name freely, their e-mail and password with their password.
   * @throws DomainError forbidden; not_found; invalid, a problem per field; role_refused; already_exists; rate_limited
   */
  async modify(caller: Caller, id: number, dto: ModifyUserDto): Promise<Account> {
    const known = visible(caller, await this.users.find(id), id);
    const own = id === caller.userId;
    const newPassword = dto.new_password ?? null;
    refuse(
      given(dto.name) ? nameProblem(dto.name) : null,
      given(dto.email) ? emailProblem(dto.email) : null,
      newPassword === null ? null : newPasswordProblem(newPassword, 'new_password', 'New password'),
      ...notThere(dto),
    );
    if (own) await this.proveForOwn(caller, known, dto);
    const passwordHash = newPassword === null ? null : await hashPassword(newPassword);
    return this.database.transaction(async (tx) => {
      await this.users.lockRoles(tx);
      const user = visible(caller, await this.users.findLocked(tx, id), id);
      const changes = changedFields(user, dto, passwordHash);
      const managed = manages(caller, user);
      if (Object.keys(changes).length > 0 && !(managed || (own && changes.apiOnly === undefined)))
        throw new DomainError('forbidden', 'forbidden');
      // Whoever chose it knows it: no need to choose again.
      if (own && passwordHash !== null) changes.forcePasswordReset = false;
      await this.update(tx, caller, user, changes);
      const roles = rolesAfter(user, dto, changes.apiOnly ?? user.apiOnly);
      if (roles) await this.roles.assign(tx, caller, user, roles);
      return this.existing(tx, id);
    });
  }

  /** @throws DomainError forbidden; not_found; role_refused (the last global admin) */
  async delete(caller: Caller, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      await this.users.lockRoles(tx);
      const user = requireManaged(caller, await this.users.findLocked(tx, id), id);
      await this.users.delete(tx, id);
      if (user.globalRole === 'admin' && (await this.users.countAdmins(tx)) === 0) throw lastAdmin();
      await this.audit.record(tx, doneBy(caller, 'deleted_user', described(user)));
    });
  }

  /** Own e-mail and password are not changed by whoever finds an open session. */
  private async proveForOwn(caller: Caller, known: Account, dto: ModifyUserDto): Promise<void> {
    const newEmail = given(dto.email) && dto.email.toLowerCase() !== known.email;
    if (!newEmail && !given(dto.new_password)) return;
    if (!dto.password) {
      const reason = newEmail
        ? 'Password cannot be empty if email is changed'
        : 'Old password cannot be empty';
      throw new DomainError('invalid', { name: 'password', reason });
    }
    if (!(await this.passwords.proves(known, dto.password, caller.address)))
      throw new DomainError('invalid', { name: 'password', reason: 'incorrect password' });
  }

  private async update(tx: Transaction, caller: Caller, user: Account, changes: Changes): Promise<void> {
    const fields = Object.keys(changes);
    if (fields.length === 0) return;
    await this.users.update(tx, user.id, { ...user, ...changes }).catch((error: unknown) => {
      if (violated(error) !== 'users_email') throw error;
      throw new DomainError('already_exists', `User "${changes.email}" already exists`);
    });
    if (changes.passwordHash !== undefined)
      await this.audit.record(tx, doneBy(caller, 'changed_password', described(user)));
    const { name, email, apiOnly } = changes;
    if (name !== undefined || email !== undefined || apiOnly !== undefined) {
      const details = { ...described(user), new: { name, email, api_only: apiOnly } };
      await this.audit.record(tx, doneBy(caller, 'edited_user', details));
    }
  }

  private async existing(tx: Transaction, id: number): Promise<Account> {
    const user = await this.users.find(id, tx);
    if (!user) throw notFound('User', id);
    return user;
  }
}

function given<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}

/** What differs; what a client sends back as it was changes nothing. */
function changedFields(user: Account, dto: ModifyUserDto, passwordHash: string | null): Changes {
  const changes: Changes = {};
  if (given(dto.name) && dto.name !== user.name) changes.name = dto.name;
  const email = dto.email?.toLowerCase();
  if (given(email) && email !== user.email) changes.email = email;
  if (given(dto.api_only) && dto.api_only !== user.apiOnly) changes.apiOnly = dto.api_only;
  if (passwordHash !== null) changes.passwordHash = passwordHash;
  return changes;
}

/** The roles that a user is to have; null: as they are. */
function rolesAfter(user: Account, dto: ModifyUserDto, apiOnly: boolean): Roles | null {
  if (dto.global_role || given(dto.teams)) return checkRoles(dto, apiOnly);
  // A program that becomes a person cannot stay gitops.
  if (apiOnly !== user.apiOnly && (user.globalRole !== null || user.teams.length > 0))
    checkRoles({ global_role: user.globalRole, teams: user.teams }, apiOnly);
  return null;
}

/** Fleet's switches for what there is none of here; off is fine. */
function notThere(dto: {
  sso_enabled?: boolean | null;
  mfa_enabled?: boolean | null;
}): (FieldProblem | null)[] {
  return [
    dto.sso_enabled ? { name: 'sso_enabled', reason: 'there is no single sign-on here' } : null,
    dto.mfa_enabled ? { name: 'mfa_enabled', reason: 'there is no second step by e-mail here' } : null,
  ];
}

function refuse(...found: (FieldProblem | null)[]): void {
  const problems = problemsOf(...found);
  if (problems.length > 0) throw new DomainError('invalid', problems);
}
