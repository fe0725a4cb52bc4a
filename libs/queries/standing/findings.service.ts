import { Injectable, Logger } from '@nestjs/common';
import { type Findings, type ScheduledReport } from '#libs/protocol/index';
import { LabelMembership, type MembershipVerdict } from '#libs/agents/index';
import { Batcher } from '#libs/platform/batch/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ReportingHost, resultLines, rowObject } from './results-log-lines.js';
import { ResultsLog } from './results-log.js';
import { StandingWorkService } from './standing-work.service.js';

/** Hosts whose findings are stored in one transaction, and bytes of reports at which a batch is full. */
const BATCH = 500;
const BATCH_BYTES = 8 * 1024 * 1024;

interface PolicyVerdict {
  readonly hostId: number;
  readonly policyId: number;
  readonly passes: boolean | null;
}

/** A host's results, as they stand. */
interface KnownResults {
  readonly hostId: number;
  readonly policyIds: readonly number[];
  /** In the order of the ids. */
  readonly passes: readonly (boolean | null)[];
}

interface StoredReport {
  readonly hostId: number;
  readonly queryId: number;
  readonly rows: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

/** What one host said, as far as it was asked. */
interface Said {
  readonly labels: readonly MembershipVerdict[];
  readonly policies: readonly PolicyVerdict[];
  readonly reports: readonly StoredReport[];
}

const SQL = {
  // All results of the hosts: asked for single ones, the planner may take the index over policies, and read every host's.
  known: {
    name: 'findings_known_policies',
    text: `SELECT host_id AS "hostId", array_agg(policy_id) AS "policyIds", array_agg(passes) AS passes FROM policy_results
           WHERE host_id = ANY($1::int[]) GROUP BY host_id`,
  },
  // Policies and hosts that have been deleted meanwhile are passed over.
  policies: {
    name: 'findings_policies',
    text: `INSERT INTO policy_results (policy_id, host_id, passes)
           SELECT p.id, h.id, v.passes
           FROM unnest($1::int[], $2::int[], $3::boolean[]) AS v(policy_id, host_id, passes)
           JOIN policies p ON p.id = v.policy_id JOIN hosts h ON h.id = v.host_id
           FOR KEY SHARE OF p, h
           ON CONFLICT (policy_id, host_id) DO UPDATE SET passes = EXCLUDED.passes, updated_at = now()`,
  },
  reports: {
    name: 'findings_reports',
    text: `INSERT INTO query_results AS r (query_id, host_id, rows, last_fetched)
           SELECT q.id, h.id, v.rows, to_timestamp(v.at / 1000)
           FROM unnest($1::int[], $2::int[], $3::text[], $4::float8[]) AS v(query_id, host_id, rows, at)
           JOIN queries q ON q.id = v.query_id JOIN hosts h ON h.id = v.host_id
           FOR KEY SHARE OF q, h
           ON CONFLICT (query_id, host_id) DO UPDATE SET rows = EXCLUDED.rows, last_fetched = EXCLUDED.last_fetched
           WHERE r.last_fetched <= EXCLUDED.last_fetched`,
  },
};

/** Takes what agents found by themselves: membership in labels, results of policies, reports of scheduled queries. */
@Injectable()
export class FindingsService {
  private readonly logger = new Logger(FindingsService.name);
  private readonly batches = new Batcher((said: Said[]) => this.store(said), BATCH, {
    of: ({ reports }) => reports.reduce((sum, { rows }) => sum + rows.length, 0),
    max: BATCH_BYTES,
  });

  /** By host: what is being stored, and the last message that came. */
  private readonly underWay = new Map<number, Promise<void>>();
  private readonly newest = new Map<number, Findings>();

  constructor(
    private readonly database: Database,
    private readonly labels: LabelMembership,
    private readonly work: StandingWorkService,
    private readonly log: ResultsLog,
  ) {}

  /**
   * Resolves when everything is committed, and in the results log where there is one. An answer to what this host's kind was never
   * asked, or is not asked any more, is passed over.
   * @throws DomainError unavailable: nothing, or not all of it, is stored; it is to be said again
   */
  async take(host: ReportingHost, findings: Findings): Promise<void> {
    if (findings.dropped_reports > 0)
      this.logger.warn('a host had no room for reports while it could not tell them; the oldest are lost', {
        host_id: host.id,
        reports: findings.dropped_reports,
      });
    await this.turn(host.id, findings);
    const storing = this.keep(host, findings);
    this.underWay.set(host.id, storing);
    try {
      await storing;
    } finally {
      this.underWay.delete(host.id);
      if (this.newest.get(host.id) === findings) this.newest.delete(host.id);
    }
  }

