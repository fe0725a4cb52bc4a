import { Injectable } from '@nestjs/common';
import { type Caller, may, require, teamsWhere } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { type Account } from '../users/users.repository.js';
import { checkAgentOptions } from './agent-options.js';
import { checkSecrets, createSecret } from './secrets.js';
import { checkTeamName } from './team-name.js';
import { AgentOptionChanges } from './agent-option-changes.js';
import { TeamRemovals } from './team-removals.js';
import { toSecretDto, toTeamDto } from './team-view.js';
import { type CreateTeamDto, type ModifyTeamDto, type TeamDto, type TeamSecretDto } from './teams.dto.js';
import { type TeamSummary, TeamsRepository, type TeamView } from './teams.repository.js';

/** Teams and the secrets that hosts enroll into them with. A team that is not there is asked for like any other. */
@Injectable()
export class TeamsService {
  constructor(
    private readonly database: Database,
    private readonly teams: TeamsRepository,
    private readonly removals: TeamRemovals,
    private readonly audit: Audit,
    private readonly optionChanges: AgentOptionChanges,
  ) {}

  /** What a user can choose from: all teams with a global role, else its own. */
  async availableTo({ globalRole, teams }: Account): Promise<TeamSummary[]> {
    if (globalRole !== null) return this.teams.summaries();
    return teams.map(({ id, name, description }) => ({ id, name, description }));
  }

  /** Those on which the caller has a role; all for callers with a global role. */
  async list(caller: Caller, options: ListOptions): Promise<TeamDto[]> {
    return this.shown(caller, await this.teams.list(options, teamsWhere(caller, 'team:read')));
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number): Promise<TeamDto> {
    require(caller, 'team:read', id);
    return this.one(caller, id);
  }

  /** @throws DomainError forbidden; invalid (`name`, `secrets`); already_exists */
  async create(caller: Caller, dto: CreateTeamDto): Promise<TeamDto> {
    require(caller, 'team:create', null);
    const name = checkTeamName(dto.name);
    const secrets = dto.secrets ? checkSecrets(dto.secrets) : [createSecret()];
    return this.database.transaction(async (tx) => {
      const id = await this.teams.insert(tx, name, dto.description ?? '');
      await this.teams.replaceSecrets(tx, id, secrets);
      await this.audit.record(tx, doneBy(caller, 'created_team', { team_id: id, team_name: name }));
      return this.one(caller, id, tx);
    });
  }

  /** @throws DomainError forbidden; not_found; invalid (`name`, `secrets`); already_exists */
  async modify(caller: Caller, id: number, dto: ModifyTeamDto): Promise<TeamDto> {
    require(caller, 'team:write', id);
    const name = dto.name === undefined || dto.name === null ? null : checkTeamName(dto.name);
    const secrets = dto.secrets ? checkSecrets(dto.secrets) : null;
    return this.database.transaction(async (tx) => {
      const team = await this.locked(tx, id);
      const changed = { name: name ?? team.name, description: dto.description ?? team.description };
      await this.teams.update(tx, id, { ...team, ...changed });
      const details = { team_id: id, team_name: team.name, new: changed };
      await this.audit.record(tx, doneBy(caller, 'edited_team', details));
      if (secrets) await this.storeSecrets(tx, caller, team, secrets);
      return this.one(caller, id, tx);
    });
  }

  /**
   * What agents of the team are told, instead of what they were told before.
   * @param how `force`: unknown keys too; `dryRun`: only say whether it would do
   * @throws DomainError forbidden; not_found; malformed, naming each key
   */
  async setAgentOptions(
    caller: Caller,
    id: number,
    options: Readonly<Record<string, unknown>>,
    how: { readonly force: boolean; readonly dryRun: boolean },
  ): Promise<TeamDto> {
    require(caller, 'team:write', id);
    checkAgentOptions(options, how.force);
    return this.database.transaction(async (tx) => {
      const team = await this.locked(tx, id);
      if (how.dryRun) return this.one(caller, id, tx);
      await this.teams.update(tx, id, { ...team, agentOptions: { ...options } });
      await this.optionChanges.tell(tx, [id]);
      const details = { global: false, team_id: id, team_name: team.name };
      await this.audit.record(tx, doneBy(caller, 'edited_agent_options', details));
      return this.one(caller, id, tx);
    });
  }

  /** @throws DomainError forbidden, not_found */
  async delete(caller: Caller, id: number): Promise<void> {
    require(caller, 'team:delete', id);
    await this.database.transaction(async (tx) => {
      const { name } = await this.locked(tx, id);
      await this.removals.tell(tx, id);
      await this.teams.delete(tx, id);
      await this.audit.record(tx, doneBy(caller, 'deleted_team', { team_id: id, team_name: name }));
    });
  }

  /** @throws DomainError forbidden, not_found */
  async secrets(caller: Caller, id: number): Promise<TeamSecretDto[]> {
    require(caller, 'team:write', id);
    if (!(await this.teams.find(id))) throw notFound('Team', id);
    return (await this.teams.secrets([id])).map(toSecretDto);
  }

  /**
   * The secrets of a team are these from now on; hosts that have enrolled are not affected.
   * @throws DomainError forbidden; not_found; invalid (`secrets`); already_exists
   */
  async setSecrets(
    caller: Caller,
    id: number,
    given: readonly { secret: string }[],
  ): Promise<TeamSecretDto[]> {
    require(caller, 'team:write', id);
    const secrets = checkSecrets(given);
    return this.database.transaction(async (tx) => {
      await this.storeSecrets(tx, caller, await this.locked(tx, id), secrets);
      return (await this.teams.secrets([id], tx)).map(toSecretDto);
    });
  }

  private async storeSecrets(
    tx: Transaction,
    caller: Caller,
    { id, name }: TeamView,
    secrets: readonly string[],
  ): Promise<void> {
    await this.teams.replaceSecrets(tx, id, secrets);
    const details = { team_id: id, team_name: name, secrets: secrets.length };
    await this.audit.record(tx, doneBy(caller, 'edited_enroll_secrets', details));
  }

  private async locked(tx: Transaction, id: number): Promise<TeamView> {
    const team = await this.teams.findLocked(tx, id);
    if (!team) throw notFound('Team', id);
    return team;
  }

  private async one(caller: Caller, id: number, tx?: Transaction): Promise<TeamDto> {
    const team = await this.teams.find(id, tx);
    const [shown] = await this.shown(caller, team ? [team] : [], tx);
    if (!shown) throw notFound('Team', id);
    return shown;
  }

  private async shown(caller: Caller, teams: readonly TeamView[], tx?: Transaction): Promise<TeamDto[]> {
    const writable = teams.map(({ id }) => id).filter((id) => may(caller, 'team:write', id));
    const secrets = writable.length === 0 ? [] : await this.teams.secrets(writable, tx);
    return teams.map((team) => ({
      ...toTeamDto(caller, team),
      ...(writable.includes(team.id) && {
        secrets: secrets.filter(({ teamId }) => teamId === team.id).map(toSecretDto),
      }),
    }));
  }
}
