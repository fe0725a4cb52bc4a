import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, require, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ConnectionForRun, toConnectionForRun } from './connection-for-run.js';
import { ConnectionAgents } from './connection-agents.js';
import {
  changedFields,
  checkFields,
  checkName,
  type ConnectionFields,
  fieldsOf,
} from './connection-fields.js';
import { filterOf, pageOf } from './connection-list.js';
import { toConnectionDto } from './connection-view.js';
import {
  type ConnectionDto,
  type ConnectionListQueryDto,
  type ConnectionPageDto,
  type CreateConnectionDto,
  type ModifyConnectionDto,
  type ReplaceConnectionDto,
} from './connections.dto.js';
import { type ConnectionRow, ConnectionsRepository } from './connections.repository.js';
import { ConnectionGuardRails } from './guardrails/connection-guard-rails.js';
import { GuardRailsRepository } from './guardrails/guard-rails.repository.js';
import { ConnectionSecrets } from './secrets/connection-secrets.repository.js';
import { readSecrets } from './secrets/secret-fields.js';

/** Connections by name or id; those that the caller may not read are not there for them. */
@Injectable()
export class ConnectionsService {
  constructor(
    private readonly database: Database,
    private readonly connections: ConnectionsRepository,
    private readonly secrets: ConnectionSecrets,
    private readonly guardRails: ConnectionGuardRails,
    private readonly rules: GuardRailsRepository,
    private readonly agents: ConnectionAgents,
    private readonly audit: Audit,
  ) {}

  /** By name; with a page in the query that page. @throws DomainError invalid */
  async list(caller: Caller, query: ConnectionListQueryDto): Promise<ConnectionDto[] | ConnectionPageDto> {
    const [teams, filter, page] = [teamsWhere(caller, 'connection:read'), filterOf(query), pageOf(query)];
    if (page === null) return this.described(await this.connections.list(teams, filter, null));
    const [rows, total] = await Promise.all([
      this.connections.list(teams, filter, page),
      this.connections.count(teams, filter),
    ]);
    return { pages: { total, page: page.page, size: page.size }, data: await this.described(rows) };
  }

  /** @throws DomainError not_found */
  async get(caller: Caller, nameOrId: string): Promise<ConnectionDto> {
    return this.describedOne(visible(caller, nameOrId, await this.connections.find(nameOrId)));
  }

  /** @throws DomainError forbidden; invalid (a field); already_exists */
  async create(caller: Caller, dto: CreateConnectionDto): Promise<ConnectionDto> {
    require(caller, 'connection:write', dto.team_id ?? null);
    checkName(dto.name);
    const fields = fieldsOf(dto, null);
    checkFields(fields);
    const changes = readSecrets(dto.secret ?? {}, new Set());
    await this.agents.check(fields);
    const row = await this.changing(dto.name, async (tx) => {
      await this.checkTeam(tx, fields.teamId);
      const id = await this.connections.insert(tx, dto.name, fields);
      const connection = { id, teamId: fields.teamId };
      await this.guardRails.setForConnection(tx, caller, connection, [], dto.guardrail_rules ?? []);
      await this.secrets.change(tx, id, changes);
      if (changes.set.size > 0) await this.connections.touchSecrets(tx, id);
      await this.record(tx, caller, 'created_connection', { id, name: dto.name, teamId: fields.teamId }, [
        ...changes.set.keys(),
      ]);
      return this.connections.find(id, tx);
    });
    return this.describedOne(visible(caller, dto.name, row));
  }

  /** What is left out has its default, except for the team and the secrets, which stay. @throws as `modify` */
  replace(caller: Caller, nameOrId: string, dto: ReplaceConnectionDto): Promise<ConnectionDto> {
    const whole = { ...dto, guardrail_rules: dto.guardrail_rules ?? [] };
    return this.change(caller, nameOrId, whole, ({ teamId }) =>
      fieldsOf({ ...dto, team_id: dto.team_id === undefined ? teamId : dto.team_id }, null),
    );
  }

  /** What is left out stays. @throws DomainError not_found, forbidden, invalid (a field) */
  modify(caller: Caller, nameOrId: string, dto: ModifyConnectionDto): Promise<ConnectionDto> {
    return this.change(caller, nameOrId, dto, (before) => fieldsOf(dto, before));
  }

