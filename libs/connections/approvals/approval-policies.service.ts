import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, require } from '#libs/platform/auth/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError, type FieldProblem, notFound } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import {
  type ApprovalPolicyBodyDto,
  type ApprovalPolicyDto,
  type ApprovalPolicyListDto,
  type PolicyConditionDto,
} from './approval-policies.dto.js';
import {
  ApprovalPoliciesRepository,
  type PolicyFields,
  type PolicyRow,
} from './approval-policies.repository.js';
import { PolicyBook } from './policy-book.js';
import { type PolicyCondition } from './policy-conditions.js';
import { reviewerProblem } from './reviewers.js';

const DAY_SECONDS = 86_400;

/** What has to be approved before it runs; policies that the caller may not read are not there for them. */
@Injectable()
export class ApprovalPoliciesService {
  constructor(
    private readonly database: Database,
    private readonly repository: ApprovalPoliciesRepository,
    private readonly book: PolicyBook,
    private readonly audit: Audit,
  ) {}

  /** By name. */
  async list(caller: Caller): Promise<ApprovalPolicyListDto> {
    const rows = await this.repository.list();
    const mine = rows.filter(({ teamId }) => may(caller, 'approval_policy:read', teamId));
    return { approval_policies: mine.map(toDto) };
  }

  /** @throws DomainError not_found */
  async get(caller: Caller, id: string): Promise<ApprovalPolicyDto> {
    return toDto(visible(caller, id, isUuid(id) ? await this.repository.find(id) : null));
  }

  /** @throws DomainError forbidden; invalid (a field); already_exists */
  create(caller: Caller, dto: ApprovalPolicyBodyDto): Promise<ApprovalPolicyDto> {
    require(caller, 'approval_policy:write', dto.team_id ?? null);
    const fields = fieldsOf(dto, dto.team_id ?? null);
    return this.changing(fields, async (tx) => {
      await this.checkTeam(tx, fields.teamId);
      const id = await this.repository.insert(tx, fields);
      await this.record(tx, caller, 'created_approval_policy', id, fields);
      return toDto(visible(caller, id, await this.repository.find(id, tx)));
    });
  }

  /** What is left out has its default, except for the team, which stays. @throws DomainError as `create`; not_found */
  async replace(caller: Caller, id: string, dto: ApprovalPolicyBodyDto): Promise<ApprovalPolicyDto> {
    return this.changing(dto, async (tx) => {
      const row = visible(caller, id, isUuid(id) ? await this.repository.findLocked(id, tx) : null);
      require(caller, 'approval_policy:write', row.teamId);
      const fields = fieldsOf(dto, dto.team_id === undefined ? row.teamId : dto.team_id);
      if (fields.teamId !== row.teamId) {
        require(caller, 'approval_policy:write', fields.teamId);
        await this.checkTeam(tx, fields.teamId);
      }
      await this.repository.update(tx, row.id, fields);
      await this.record(tx, caller, 'edited_approval_policy', row.id, fields);
      return toDto(visible(caller, row.id, await this.repository.find(row.id, tx)));
    });
  }

  /** What waits already goes on waiting. @throws DomainError not_found, forbidden */
  async remove(caller: Caller, id: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const row = visible(caller, id, isUuid(id) ? await this.repository.findLocked(id, tx) : null);
      require(caller, 'approval_policy:write', row.teamId);
      await this.repository.remove(tx, row.id);
      await this.record(tx, caller, 'deleted_approval_policy', row.id, row);
    });
    await this.book.refresh();
  }

  /** The change is in force on this server when it is answered. */
  private async changing<T>(
    { name }: { readonly name: string },
    work: (tx: Transaction) => Promise<T>,
  ): Promise<T> {
    try {
      const result = await this.database.transaction(work);
      await this.book.refresh();
      return result;
    } catch (error) {
      if (violated(error) !== 'approval_policies_name') throw error;
      throw new DomainError('already_exists', {
        name: 'name',
        reason: `approval policy ${name.trim()} already exists`,
      });
    }
  }

  /** @throws DomainError invalid */
  private async checkTeam(tx: Transaction, id: number | null): Promise<void> {
    if (id !== null && !(await this.repository.teamExists(tx, id)))
      throw new DomainError('invalid', { name: 'team_id', reason: `there is no team ${id}` });
  }

  private async record(
    tx: Transaction,
    caller: Caller,
    act: string,
    id: string,
    { name, teamId, enabled, conditions, reviewers, minApprovals }: PolicyFields,
  ): Promise<void> {
    const about = { policy_id: id, policy_name: name, team_id: teamId };
    const rule = { enabled, conditions, reviewers, min_approvals: minApprovals };
    await this.audit.record(tx, doneBy(caller, act, { ...about, ...rule }));
  }
}

