import { Injectable } from '@nestjs/common';
import { LabelSets } from '#libs/agents/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { StandingWorkChanges } from '../standing-work-changes.js';
import { type CreatePolicyDto } from './policies.dto.js';
import { PoliciesRepository, type PolicyView } from './policies.repository.js';
import { checkPolicyFields } from './policy-fields.js';
import { type PolicyFields, type PolicyOwner, PolicySets } from './policy-sets.repository.js';
import { fieldsOf } from './policy-view.js';

export const ALL_HOSTS: PolicyOwner = { scope: 'global', teamId: null };

/** @param teamId 0: no team */
export function ownerOf(teamId: number): PolicyOwner {
  return teamId === 0 ? { scope: 'no_team', teamId: null } : { scope: 'team', teamId };
}

const DEFAULTS: PolicyFields = {
  name: '',
  query: '',
  description: '',
  resolution: '',
  platform: '',
  critical: false,
};

/** Policies one by one. One that is not there, or not there, is asked for as if it belonged to all hosts. */
@Injectable()
export class PoliciesService {
  constructor(
    private readonly database: Database,
    private readonly policies: PoliciesRepository,
    private readonly sets: PolicySets,
    private readonly labels: LabelSets,
    private readonly changes: StandingWorkChanges,
    private readonly audit: Audit,
  ) {}

  /** Those about all hosts, counted for hosts that the caller may see. @throws DomainError forbidden */
  list(caller: Caller): Promise<PolicyView[]> {
    require(caller, 'policy:read', null);
    return this.policies.list('global', null, teamsWhere(caller, 'host:list'));
  }

  /** Those of a team, and those about all hosts, counted for its own. @throws DomainError forbidden, not_found */
  async listOfTeam(
    caller: Caller,
    teamId: number,
  ): Promise<{ policies: PolicyView[]; inherited: PolicyView[] }> {
    require(caller, 'policy:read', teamId || null);
    if (teamId !== 0 && !(await this.policies.teamExists(teamId))) throw notFound('Team', teamId);
    const { scope } = ownerOf(teamId);
    const [policies, inherited] = await Promise.all([
      this.policies.list(scope, teamId, null),
      this.policies.list('global', null, [teamId]),
    ]);
    return { policies, inherited };
  }

  /** @param owner whose it is by the path @throws DomainError forbidden, not_found */
  async get(caller: Caller, owner: PolicyOwner, id: number, tx?: Transaction): Promise<PolicyView> {
    require(caller, 'policy:read', owner.teamId);
    const counted = owner.scope === 'global' ? teamsWhere(caller, 'host:list') : null;
    const policy = await this.policies.find(id, counted, tx);
    if (!policy || !isOwner(owner, policy)) throw notFound('Policy', id);
    return policy;
  }

  /** @throws DomainError forbidden; not_found (the team); malformed (a field, a label); already_exists */
  async create(caller: Caller, owner: PolicyOwner, dto: CreatePolicyDto): Promise<PolicyView> {
    require(caller, 'policy:write', owner.teamId);
    const fields = check({ ...DEFAULTS, ...fieldsOf(dto) });
    return this.database.transaction(async (tx) => {
      if (owner.teamId !== null && !(await this.policies.teamExists(owner.teamId, tx)))
        throw notFound('Team', owner.teamId);
      const labels = await this.labelsOf(tx, dto.labels_include_any ?? [], dto.labels_exclude_any ?? []);
      const [id = 0] = await this.sets.put(tx, caller.userId, [{ before: null, owner, fields, labels }]);
      await this.record(tx, caller, 'created_policy', owner, { id, name: fields.name });
      return this.get(caller, owner, id, tx);
    });
  }

  /** What is absent stays. @throws DomainError as `create` */
  async modify(caller: Caller, owner: PolicyOwner, id: number, dto: CreatePolicyDto): Promise<PolicyView> {
    require(caller, 'policy:write', owner.teamId);
    return this.database.transaction(async (tx) => {
      const [before] = await this.sets.lockByIds(tx, [id]);
      if (!before || !isOwner(owner, before)) throw notFound('Policy', id);
      const { name, query, description, resolution, platform, critical } = before;
      const fields = check({ name, query, description, resolution, platform, critical, ...fieldsOf(dto) });
      const labels = await this.labelsOf(
        tx,
        dto.labels_include_any ?? (dto.labels_exclude_any?.length ? [] : before.includeAny),
        dto.labels_exclude_any ?? (dto.labels_include_any?.length ? [] : before.excludeAny),
      );
      await this.sets.put(tx, caller.userId, [{ before, owner, fields, labels }]);
      await this.record(tx, caller, 'edited_policy', owner, { id, name: fields.name });
      return this.get(caller, owner, id, tx);
    });
  }

  /** All of them, or none. @throws DomainError forbidden, not_found */
  async remove(caller: Caller, owner: PolicyOwner, given: readonly number[]): Promise<number[]> {
    require(caller, 'policy:write', owner.teamId);
    const ids = [...new Set(given)];
    await this.database.transaction(async (tx) => {
      const policies = (await this.sets.lockByIds(tx, ids)).filter((policy) => isOwner(owner, policy));
      const missing = ids.find((id) => !policies.some((policy) => policy.id === id));
      if (missing !== undefined) throw notFound('Policy', missing);
      await this.changes.tell(tx, { policies: ids });
      await this.policies.remove(tx, ids);
      for (const policy of policies) await this.record(tx, caller, 'deleted_policy', owner, policy);
    });
    return ids;
  }

  /** @throws DomainError malformed */
  private async labelsOf(
    tx: Transaction,
    include: readonly string[],
    exclude: readonly string[],
  ): Promise<{ labelId: number; exclude: boolean }[]> {
    if (include.length > 0 && exclude.length > 0)
      throw new DomainError('malformed', {
        name: 'labels_exclude_any',
        reason: 'only one of labels_include_any and labels_exclude_any can be given',
      });
    const known = await this.labels.byNames(tx, [...include, ...exclude]);
    const pick = (names: readonly string[], field: string, isExclude: boolean) =>
      names.map((name) => {
        const label = known.get(name);
        if (label) return { labelId: label.id, exclude: isExclude };
        throw new DomainError('malformed', { name: field, reason: `label "${name}" does not exist` });
      });
    const all = [...pick(include, 'labels_include_any', false), ...pick(exclude, 'labels_exclude_any', true)];
    return [...new Map(all.map((label) => [label.labelId, label])).values()];
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    owner: PolicyOwner,
    { id, name }: { readonly id: number; readonly name: string },
  ): Promise<void> {
    const team_id = owner.scope === 'no_team' ? 0 : owner.teamId;
    await this.audit.record(tx, doneBy(caller, act, { policy_id: id, policy_name: name, team_id }));
  }
}

function isOwner(a: PolicyOwner, b: PolicyOwner): boolean {
  return a.scope === b.scope && a.teamId === b.teamId;
}

function check(given: PolicyFields): PolicyFields {
  const problems = checkPolicyFields(given).map(({ name, reason }) => ({
    name,
    reason: `policy payload verification: ${reason}`,
  }));
  if (problems.length > 0) throw new DomainError('malformed', problems);
  const platform = given.platform
    .split(',')
    .map((one) => one.trim())
    .join(',');
  return { ...given, name: given.name.trim(), platform };
}
