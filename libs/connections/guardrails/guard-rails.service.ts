import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, require, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { ConnectionsRepository } from '../connections.repository.js';
import { visible } from '../connections.service.js';
import { checkInput, checkOutput, type GuardRailRule } from './check.js';
import { ConnectionGuardRails } from './connection-guard-rails.js';
import {
  type GuardRailBodyDto,
  type GuardRailDto,
  type GuardRailRulesDto,
  type TestedGuardRailsDto,
  type TestGuardRailsDto,
} from './guard-rails.dto.js';
import {
  type GuardRailFields,
  type GuardRailRow,
  GuardRailsRepository,
  rulesIn,
} from './guard-rails.repository.js';
import { ruleProblems, toRule } from './rule-fields.js';
import { type RuleSet } from './rule.js';

/** Guard rails by name or id; those that the caller may not read are not there for them. */
@Injectable()
export class GuardRailsService {
  constructor(
    private readonly database: Database,
    private readonly guardRails: GuardRailsRepository,
    private readonly links: ConnectionGuardRails,
    private readonly connections: ConnectionsRepository,
    private readonly audit: Audit,
  ) {}

  /** By name. */
  async list(caller: Caller): Promise<GuardRailDto[]> {
    const rows = await this.guardRails.list(teamsWhere(caller, 'connection:read'));
    return rows.map((row) => toDto(caller, row));
  }

  /** @throws DomainError not_found */
  async get(caller: Caller, nameOrId: string): Promise<GuardRailDto> {
    return toDto(caller, found(caller, nameOrId, await this.guardRails.find(nameOrId)));
  }

  /** @throws DomainError forbidden; invalid (a field); already_exists */
  create(caller: Caller, dto: GuardRailBodyDto): Promise<GuardRailDto> {
    require(caller, 'connection:write', dto.team_id ?? null);
    const fields = fieldsOf(dto);
    return this.changing(dto.name, async (tx) => {
      await this.checkTeam(tx, fields.teamId);
      const id = await this.guardRails.insert(tx, fields);
      await this.links.setForGuardRail(
        tx,
        caller,
        { id, teamId: fields.teamId },
        [],
        dto.connection_ids ?? [],
      );
      await this.record(tx, caller, 'created_guardrail', { id, ...fields });
      return toDto(caller, found(caller, id, await this.guardRails.find(id, tx)));
    });
  }

  /** What is left out is empty, except for the team and the connections, which stay. @throws DomainError as `create`; not_found */
  replace(caller: Caller, nameOrId: string, dto: GuardRailBodyDto): Promise<GuardRailDto> {
    return this.changing(dto.name, async (tx) => {
      const row = found(caller, nameOrId, await this.guardRails.findLocked(nameOrId, tx));
      require(caller, 'connection:write', row.teamId);
      const fields = fieldsOf({ ...dto, team_id: dto.team_id === undefined ? row.teamId : dto.team_id });
      if (fields.teamId !== row.teamId) {
        require(caller, 'connection:write', fields.teamId);
        await this.checkTeam(tx, fields.teamId);
      }
      await this.guardRails.update(tx, row.id, fields);
      if (dto.connection_ids !== undefined && dto.connection_ids !== null) {
        const guardRail = { id: row.id, teamId: fields.teamId };
        await this.links.setForGuardRail(tx, caller, guardRail, row.connections, dto.connection_ids);
      }
      await this.record(tx, caller, 'edited_guardrail', { id: row.id, ...fields });
      return toDto(caller, found(caller, row.id, await this.guardRails.find(row.id, tx)));
    });
  }

