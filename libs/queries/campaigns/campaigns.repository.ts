import { Injectable } from '@nestjs/common';
import { type AnswerOutcome } from '#libs/protocol/index';
import { type KeptStatement, usedBefore } from '#libs/agents/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { type Campaign, type CampaignEnd, type Unanswered } from './campaign.entity.js';
import { type StreamEvent } from './stream-event.js';

const COLUMNS = `id, query_id AS "queryId", query_name AS "queryName", sql, aggregate, user_id AS "userId", email, address, targets,
  status, open_seconds AS "openSeconds", host_seconds AS "hostSeconds", host_rows AS "hostRows", created_at AS "createdAt",
  ended_at AS "endedAt", end_reason AS "endReason", ended_by AS "endedBy", unanswered, aggregate_result AS "aggregateResult",
  last_seq AS "lastSeq"`;

/** Results in one page of a replay, bytes of JSON. */
const PAGE_BYTES = 1024 * 1024;
const PAGE_ROWS = 1_000;

const SQL = {
  insert: {
    name: 'campaign_insert',
    text: `INSERT INTO campaigns (query_id, query_name, sql, aggregate, user_id, email, address, targets, open_seconds, host_seconds, host_rows)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8::int[], $9, $10, $11) RETURNING id, created_at AS "createdAt"`,
  },
  insertStatement: {
    name: 'campaign_statement_insert',
    text: `INSERT INTO campaign_statements (campaign_id, statement, signatures, leaves, nonce) VALUES ($1, $2, $3, $4, $5)`,
  },
  statement: {
    name: 'campaign_statement',
    text: 'SELECT statement, signatures, leaves, nonce FROM campaign_statements WHERE campaign_id = $1',
  },
  find: { name: 'campaign_find', text: `SELECT ${COLUMNS} FROM campaigns WHERE id = $1` },
  open: { name: 'campaigns_open', text: `SELECT ${COLUMNS} FROM campaigns WHERE status < 2 ORDER BY id` },
  // Nothing is appended while it is held: number and answers belong together.
  lockNumber: {
    name: 'campaign_lock_number',
    text: 'SELECT last_seq AS "lastSeq" FROM campaigns WHERE id = $1 FOR UPDATE',
  },
  begin: { name: 'campaign_begin', text: 'UPDATE campaigns SET status = 1 WHERE id = $1 AND status = 0' },
  answers: {
    name: 'campaign_answers',
    text: `SELECT host_id AS "hostId", count(*)::int AS parts, sum(row_count)::int AS rows, max(outcome) AS outcome
           FROM campaign_results WHERE campaign_id = $1 GROUP BY host_id`,
  },
  // Numbers are given under the lock of the campaign's row: they become visible in order, without gaps.
  append: {
    name: 'campaign_append',
    text: `WITH came AS (
             SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::int[], $6::text[])
               WITH ORDINALITY AS c(campaign_id, host_id, part, outcome, row_count, data, n)
           ), open AS MATERIALIZED (
             SELECT id, last_seq FROM campaigns WHERE id = ANY($7::int[]) AND status < 2 ORDER BY id FOR UPDATE
           ), stored AS (
             INSERT INTO campaign_results (campaign_id, seq, host_id, part, outcome, row_count, data)
             SELECT came.campaign_id, open.last_seq + row_number() OVER (PARTITION BY came.campaign_id ORDER BY came.n),
               came.host_id, came.part, came.outcome, came.row_count, came.data
             FROM came JOIN open ON open.id = came.campaign_id
             RETURNING campaign_id, host_id, part, seq
           ), counted AS (
             UPDATE campaigns c SET last_seq = s.last_seq
             FROM (SELECT campaign_id, max(seq) AS last_seq FROM stored GROUP BY campaign_id) s WHERE c.id = s.campaign_id
           )
           SELECT campaign_id AS "campaignId", host_id AS "hostId", part, seq FROM stored`,
  },
  page: {
    name: 'campaign_page',
    text: `SELECT seq, data FROM (
             SELECT seq, data, sum(octet_length(data)) OVER (ORDER BY seq) - octet_length(data) AS before
             FROM (SELECT seq, data FROM campaign_results WHERE campaign_id = $1 AND seq > $2 ORDER BY seq LIMIT ${PAGE_ROWS}) first
           ) page WHERE before < ${PAGE_BYTES} ORDER BY seq`,
  },
  lock: { name: 'campaign_lock', text: 'SELECT id FROM campaigns WHERE id = $1 AND status < 2 FOR UPDATE' },
  unanswered: {
    name: 'campaign_unanswered',
    text: `SELECT unnest(targets) AS id FROM campaigns WHERE id = $1
           EXCEPT SELECT host_id FROM campaign_results WHERE campaign_id = $1 AND outcome IS NOT NULL ORDER BY id`,
  },
  end: {
    name: 'campaign_end',
    text: `UPDATE campaigns SET status = 2, ended_at = now(), end_reason = $2, ended_by = $3, unanswered = $4
           WHERE id = $1 AND status < 2`,
  },
  saveAggregate: {
    name: 'campaign_save_aggregate',
    text: 'UPDATE campaigns SET aggregate_result = $2 WHERE id = $1',
  },
  hosts: {
    name: 'campaign_hosts',
    text: `SELECT t.id, h.hostname, r.outcome, coalesce(r.rows, 0)::int AS rows
           FROM campaigns c CROSS JOIN unnest(c.targets) AS t(id) LEFT JOIN hosts h ON h.id = t.id
           LEFT JOIN LATERAL (SELECT max(outcome) AS outcome, sum(row_count) AS rows FROM campaign_results
             WHERE campaign_id = c.id AND host_id = t.id) r ON true
           WHERE c.id = $1 ORDER BY t.id`,
  },
  list: {
    name: 'campaigns_list',
    text: `SELECT ${COLUMNS} FROM campaigns WHERE ($1::int IS NULL OR user_id = $1) AND id < $2 ORDER BY id DESC LIMIT $3`,
  },
  missing: {
    name: 'campaign_missing_hosts',
    text: `SELECT count(*)::int AS count FROM hosts WHERE id = ANY($1::int[]) AND NOT online AND seen_at < now() - interval '30 days'`,
  },
  recent: {
    name: 'campaign_recent_hosts',
    // As JSON, which is read ten times as fast as an array.
    text: `SELECT coalesce(json_agg(id), '[]') AS ids FROM hosts WHERE created_at > now() - interval '1 day'`,
  },
  purgeResults: {
    name: 'campaign_purge_results',
    text: `DELETE FROM campaign_results WHERE campaign_id IN (
             SELECT id FROM campaigns WHERE status = 2 AND ended_at < now() - make_interval(days => $1) ORDER BY id LIMIT 10)`,
  },
  purge: {
    name: 'campaign_purge',
    text: `DELETE FROM campaigns WHERE id IN (
             SELECT id FROM campaigns WHERE status = 2 AND ended_at < now() - make_interval(days => $1) ORDER BY id LIMIT 10)
           RETURNING query_id AS "queryId"`,
  },
  purgeUnsaved: {
    name: 'campaign_purge_unsaved',
    text: 'DELETE FROM queries WHERE id = ANY($1::int[]) AND NOT saved',
  },
  ping: { name: 'campaign_ping', text: 'SELECT 1 FROM campaigns LIMIT 1' },
};

