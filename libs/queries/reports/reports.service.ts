import { Injectable } from '@nestjs/common';
import { HostsService } from '#libs/agents/index';
import { type Caller, teamsWhere } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';
import { SavedQueriesService } from '../saved/saved-queries.service.js';
import { type HostReportDto, type QueryReportDto, type ReportRowDto } from './reports.dto.js';

/** Rows that a report shows: `query_report_cap` of the organization settings. */
const MOST_ROWS = 1_000;

type Columns = Record<string, string>;

interface ResultRow {
  readonly hostId: number;
  readonly hostname: string;
  /** JSON. */
  readonly rows: string;
  readonly lastFetched: Date;
}

const RESULT = `SELECT r.host_id AS "hostId", h.hostname, r.rows, r.last_fetched AS "lastFetched" FROM query_results r JOIN hosts h ON h.id = r.host_id`;

const SQL = {
  ofQuery: {
    name: 'report_of_query',
    text: `${RESULT} WHERE r.query_id = $1 AND r.rows <> '[]' AND ($2::int[] IS NULL OR h.team_id = ANY($2)) ORDER BY r.host_id LIMIT ${MOST_ROWS + 1}`,
  },
  ofHost: { name: 'report_of_host', text: `${RESULT} WHERE r.query_id = $1 AND r.host_id = $2` },
};

/** What hosts last answered to queries that they run again and again. */
@Injectable()
export class ReportsService {
  constructor(
    private readonly database: Database,
    private readonly queries: SavedQueriesService,
    private readonly hosts: HostsService,
  ) {}

  /** Of hosts that the caller may see, by host. @throws DomainError forbidden, not_found */
  async ofQuery(caller: Caller, queryId: number): Promise<QueryReportDto> {
    const query = await this.queries.get(caller, queryId);
    if (!query.saved) throw notFound('Query', queryId);
    const found = await this.database.query<ResultRow>(SQL.ofQuery, [
      queryId,
      teamsWhere(caller, 'host:list'),
    ]);
    const results: ReportRowDto[] = [];
    for (const { hostId, hostname, rows, lastFetched } of found) {
      for (const columns of JSON.parse(rows) as Columns[])
        results.push({
          host_id: hostId,
          host_name: hostname,
          last_fetched: lastFetched.toISOString(),
          columns,
        });
      if (results.length > MOST_ROWS) break;
    }
    return {
      query_id: queryId,
      report_clipped: results.length > MOST_ROWS,
      results: results.slice(0, MOST_ROWS),
    };
  }

  /** @throws DomainError forbidden, not_found */
  async ofHost(caller: Caller, hostId: number, queryId: number): Promise<HostReportDto> {
    const host = await this.hosts.get(caller, hostId);
    const query = await this.queries.get(caller, queryId);
    if (!query.saved) throw notFound('Query', queryId);
    const [result] = await this.database.query<ResultRow>(SQL.ofHost, [queryId, hostId]);
    const rows = result ? (JSON.parse(result.rows) as Columns[]) : [];
    return {
      query_id: queryId,
      host_id: hostId,
      host_name: host.hostname,
      last_fetched: result?.lastFetched.toISOString() ?? null,
      report_clipped: rows.length > MOST_ROWS,
      results: rows.slice(0, MOST_ROWS).map((columns) => ({ columns })),
    };
  }
}
