import { type Caller, may } from '#libs/platform/auth/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type Roles } from './roles.js';
import { type Account } from './users.repository.js';

/**
 * Whether the user is in the hands of the caller. A team's admin needs to be one of all its teams: who sets the password
 * of a user has all the rights of that user.
 */
export function manages(caller: Caller, user: Roles): boolean {
  if (may(caller, 'user:manage', null)) return true;
  return (
    user.globalRole === null &&
    user.teams.length > 0 &&
    user.teams.every(({ id }) => may(caller, 'user:manage', id))
  );
}

/**
 * The user, if the caller may see it: itself, and for admins the users of their teams.
 * @param user null when there is none: only who may manage everybody hears that
 * @throws DomainError forbidden, not_found
 */
export function visible(caller: Caller, user: Account | null, id: number): Account {
  if (user?.id === caller.userId) return user;
  if (!may(caller, 'user:manage', null) && !user?.teams.some((team) => may(caller, 'user:manage', team.id)))
    throw new DomainError('forbidden', 'forbidden');
  if (!user) throw notFound('User', id);
  return user;
}

/** @throws DomainError forbidden, not_found */
export function requireManaged(caller: Caller, user: Account | null, id: number): Account {
  if (user && !manages(caller, user)) throw new DomainError('forbidden', 'forbidden');
  return visible(caller, user, id);
}
