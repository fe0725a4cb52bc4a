import { type Caller, type Role, ROLES } from '#libs/platform/auth/index';

/**
 * Whom a reviewer's name means, as keys: a user by e-mail, the holders of a role, the members of a team. `user:`, `role:` and
 * `team:` before the name say which; without, what has an @ is a user, the name of a role is the role, anything else a team.
 * A role is held globally, or on the team that the request is about.
 * @param teamId of that team; null: none, or several
 */
export function keysOfReviewer(reviewer: string, teamId: number | null): string[] {
  const [, kind = kindOf(reviewer), name = reviewer] = /^(user|role|team):(.*)$/s.exec(reviewer) ?? [];
  const key = `${kind}:${name.trim().toLowerCase()}`;
  return kind === 'role' && teamId !== null ? [key, `${key}@${teamId}`] : [key];
}

/** What keeps a text from naming a reviewer, for people; null: nothing. */
export function reviewerProblem(reviewer: string): string | null {
  const [, kind, name = reviewer] = /^(user|role|team):(.*)$/s.exec(reviewer) ?? [];
  if (name.trim() === '') return 'must not be empty';
  if (kind === 'role' && !isRole(name.trim().toLowerCase()))
    return `must name a role: one of ${ROLES.join(', ')}`;
  return null;
}

/**
 * The keys that a caller answers to.
 * @param teams names of the teams where the caller has a role
 */
export function keysOfCaller(
  { email, globalRole, teamRoles }: Pick<Caller, 'email' | 'globalRole' | 'teamRoles'>,
  teams: readonly string[],
): Set<string> {
  return new Set([
    `user:${email.toLowerCase()}`,
    ...(globalRole === null ? [] : [`role:${globalRole}`]),
    ...[...teamRoles].map(([id, role]) => `role:${role}@${id}`),
    ...teams.map((name) => `team:${name.trim().toLowerCase()}`),
  ]);
}

/** Those of the reviewers for whom somebody with these keys speaks. */
export function spokenFor(
  reviewers: readonly string[],
  teamId: number | null,
  keys: ReadonlySet<string>,
): string[] {
  return reviewers.filter((reviewer) => keysOfReviewer(reviewer, teamId).some((key) => keys.has(key)));
}

function kindOf(name: string): 'user' | 'role' | 'team' {
  if (name.includes('@')) return 'user';
  return isRole(name.trim().toLowerCase()) ? 'role' : 'team';
}

function isRole(name: string): name is Role {
  return (ROLES as readonly string[]).includes(name);
}