  /** @throws DomainError not_found, forbidden */
  async remove(caller: Caller, nameOrId: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = visible(caller, nameOrId, await this.connections.findLocked(nameOrId, tx));
      require(caller, 'connection:write', row.teamId);
      await this.connections.remove(tx, row.id);
      await this.record(tx, caller, 'deleted_connection', row);
    });
  }

  /**
   * For whoever starts a session through it.
   * @throws DomainError invalid_unknown, in hoop's words; for one that the caller may not use as well
   */
  async forSession(caller: Caller, nameOrId: string): Promise<ConnectionForRun> {
    // No name holds a NUL, and PostgreSQL's text cannot.
    const row = nameOrId.includes('\0') ? null : await this.connections.find(nameOrId);
    if (!row || !may(caller, 'session:execute', row.teamId))
      throw new DomainError('invalid_unknown', {
        name: 'connection',
        reason: `connection ${shortened(nameOrId)} not found`,
      });
    return this.forRun(row);
  }

  /** For an order of a session that was started through it; null: it is gone. */
  async forOrder(id: string): Promise<ConnectionForRun | null> {
    const row = await this.connections.find(id);
    return row && this.forRun(row);
  }

  private async forRun(row: ConnectionRow): Promise<ConnectionForRun> {
    const rules = await this.rules.rulesOf(row);
    return toConnectionForRun(row, rules, () => this.secrets.open(row.id));
  }

  private async change(
    caller: Caller,
    nameOrId: string,
    dto: ModifyConnectionDto,
    fieldsAfter: (before: ConnectionFields) => ConnectionFields,
  ): Promise<ConnectionDto> {
    const after = await this.changing(nameOrId, async (tx) => {
      const row = visible(caller, nameOrId, await this.connections.findLocked(nameOrId, tx));
      require(caller, 'connection:write', row.teamId);
      if (dto.name !== undefined && dto.name !== null && dto.name !== row.name)
        throw new DomainError('invalid', { name: 'name', reason: 'name cannot be changed' });
      const fields = fieldsAfter(row);
      checkFields(fields);
      if (fields.agent !== row.agent) await this.agents.check(fields);
      if (fields.teamId !== row.teamId) {
        require(caller, 'connection:write', fields.teamId);
        await this.checkTeam(tx, fields.teamId);
      }
      const changes = readSecrets(dto.secret ?? {}, await this.secrets.names(tx, row.id));
      await this.connections.update(tx, row.id, fields);
      if (dto.guardrail_rules !== undefined) {
        const given = dto.guardrail_rules ?? [];
        await this.guardRails.setForConnection(
          tx,
          caller,
          { ...row, teamId: fields.teamId },
          row.guardRails,
          given,
        );
      }
      await this.secrets.change(tx, row.id, changes);
      const secrets = [...changes.set.keys(), ...changes.removed];
      if (secrets.length > 0) await this.connections.touchSecrets(tx, row.id);
      const changed = await this.connections.find(row.id, tx);
      const rules = String(changed?.guardRails) === String(row.guardRails) ? [] : ['guardrail_rules'];
      const names = [...changedFields(row, fields), ...rules];
      await this.record(tx, caller, 'edited_connection', row, secrets, names);
      return changed;
    });
    return this.describedOne(visible(caller, nameOrId, after));
  }

  private async changing<T>(name: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.database.transaction(work);
    } catch (error) {
      if (violated(error) !== 'connections_name') throw error;
      throw new DomainError('already_exists', `connection ${name} already exists`);
    }
  }

  /** @throws DomainError invalid */
  private async checkTeam(tx: Transaction, id: number | null): Promise<void> {
    if (id !== null && !(await this.connections.teamExists(tx, id)))
      throw new DomainError('invalid', { name: 'team_id', reason: `team_id: there is no team ${id}` });
  }

  private async described(rows: readonly ConnectionRow[]): Promise<ConnectionDto[]> {
    const states = await this.agents.states(rows);
    return rows.map((row, i) => toConnectionDto(row, states[i] ?? null));
  }

  private async describedOne(row: ConnectionRow): Promise<ConnectionDto> {
    const [state = null] = await this.agents.states([row]);
    return toConnectionDto(row, state);
  }

  /** @param secrets names of those that were set or removed @param fields names of those that changed */
  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    { id, name, teamId }: { readonly id: string; readonly name: string; readonly teamId: number | null },
    secrets: readonly string[] = [],
    fields: readonly string[] = [],
  ): Promise<void> {
    const details = { connection_id: id, connection_name: name, team_id: teamId, secrets, fields };
    await this.audit.record(tx, doneBy(caller, act, details));
  }
}

/** @throws DomainError not_found, for those that the caller may not read as well */
export function visible(caller: Caller, nameOrId: string, row: ConnectionRow | null): ConnectionRow {
  if (row && may(caller, 'connection:read', row.teamId)) return row;
  throw new DomainError('not_found', `connection ${shortened(nameOrId)} not found`);
}

function shortened(name: string): string {
  return name.length > 254 ? `${name.slice(0, 254)}…` : name;
}
