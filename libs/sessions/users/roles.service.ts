import { Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { checkRoles, lastAdmin, roleChanges, type Roles, type RolesAsked } from './roles.js';
import { type RoleSpec } from './roles-spec.js';
import { type Account, UsersRepository } from './users.repository.js';

const SQL = {
  // Held until the roles stand: a team that goes away in between would be a foreign key that fails.
  teams: { text: 'SELECT id, name FROM teams WHERE id = ANY($1::int[]) FOR KEY SHARE' },
  teamByName: { text: 'SELECT id FROM teams WHERE lower(name) = lower($1)' },
};

/** Takes back what was done to see whether it can be. */
class Tried extends Error {}

/** The one way in which roles change. */
@Injectable()
export class RolesService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly audit: Audit,
  ) {}

  /**
   * Gives a user these roles instead of those that it has. The caller has to be an admin of every team on which something
   * changes, a global one where a global role is given or taken. `lockRoles` comes first in such a transaction.
   * @param act what gives the right to do so
   * @throws DomainError forbidden; invalid (`teams`: there is no such team); role_refused (the last admin)
   */
  async assign(
    tx: Transaction,
    caller: Caller,
    user: Account,
    after: Roles,
    act: 'user:manage' | 'user:roles' = 'user:manage',
  ): Promise<void> {
    const changes = roleChanges(user, after);
    if (changes.length === 0) return;
    for (const { teamId } of changes) require(caller, act, teamId);
    const names = await this.teamNames(tx, user, after);
    await this.users.setRoles(tx, user.id, after);
    if (user.globalRole === 'admin' && (await this.users.countAdmins(tx)) === 0) throw lastAdmin();
    const { id: user_id, name: user_name, email: user_email } = user;
    for (const { act: name, role, teamId } of changes) {
      const team = teamId === null ? {} : { team_id: teamId, team_name: names.get(teamId) };
      await this.audit.record(tx, doneBy(caller, name, { user_id, user_name, user_email, role, ...team }));
    }
  }

  /**
   * Roles of users by e-mail, all of them or none.
   * @param dryRun only say whether it would do
   * @throws DomainError not_found (user); malformed (team); role_refused
   */
  async applySpec(caller: Caller, roles: Readonly<Record<string, RoleSpec>>, dryRun: boolean): Promise<void> {
    require(caller, 'user:roles', null);
    const applied = this.database.transaction(async (tx) => {
      await this.users.lockRoles(tx);
      for (const [email, spec] of Object.entries(roles)) {
        const user = await this.users.findByEmail(email, tx);
        if (!user) throw notFound('User', email);
        const teams = await Promise.all(
          (spec.teams ?? []).map(async ({ team, role }) => ({ id: await this.teamId(tx, team), role })),
        );
        const asked: RolesAsked = { global_role: spec.global_role ?? null, teams };
        await this.assign(tx, caller, user, checkRoles(asked, user.apiOnly), 'user:roles');
      }
      if (dryRun) throw new Tried();
    });
    await applied.catch((error: unknown) => {
      if (!(error instanceof Tried)) throw error;
    });
  }

  private async teamId(tx: Transaction, name: string): Promise<number> {
    const [team] = await tx.query<{ id: number }>(SQL.teamByName, [name]);
    if (team) return team.id;
    throw new DomainError('malformed', { name: 'spec.roles', reason: `there is no team "${name}"` });
  }

  /** Names of all teams that play a part. */
  private async teamNames(tx: Transaction, before: Account, after: Roles): Promise<Map<number, string>> {
    const wanted = after.teams.map(({ id }) => id);
    const found = await tx.query<{ id: number; name: string }>(SQL.teams, [wanted]);
    const missing = wanted.filter((id) => !found.some((team) => team.id === id));
    if (missing.length > 0)
      throw new DomainError('invalid', { name: 'teams', reason: `there is no team ${missing.join(', ')}` });
    return new Map([...before.teams, ...found].map(({ id, name }) => [id, name]));
  }
}
