import { Injectable } from '@nestjs/common';
import { HostRights } from '#libs/agents/index';
import { Database } from '#libs/platform/database/index';
import { ApprovalPoliciesRepository, type PolicyRow } from './approval-policies.repository.js';
import { mayHold, type PolicyCondition, type PolicySubject } from './policy-conditions.js';
import { type Requirement } from './verdict.js';

/** What a policy demands of a request. */
export interface Demand {
  readonly requirement: Requirement;
  /** Seconds that the request waits for it. */
  readonly waitSeconds: number;
}

const SQL = {
  ofTeam: {
    name: 'policy_hosts_of_team',
    text: 'SELECT id FROM hosts WHERE id = ANY($1::int[]) AND team_id = $2',
  },
};

/**
 * The policies in force, in memory: a request that none concerns costs no statement. Whoever changes one reads them anew;
 * what other servers change is seen at the next `refresh`, which is called every few seconds.
 */
@Injectable()
export class PolicyBook {
  private policies: readonly PolicyRow[] | null = null;
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    private readonly repository: ApprovalPoliciesRepository,
    private readonly rights: HostRights,
  ) {}

  /** Reads them anew. */
  async refresh(): Promise<void> {
    const read = async (): Promise<void> => {
      this.policies = (await this.repository.list()).filter(({ enabled }) => enabled);
    };
    // One after the other, so that no older reading replaces a newer one.
    this.reading = this.reading.then(read, read);
    await this.reading;
  }

  /** Whether there are none for certain: then nothing has to be asked. */
  get isEmpty(): boolean {
    return this.policies?.length === 0;
  }

  /** What has to be approved before this may run. */
  async demands(subject: PolicySubject): Promise<Demand[]> {
    if (this.policies === null) await this.refresh();
    const policies = this.policies ?? [];
    if (policies.length === 0) return [];
    const demands = await Promise.all(policies.map((policy) => this.demandOf(policy, subject)));
    return demands.filter((demand) => demand !== null);
  }

  private async demandOf(policy: PolicyRow, asked: PolicySubject): Promise<Demand | null> {
    const { conditions, teamId } = policy;
    if (conditions.length > 0 && !conditions.some((condition) => mayHold(condition, asked))) return null;
    const hostIds = teamId === null ? asked.hostIds : await this.ofTeam(asked.hostIds, teamId);
    if (hostIds.length === 0) return null;
    const subject = { ...asked, hostIds, hostCount: Math.min(asked.hostCount, hostIds.length) };
    if (conditions.length > 0 && !(await this.someHolds(conditions, subject))) return null;
    return {
      requirement: {
        source: `policy ${policy.name}`,
        reviewers: policy.reviewers,
        min_approvals: policy.minApprovals,
        force: policy.forceApproveGroups,
      },
      waitSeconds: policy.expiresInSeconds,
    };
  }

  private async someHolds(conditions: readonly PolicyCondition[], subject: PolicySubject): Promise<boolean> {
    const possible = conditions.filter((condition) => mayHold(condition, subject));
    if (possible.some(({ labels }) => labels === undefined)) return true;
    const labels = [...new Set(possible.flatMap((condition) => condition.labels ?? []))];
    return labels.length > 0 && (await this.rights.labelled(subject.hostIds, labels)).size > 0;
  }

  private async ofTeam(hostIds: readonly number[], teamId: number): Promise<number[]> {
    const rows = await this.database.query<{ id: number }>(SQL.ofTeam, [hostIds, teamId]);
    return rows.map(({ id }) => id);
  }
}
