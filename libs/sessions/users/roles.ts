import { type Role, ROLES } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';

/** A role on one team. */
export interface TeamAssignment {
  /** Of the team. */
  readonly id: number;
  readonly role: Role;
}

/** What a user holds: one global role, or roles on teams. Only who lost its last team holds nothing. */
export interface Roles {
  readonly globalRole: Role | null;
  readonly teams: readonly TeamAssignment[];
}

/** Roles as a request asks for them. */
export interface RolesAsked {
  readonly global_role?: string | null;
  readonly teams?: readonly { readonly id: number; readonly role: string }[] | null;
}

/** Fleet's numbers for roles that make no sense. */
const ROLE_NEEDED = 1;
const ADMIN_NEEDED = 2;
const API_ONLY_NEEDED = 4;

/**
 * One valid global role, or at least one valid team role.
 * @param apiOnly whether the user is a program: only programs can be gitops
 * @throws DomainError role_refused
 */
export function checkRoles({ global_role, teams }: RolesAsked, apiOnly: boolean): Roles {
  const globalRole = global_role || null;
  const asked = teams ?? [];
  if (globalRole === null && asked.length === 0)
    throw refused('either global role or team role needs to be defined', ROLE_NEEDED);
  if (globalRole !== null && asked.length > 0)
    throw refused('Cannot specify both Global Role and Team Roles', ROLE_NEEDED);
  if (new Set(asked.map(({ id }) => id)).size < asked.length)
    throw refused('one team is listed twice', ROLE_NEEDED);
  const roles = {
    globalRole: globalRole === null ? null : checkRole(globalRole, ''),
    teams: asked.map(({ id, role }) => ({ id, role: checkRole(role, ` for team ${id}`) })),
  };
  if (!apiOnly && [roles.globalRole, ...roles.teams.map(({ role }) => role)].includes('gitops'))
    throw refused('role gitops can only be set for API-only users', API_ONLY_NEEDED);
  return roles;
}

/** The error of whoever would take the role from the last global admin. */
export function lastAdmin(): DomainError {
  return refused('You need at least one global admin', ADMIN_NEEDED);
}

function checkRole(role: string, where: string): Role {
  const known = ROLES.find((name) => name === role);
  if (!known) throw refused(`invalid role${where}: ${role}; roles are ${ROLES.join(', ')}`, ROLE_NEEDED);
  return known;
}

function refused(text: string, number: number): DomainError {
  return new DomainError('role_refused', text, { number });
}

/** One role given, changed or taken, with Fleet's name for it. */
export interface RoleChange {
  readonly act:
    | 'changed_user_global_role'
    | 'deleted_user_global_role'
    | 'changed_user_team_role'
    | 'deleted_user_team_role';
  /** The new role; the old one where it was taken. */
  readonly role: Role;
  /** null: the global role. */
  readonly teamId: number | null;
}

/** What happens to the roles of a user, for the record and for the question who may do that. */
export function roleChanges(before: Roles, after: Roles): RoleChange[] {
  const changes: RoleChange[] = [];
  if (after.globalRole !== null && after.globalRole !== before.globalRole)
    changes.push({ act: 'changed_user_global_role', role: after.globalRole, teamId: null });
  if (after.globalRole === null && before.globalRole !== null)
    changes.push({ act: 'deleted_user_global_role', role: before.globalRole, teamId: null });
  const roleOn = (roles: Roles, id: number): Role | undefined =>
    roles.teams.find((team) => team.id === id)?.role;
  for (const { id, role } of after.teams) {
    if (roleOn(before, id) !== role) changes.push({ act: 'changed_user_team_role', role, teamId: id });
  }
  for (const { id, role } of before.teams) {
    if (roleOn(after, id) === undefined) changes.push({ act: 'deleted_user_team_role', role, teamId: id });
  }
  return changes;
}