/** @throws DomainError not_found */
function visible(caller: Caller, id: string, row: PolicyRow | null): PolicyRow {
  if (row && may(caller, 'approval_policy:read', row.teamId)) return row;
  throw notFound('ApprovalPolicy', id.slice(0, 36));
}

/** @throws DomainError invalid, naming each field */
function fieldsOf(dto: ApprovalPolicyBodyDto, teamId: number | null): PolicyFields {
  const name = dto.name.trim();
  const reviewers = [...new Set(dto.reviewers.map((reviewer) => reviewer.trim()))];
  const force = dto.force_approve_groups ?? [];
  const problems: FieldProblem[] = [
    ...(name === '' ? [{ name: 'name', reason: 'must not be empty' }] : []),
    ...(reviewers.length === 0 ? [{ name: 'reviewers', reason: 'must name somebody' }] : []),
    ...reviewers.flatMap((reviewer, i) => {
      const reason = reviewerProblem(reviewer);
      return reason === null ? [] : [{ name: `reviewers[${i}]`, reason }];
    }),
    ...(force.every((group) => reviewers.includes(group))
      ? []
      : [{ name: 'force_approve_groups', reason: 'must be among the reviewers' }]),
    ...(dto.conditions ?? []).flatMap(conditionProblems),
  ];
  if (problems.length > 0) throw new DomainError('invalid', problems);
  return {
    name,
    description: dto.description ?? '',
    enabled: dto.enabled ?? true,
    teamId,
    conditions: (dto.conditions ?? []).map(toCondition),
    reviewers,
    minApprovals: dto.min_approvals ?? 1,
    forceApproveGroups: force,
    expiresInSeconds: dto.expires_in ?? DAY_SECONDS,
  };
}

/** An empty condition would hold always, which nobody means who writes one. */
function conditionProblems(dto: PolicyConditionDto, i: number): FieldProblem[] {
  const name = `conditions[${i}]`;
  const condition = toCondition(dto);
  return [
    ...(Object.keys(condition).length === 0 ? [{ name, reason: 'must say something' }] : []),
    ...(condition.kinds?.length === 0 ? [{ name: `${name}.kinds`, reason: 'must not be empty' }] : []),
    ...(condition.labels?.length === 0 ? [{ name: `${name}.labels`, reason: 'must not be empty' }] : []),
  ];
}

function toCondition(dto: PolicyConditionDto): PolicyCondition {
  const { kinds, more_than_hosts, labels, run_as_root } = dto;
  return {
    ...(kinds && { kinds }),
    ...(typeof more_than_hosts === 'number' && { more_than_hosts }),
    ...(labels && { labels }),
    ...(typeof run_as_root === 'boolean' && { run_as_root }),
  };
}

function toDto(row: PolicyRow): ApprovalPolicyDto {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    enabled: row.enabled,
    team_id: row.teamId,
    conditions: row.conditions as PolicyConditionDto[],
    reviewers: row.reviewers,
    min_approvals: row.minApprovals,
    force_approve_groups: row.forceApproveGroups,
    expires_in: row.expiresInSeconds,
    created_at: row.createdAt.toISOString(),
    updated_at: row.updatedAt.toISOString(),
  };
}