  /**
   * One message of a host at a time, and one that waits: whoever did not get its answer in time says the same again, and a busy server
   * must not have to store it again and again. A refusal at once would only bring it back sooner.
   */
  private async turn(hostId: number, findings: Findings): Promise<void> {
    this.newest.set(hostId, findings);
    for (let before = this.underWay.get(hostId); before; before = this.underWay.get(hostId)) {
      await before.catch(() => undefined);
      if (this.newest.get(hostId) !== findings)
        throw new DomainError('unavailable', 'this host has said it again meanwhile');
    }
  }

  private async keep(host: ReportingHost, findings: Findings): Promise<void> {
    await this.batches.add(this.asked(host.id, findings));
    if (!this.log.isOn) return;
    const logged = findings.reports.filter(({ pack, name }) => this.work.current.isLogged(pack, name));
    await this.log.append(logged.flatMap((report) => resultLines(host, report)));
  }

  private asked(hostId: number, { labels, policies, reports }: Findings): Said {
    const { current } = this.work;
    return {
      labels: labels
        .filter(({ id }) => current.asksLabel(id))
        .map(({ id, member }) => ({ hostId, labelId: id, member })),
      policies: policies
        .filter(({ id }) => current.asksPolicy(id))
        .map(({ id, passes }) => ({ hostId, policyId: id, passes })),
      reports: reports.flatMap((report) => this.kept(hostId, report)),
    };
  }

  private kept(
    hostId: number,
    { pack, name, query_id, at, columns, result }: ScheduledReport,
  ): StoredReport[] {
    if (query_id === null || result.kind !== 'snapshot') return [];
    if (!this.work.current.isReportOf(query_id, pack, name)) return [];
    const rows = JSON.stringify(result.rows.map((row) => rowObject(columns, row)));
    return [{ hostId, queryId: query_id, rows, at }];
  }

  private async store(said: readonly Said[]): Promise<undefined[]> {
    const labels = said.flatMap((one) => one.labels);
    const policies = latest(
      said.flatMap((one) => one.policies),
      ({ hostId, policyId }) => `${hostId}/${policyId}`,
    );
    const reports = latest(
      said.flatMap((one) => one.reports),
      ({ hostId, queryId }) => `${hostId}/${queryId}`,
    );
    if (policies.length === 0 && reports.length === 0) await this.setLabels(labels);
    else
      await this.database.transaction(async (tx) => {
        await Promise.all([this.setLabels(labels, tx), setPolicies(tx, policies), setReports(tx, reports)]);
      });
    return said.map(() => undefined);
  }

  /** A host may have said two things of a label within one batch: the later one counts. */
  private setLabels(verdicts: readonly MembershipVerdict[], tx?: Transaction): Promise<void> {
    return this.labels.set(
      latest(verdicts, ({ hostId, labelId }) => `${hostId}/${labelId}`),
      tx,
    );
  }
}

/** Most verdicts say what is known already, and write nothing. */
async function setPolicies(tx: Transaction, said: readonly PolicyVerdict[]): Promise<void> {
  if (said.length === 0) return;
  const hostIds = [...new Set(said.map(({ hostId }) => hostId))];
  const rows = await tx.query<KnownResults>(SQL.known, [hostIds]);
  const known = new Map(
    rows.map(({ hostId, policyIds, passes }) => [hostId, new Map(policyIds.map((id, i) => [id, passes[i]]))]),
  );
  const verdicts = said.filter(({ hostId, policyId, passes }) => known.get(hostId)?.get(policyId) !== passes);
  if (verdicts.length === 0) return;
  await tx.query(SQL.policies, [
    verdicts.map(({ policyId }) => policyId),
    verdicts.map(({ hostId }) => hostId),
    verdicts.map(({ passes }) => passes),
  ]);
}

async function setReports(tx: Transaction, reports: readonly StoredReport[]): Promise<void> {
  if (reports.length === 0) return;
  await tx.query(SQL.reports, [
    reports.map(({ queryId }) => queryId),
    reports.map(({ hostId }) => hostId),
    reports.map(({ rows }) => rows),
    reports.map(({ at }) => at),
  ]);
}

/** Of entries with one key the last one, as PostgreSQL wants it. */
function latest<T>(entries: readonly T[], keyOf: (entry: T) => string): T[] {
  return [...new Map(entries.map((entry) => [keyOf(entry), entry])).values()];
}