  /** @throws DomainError not_found, forbidden */
  async remove(caller: Caller, nameOrId: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = found(caller, nameOrId, await this.guardRails.findLocked(nameOrId, tx));
      require(caller, 'connection:write', row.teamId);
      await this.guardRails.remove(tx, row.id);
      await this.record(tx, caller, 'deleted_guardrail', row);
    });
  }

  /** What one guard rail would stop. @throws DomainError not_found */
  async test(caller: Caller, nameOrId: string, dto: TestGuardRailsDto): Promise<TestedGuardRailsDto> {
    const row = found(caller, nameOrId, await this.guardRails.find(nameOrId));
    return tested(rulesIn(row), dto);
  }

  /** What all guard rails of a connection would stop. @throws DomainError not_found */
  async testConnection(
    caller: Caller,
    nameOrId: string,
    dto: TestGuardRailsDto,
  ): Promise<TestedGuardRailsDto> {
    const row = visible(caller, nameOrId, await this.connections.find(nameOrId));
    return tested(await this.guardRails.rulesOf(row), dto);
  }

  private async changing<T>(name: string, work: (tx: Transaction) => Promise<T>): Promise<T> {
    try {
      return await this.database.transaction(work);
    } catch (error) {
      if (violated(error) !== 'guardrails_name') throw error;
      throw new DomainError('already_exists', `guard rail ${name} already exists`);
    }
  }

  /** @throws DomainError invalid */
  private async checkTeam(tx: Transaction, id: number | null): Promise<void> {
    if (id !== null && !(await this.connections.teamExists(tx, id)))
      throw new DomainError('invalid', { name: 'team_id', reason: `team_id: there is no team ${id}` });
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    { id, name, teamId }: { readonly id: string; readonly name: string; readonly teamId: number | null },
  ): Promise<void> {
    const details = { guardrail_id: id, guardrail_name: name, team_id: teamId };
    await this.audit.record(tx, doneBy(caller, act, details));
  }
}

function tested(rules: readonly GuardRailRule[], dto: TestGuardRailsDto): TestedGuardRailsDto {
  const input = checkInput(rules, { stdin: dto.stdin ?? '', args: dto.args ?? [] });
  const output = dto.output ? checkOutput(rules, dto.output) : null;
  return { blocked: input !== null || output !== null, input, output };
}

/** @throws DomainError not_found */
function found(caller: Caller, nameOrId: string, row: GuardRailRow | null): GuardRailRow {
  if (row && may(caller, 'connection:read', row.teamId)) return row;
  throw new DomainError('not_found', `guard rail ${nameOrId.slice(0, 254)} not found`);
}

/** @throws DomainError invalid, naming each field */
function fieldsOf(dto: GuardRailBodyDto): GuardRailFields {
  const name = dto.name.trim();
  const problems = [
    ...(name === '' ? [{ name: 'name', reason: 'name must not be empty' }] : []),
    ...(isUuid(name) ? [{ name: 'name', reason: 'name must not look like an id' }] : []),
    ...(['input', 'output'] as const).flatMap((side) =>
      (dto[side]?.rules ?? []).flatMap((rule, i) => ruleProblems(rule, `${side}.rules[${i}]`)),
    ),
  ];
  if (problems.length > 0) throw new DomainError('invalid', problems);
  return {
    name,
    description: dto.description ?? '',
    teamId: dto.team_id ?? null,
    input: rulesOf(dto.input),
    output: rulesOf(dto.output),
    attributes: dto.attributes ?? [],
  };
}

function rulesOf(given: GuardRailRulesDto | null | undefined): RuleSet {
  return { rules: (given?.rules ?? []).map(toRule) };
}

function toDto(caller: Caller, row: GuardRailRow): GuardRailDto {
  const rulesOfSide = ({ rules }: RuleSet): GuardRailDto['input'] => ({
    rules: rules.map((rule) => ({ ...rule, words: [...rule.words] })),
  });
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    team_id: row.teamId,
    input: rulesOfSide(row.input),
    output: rulesOfSide(row.output),
    connection_ids: row.connections
      .filter(({ teamId }) => may(caller, 'connection:read', teamId))
      .map(({ id }) => id),
    attributes: row.attributes,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
