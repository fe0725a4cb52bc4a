import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { type ApprovalPolicy } from './approval-policy.entity.js';

export type PolicyRow = Omit<ApprovalPolicy, 'team'>;

/** Everything of a policy that a write can change. */
export type PolicyFields = Omit<PolicyRow, 'id' | 'createdAt' | 'updatedAt'>;

const SELECT = `SELECT id, name, description, enabled, team_id AS "teamId", conditions, reviewers, min_approvals AS "minApprovals",
  force_approve_groups AS "forceApproveGroups", expires_in_seconds AS "expiresInSeconds", created_at AS "createdAt", updated_at AS "updatedAt"
  FROM approval_policies`;

const SQL = {
  all: { name: 'approval_policies_all', text: `${SELECT} ORDER BY name` },
  byId: { name: 'approval_policy_by_id', text: `${SELECT} WHERE id = $1` },
  lock: { name: 'approval_policy_lock', text: `${SELECT} WHERE id = $1 FOR UPDATE` },
  insert: {
    name: 'approval_policy_insert',
    text: `INSERT INTO approval_policies (id, name, description, enabled, team_id, conditions, reviewers, min_approvals, force_approve_groups, expires_in_seconds)
           VALUES (gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
  },
  update: {
    name: 'approval_policy_update',
    text: `UPDATE approval_policies SET name = $2, description = $3, enabled = $4, team_id = $5, conditions = $6, reviewers = $7, min_approvals = $8,
             force_approve_groups = $9, expires_in_seconds = $10, updated_at = now() WHERE id = $1`,
  },
  remove: { name: 'approval_policy_remove', text: 'DELETE FROM approval_policies WHERE id = $1' },
  team: { name: 'approval_policy_team', text: 'SELECT 1 FROM teams WHERE id = $1' },
};

/** Rows of approval policies. */
@Injectable()
export class ApprovalPoliciesRepository {
  constructor(private readonly database: Database) {}

  /** By name. */
  list(): Promise<PolicyRow[]> {
    return this.database.query<PolicyRow>(SQL.all);
  }

  /** @param id well formed */
  async find(id: string, tx: Transaction | Database = this.database): Promise<PolicyRow | null> {
    const [row] = await tx.query<PolicyRow>(SQL.byId, [id]);
    return row ?? null;
  }

  /** As it is once nobody else changes it. @param id well formed */
  async findLocked(id: string, tx: Transaction): Promise<PolicyRow | null> {
    const [row] = await tx.query<PolicyRow>(SQL.lock, [id]);
    return row ?? null;
  }

  /** @throws unique violation of approval_policies_name */
  async insert(tx: Transaction, fields: PolicyFields): Promise<string> {
    const [row] = await tx.query<{ id: string }>(SQL.insert, valuesOf(fields));
    if (!row) throw new Error('an inserted approval policy has no id');
    return row.id;
  }

  /** @throws unique violation of approval_policies_name */
  async update(tx: Transaction, id: string, fields: PolicyFields): Promise<void> {
    await tx.query(SQL.update, [id, ...valuesOf(fields)]);
  }

  async remove(tx: Transaction, id: string): Promise<void> {
    await tx.query(SQL.remove, [id]);
  }

  async teamExists(tx: Transaction, id: number): Promise<boolean> {
    return (await tx.query(SQL.team, [id])).length > 0;
  }
}

function valuesOf(fields: PolicyFields): unknown[] {
  const { name, description, enabled, teamId, conditions, reviewers } = fields;
  const { minApprovals, forceApproveGroups, expiresInSeconds } = fields;
  return [
    name,
    description,
    enabled,
    teamId,
    JSON.stringify(conditions),
    reviewers,
    minApprovals,
    forceApproveGroups,
    expiresInSeconds,
  ];
}
