import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Request } from 'express';
import { DomainError } from '../errors/index.js';
import {
  type Act,
  reachesAnyTeam,
  type Role,
  roleAllows,
  teamRoleAllows,
  teamRoleAllowsGlobally,
} from './access.js';
import { scopeAdmits, scopeReaches, type TokenScope } from './token-scope.js';

/** Who is asking, and from where; handed to services as their first argument. */
export interface Caller {
  readonly userId: number;
  readonly email: string;
  /** null for users with team roles. */
  readonly globalRole: Role | null;
  /** By team id; empty for users with a global role. */
  readonly teamRoles: ReadonlyMap<number, Role>;
  /** What an API token is limited to; null: all that its owner may. */
  readonly rights: ReadonlySet<Act> | null;
  /** To which teams, labels and commands an API token is limited; null: to none. */
  readonly scope: TokenScope | null;
  /** The login session that the token stands for; null for an API token. */
  readonly sessionId: number | null;
  /** The API token in use; null for a login session. */
  readonly apiTokenId: number | null;
  readonly address: string;
  /** Nothing but the way to a new password is open to them. */
  readonly mustResetPassword: boolean;
}

const CALLER = Symbol('caller');

type WithCaller = Request & { [CALLER]?: { caller: Caller; act: Act } };

/** Only for the guard: who asks, and for what. */
export function setCaller(request: Request, caller: Caller, act: Act): void {
  (request as WithCaller)[CALLER] = { caller, act };
}

/** Who asked, and for what; undefined before that is known, and on public routes. */
export function callerOf(request: Request): { caller: Caller; act: Act } | undefined {
  return (request as WithCaller)[CALLER];
}

/** Handler parameter: the authenticated caller. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const known = callerOf(context.switchToHttp().getRequest<Request>());
  if (!known) throw new Error('a handler of a public route asked for its caller');
  return known.caller;
});

/** Handler parameter: the caller's network address, on public routes too. */
export const ClientAddress = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  addressOf(context.switchToHttp().getRequest<Request>()),
);

export function addressOf(request: Request): string {
  return request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
}

/**
 * Limits to teams are kept here; those to labels and commands by `HostRights`, which is asked about each host.
 * @param teamId the team that the object belongs to; null: to none
 */
export function may(caller: Caller, act: Act, teamId: number | null): boolean {
  if (!isAdmitted(caller, act) || !scopeReaches(caller.scope, act, teamId)) return false;
  if (roleAllows(caller.globalRole, act)) return true;
  if (reachesAnyTeam(act)) return maySomewhere(caller, act);
  if (teamId === null)
    return [...caller.teamRoles.values()].some((role) => teamRoleAllowsGlobally(role, act));
  return teamRoleAllows(caller.teamRoles.get(teamId), act);
}

/** Whether there can be anything that the caller may do this with: the guard's question, before the object is known. */
export function maySomewhere(caller: Caller, act: Act): boolean {
  if (!isAdmitted(caller, act)) return false;
  if (roleAllows(caller.globalRole, act)) return true;
  return [...caller.teamRoles].some(
    ([id, role]) => teamRoleAllows(role, act) && scopeReaches(caller.scope, act, id),
  );
}

/** For lists: the teams on whose objects the caller may do this; null: on all objects, those of no team included. */
export function teamsWhere(caller: Caller, act: Act): number[] | null {
  if (!isAdmitted(caller, act)) return [];
  if (roleAllows(caller.globalRole, act)) return caller.scope?.teams ? [...caller.scope.teams] : null;
  return [...caller.teamRoles]
    .filter(([id, role]) => teamRoleAllows(role, act) && scopeReaches(caller.scope, act, id))
    .map(([id]) => id);
}

/**
 * What does not exist is asked for as if it belonged to no team, so that ids tell nothing to holders of team roles.
 * @throws DomainError forbidden
 */
export function require(caller: Caller, act: Act, teamId: number | null): void {
  if (!may(caller, act, teamId)) throw new DomainError('forbidden', 'forbidden', { required: act });
}

/** What its token lets the caller do; signing out and looking at oneself need no right of their own. */
function isAdmitted(caller: Caller, act: Act): boolean {
  return hasRight(caller, act) && scopeAdmits(caller.scope, act);
}

/** Whether the caller's token has this right, whatever else limits it. */
export function hasRight({ rights }: Caller, act: Act): boolean {
  return rights === null || act === 'self:use' || rights.has(act);
}