export type NewCampaign = Pick<
  Campaign,
  | 'queryId'
  | 'queryName'
  | 'sql'
  | 'aggregate'
  | 'userId'
  | 'email'
  | 'address'
  | 'targets'
  | 'openSeconds'
  | 'hostSeconds'
  | 'hostRows'
>;

/** A part of an answer that is to be stored. */
export interface NewPart {
  readonly campaignId: number;
  readonly hostId: number;
  readonly part: number;
  readonly outcome: AnswerOutcome | null;
  readonly rowCount: number;
  readonly json: string;
}

/** What is stored of a host's answer. */
export interface HostAnswer {
  readonly hostId: number;
  readonly parts: number;
  readonly rows: number;
  /** null: more was to follow. */
  readonly outcome: AnswerOutcome | null;
}

/** A target, and what it has answered. */
export interface TargetedHost {
  readonly id: number;
  /** null: removed since. */
  readonly hostname: string | null;
  /** null: its answer has not ended. */
  readonly outcome: AnswerOutcome | null;
  readonly rows: number;
}

const JUST_MADE = {
  status: 0,
  endedAt: null,
  endReason: null,
  endedBy: null,
  unanswered: null,
  aggregateResult: null,
  lastSeq: '0',
};

/** The statements about campaigns and their results. */
@Injectable()
export class CampaignsRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: Transaction, campaign: NewCampaign): Promise<Campaign> {
    const c = campaign;
    // Neither escaped one by one on the way there nor read back: of ten thousand targets either took milliseconds.
    const targets = `{${c.targets.join(',')}}`;
    const [row] = await tx.query<Pick<Campaign, 'id' | 'createdAt'>>(SQL.insert, [
      ...[c.queryId, c.queryName, c.sql, c.aggregate, c.userId, c.email, c.address],
      ...[targets, c.openSeconds, c.hostSeconds, c.hostRows],
    ]);
    if (!row) throw new Error('the campaign was not inserted');
    return { ...c, ...row, ...JUST_MADE };
  }

  async find(id: number): Promise<Campaign | null> {
    const [row] = await this.database.query<Campaign>(SQL.find, [id]);
    return row ?? null;
  }

  /** Keeps what people have signed of it. @throws DomainError invalid_conflict: it was used before */
  async keepStatement(tx: Transaction, id: number, { signed, leaves, nonce }: KeptStatement): Promise<void> {
    const values = [id, signed.statement, JSON.stringify(signed.signatures), leaves, nonce];
    await tx.query(SQL.insertStatement, values).catch((error: unknown) => {
      throw violated(error) === 'campaign_statements_nonce' ? usedBefore() : error;
    });
  }

  /** What people have signed of it; null: nothing. */
  async statement(id: number): Promise<KeptStatement | null> {
    const [row] = await this.database.query<
      KeptStatement['signed'] & Pick<KeptStatement, 'leaves' | 'nonce'>
    >(SQL.statement, [id]);
    if (!row) return null;
    const { leaves, nonce, ...signed } = row;
    return { signed, leaves, nonce };
  }

  /** Those that are not over. */
  open(): Promise<Campaign[]> {
    return this.database.query<Campaign>(SQL.open);
  }

  /** Somebody listens. */
  async begin(id: number): Promise<void> {
    await this.database.query(SQL.begin, [id]);
  }

  /** What every host has answered, and the number of the last result: of one moment. */
  progress(id: number): Promise<{ answers: HostAnswer[]; lastSeq: number }> {
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ lastSeq: string }>(SQL.lockNumber, [id]);
      const answers = await tx.query<HostAnswer>(SQL.answers, [id]);
      return { answers, lastSeq: Number(row?.lastSeq ?? 0) };
    });
  }

  /**
   * Stores parts, of whatever campaigns, in one statement, and numbers them.
   * @returns their numbers, in the same order; null for those of campaigns that are over
   */
  async append(parts: readonly NewPart[]): Promise<(number | null)[]> {
    const column = <T>(pick: (part: NewPart) => T): T[] => parts.map(pick);
    const campaigns = [...new Set(column((p) => p.campaignId))];
    const rows = await this.database.query<{ campaignId: number; hostId: number; part: number; seq: string }>(
      SQL.append,
      [
        column((p) => p.campaignId),
        column((p) => p.hostId),
        column((p) => p.part),
        column((p) => p.outcome),
        column((p) => p.rowCount),
        column((p) => p.json),
        campaigns,
      ],
    );
    const key = (p: { campaignId: number; hostId: number; part: number }): string =>
      `${p.campaignId} ${p.hostId} ${p.part}`;
    const numbers = new Map(rows.map((row) => [key(row), Number(row.seq)]));
    return parts.map((part) => numbers.get(key(part)) ?? null);
  }

  /** Stored results after this number, a page of them; empty when there are none. */
  async page(id: number, after: number): Promise<StreamEvent[]> {
    const rows = await this.database.query<{ seq: string; data: string }>(SQL.page, [id, after]);
    return rows.map(({ seq, data }) => ({ type: 'result', seq: Number(seq), json: data }));
  }

  /**
   * Ends it, unless it has ended.
   * @param sortOut says why each host without an answer has none
   * @returns false when it was over already
   */
  async end(
    tx: Transaction,
    id: number,
    reason: CampaignEnd,
    by: string | null,
    sortOut: (hostIds: number[]) => Unanswered,
  ): Promise<boolean> {
    // The lock first, by itself: what was answered before it came is seen by the next statement.
    const [open] = await tx.query<{ id: number }>(SQL.lock, [id]);
    if (!open) return false;
    const rows = await tx.query<{ id: number }>(SQL.unanswered, [id]);
    const unanswered = sortOut(rows.map((row) => row.id));
    await tx.query(SQL.end, [id, reason, by, JSON.stringify(unanswered)]);
    return true;
  }

  /** The last result of the aggregate, for those who come later. */
  async saveAggregate(id: number, json: string): Promise<void> {
    await this.database.query(SQL.saveAggregate, [id, json]);
  }

  /** All targets by id, with what each has answered. */
  hosts(id: number): Promise<TargetedHost[]> {
    return this.database.query<TargetedHost>(SQL.hosts, [id]);
  }

  /** Newest first. @param userId null: everybody's @param before only those with a smaller id */
  list(userId: number | null, before: number, limit: number): Promise<Campaign[]> {
    return this.database.query<Campaign>(SQL.list, [userId, before, limit]);
  }

  /** How many of these hosts, who are not connected, have not been seen for thirty days. */
  async missing(offlineIds: readonly number[]): Promise<number> {
    if (offlineIds.length === 0) return 0;
    const [row] = await this.database.query<{ count: number }>(SQL.missing, [offlineIds]);
    return row?.count ?? 0;
  }

  /** All hosts that are new today: looking for each of ten thousand targets took longer than all else of a start. */
  async recent(): Promise<number[]> {
    const [row] = await this.database.query<{ ids: number[] }>(SQL.recent);
    return row?.ids ?? [];
  }

  /** Deletes campaigns that ended longer ago, with their results and the SQL that was not saved; a few at a time. @returns how many */
  async purge(days: number): Promise<number> {
    return this.database.transaction(async (tx) => {
      await tx.query(SQL.purgeResults, [days]);
      const gone = await tx.query<{ queryId: number }>(SQL.purge, [days]);
      await tx.query(SQL.purgeUnsaved, [gone.map(({ queryId }) => queryId)]);
      return gone.length;
    });
  }

  /** @throws DomainError unavailable, when results can neither be written nor read */
  async ping(): Promise<void> {
    await this.database.query(SQL.ping);
  }
}
