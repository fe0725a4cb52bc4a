import { Injectable } from '@nestjs/common';
import { type Caller, require, ROLES } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { listOptions } from '#libs/platform/http/index';
import { checkRoles } from '../users/roles.js';
import { RolesService } from '../users/roles.service.js';
import { type Account, UsersRepository } from '../users/users.repository.js';
import { TeamsRepository } from './teams.repository.js';

/** Who belongs to a team, and as what. Admins of the team decide, nobody else with a role on it: roles are rights. */
@Injectable()
export class TeamMembersService {
  constructor(
    private readonly database: Database,
    private readonly teams: TeamsRepository,
    private readonly users: UsersRepository,
    private readonly roles: RolesService,
  ) {}

  /** @throws DomainError forbidden, not_found */
  async list(caller: Caller, id: number): Promise<Account[]> {
    require(caller, 'user:manage', id);
    if (!(await this.teams.find(id))) throw notFound('Team', id);
    return this.users.list(listOptions({}, []), id);
  }

  /**
   * Adds users, and gives another role to those who are there already.
   * @throws DomainError forbidden; not_found (team or user); invalid (`users`); role_refused
   */
  async put(caller: Caller, id: number, members: readonly { id: number; role: string }[]): Promise<void> {
    const unknown = members.find(({ role }) => !ROLES.some((name) => name === role));
    await this.change(caller, id, async (tx) => {
      if (unknown) throw invalid(`${unknown.role} is not a valid role for a team user`);
      for (const member of members) {
        const user = await this.user(tx, member.id);
        if (user.globalRole !== null) throw invalid('A user with a global role cannot be added to a team.');
        const teams = [...user.teams.filter((team) => team.id !== id), { id, role: member.role }];
        await this.roles.assign(tx, caller, user, checkRoles({ teams }, user.apiOnly));
      }
    });
  }

  /**
   * Takes users out of the team; of those who are not in it nothing is said.
   * @throws DomainError forbidden; not_found (team or user); role_refused (a user would be left without any role)
   */
  async remove(caller: Caller, id: number, leavers: readonly { id: number }[]): Promise<void> {
    await this.change(caller, id, async (tx) => {
      for (const leaver of leavers) {
        const user = await this.user(tx, leaver.id);
        const teams = user.teams.filter((team) => team.id !== id);
        if (teams.length < user.teams.length)
          await this.roles.assign(tx, caller, user, checkRoles({ teams }, user.apiOnly));
      }
    });
  }

  private async change(caller: Caller, id: number, work: (tx: Transaction) => Promise<void>): Promise<void> {
    require(caller, 'user:manage', id);
    await this.database.transaction(async (tx) => {
      await this.users.lockRoles(tx);
      if (!(await this.teams.findLocked(tx, id))) throw notFound('Team', id);
      await work(tx);
    });
  }

  private async user(tx: Transaction, id: number): Promise<Account> {
    const user = await this.users.findLocked(tx, id);
    if (!user) throw notFound('User', id);
    return user;
  }
}

function invalid(reason: string): DomainError {
  return new DomainError('invalid', { name: 'users', reason });
}
