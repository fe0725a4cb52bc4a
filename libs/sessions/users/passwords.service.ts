import { Injectable } from '@nestjs/common';
import { type Caller } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { LoginLimiter } from '../login-limiter.js';
import { hashPassword, passwordMatches } from './passwords.js';
import { requireManaged } from './user-access.js';
import { newPasswordProblem, problemsOf } from './user-fields.js';
import { type Account, UsersRepository } from './users.repository.js';

const DELETE_SESSIONS = { text: 'DELETE FROM sessions WHERE user_id = $1' };

/** Changes of passwords. Open sessions stay open, as in Fleet: whoever wants them ended deletes them. */
@Injectable()
export class PasswordsService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly limiter: LoginLimiter,
    private readonly audit: Audit,
  ) {}

  /**
   * Whether this is the password of the user. Guesses count like failed logins: a stolen session is no way around the limit.
   * @throws DomainError rate_limited
   */
  async proves(user: Account, password: string, address: string): Promise<boolean> {
    await this.limiter.take(user.email, address);
    const matches = await passwordMatches(user.passwordHash, password);
    if (matches) await this.limiter.succeeded(user.email, address);
    return matches;
  }

  /** @throws DomainError invalid (`old_password`, `new_password`), rate_limited */
  async change(caller: Caller, oldPassword: string, newPassword: string): Promise<void> {
    const problems = problemsOf(
      oldPassword === '' ? { name: 'old_password', reason: 'Old password cannot be empty' } : null,
      newPasswordProblem(newPassword, 'new_password', 'New password'),
    );
    if (problems.length > 0) throw new DomainError('invalid', problems);
    const user = await this.self(caller);
    if (!(await this.proves(user, oldPassword, caller.address)))
      throw new DomainError('invalid', { name: 'old_password', reason: 'old password does not match' });
    await this.refuseReuse(user, newPassword);
    await this.store(caller, newPassword);
  }

  /**
   * A user has to choose a new password before anything else; its sessions end.
   * @throws DomainError forbidden, not_found
   */
  async requireReset(caller: Caller, id: number, required: boolean): Promise<Account> {
    return this.database.transaction(async (tx) => {
      const user = requireManaged(caller, await this.users.findLocked(tx, id), id);
      await this.users.update(tx, id, { ...user, forcePasswordReset: required });
      if (required) await tx.query(DELETE_SESSIONS, [id]);
      const details = { ...described(user), required };
      await this.audit.record(tx, doneBy(caller, 'required_password_reset', details));
      return this.changed(tx, id);
    });
  }

  /**
   * The new password of a user who has to choose one.
   * @throws DomainError forbidden (an API token asks), refused (nobody required it), invalid (`new_password`)
   */
  async performReset(caller: Caller, newPassword: string): Promise<Account> {
    // No old password is asked for: a token that may do little would be worth the whole account.
    if (caller.sessionId === null) throw new DomainError('forbidden', 'forbidden');
    const problem = newPasswordProblem(newPassword, 'new_password', 'New password');
    if (problem) throw new DomainError('invalid', problem);
    const user = await this.self(caller);
    if (!user.forcePasswordReset) throw new DomainError('refused', 'user does not require password reset');
    await this.refuseReuse(user, newPassword);
    return this.store(caller, newPassword);
  }

  private async store(caller: Caller, password: string): Promise<Account> {
    const passwordHash = await hashPassword(password);
    return this.database.transaction(async (tx) => {
      const user = await this.users.findLocked(tx, caller.userId);
      if (!user) throw notFound('User', caller.userId);
      await this.users.update(tx, user.id, { ...user, passwordHash, forcePasswordReset: false });
      await this.audit.record(tx, doneBy(caller, 'changed_password', described(user)));
      return this.changed(tx, user.id);
    });
  }

  private async refuseReuse(user: Account, password: string): Promise<void> {
    if (await passwordMatches(user.passwordHash, password))
      throw new DomainError('invalid', { name: 'new_password', reason: 'Cannot reuse old password' });
  }

  private async self(caller: Caller): Promise<Account> {
    const user = await this.users.find(caller.userId);
    if (!user) throw notFound('User', caller.userId);
    return user;
  }

  private async changed(tx: Transaction, id: number): Promise<Account> {
    const user = await this.users.find(id, tx);
    if (!user) throw notFound('User', id);
    return user;
  }
}

/** How the record names a user. */
export function described(user: Account): Record<string, unknown> {
  return { user_id: user.id, user_name: user.name, user_email: user.email };
}
