import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { IN_FLIGHT_STATES, sqlList } from '../states.js';

/** One row of the audit record. */
export interface ActivityRow {
  id: string;
  at: Date;
  user_id: number | null;
  /** null: there is no such user (any more). */
  user_name: string | null;
  email: string | null;
  address: string | null;
  act: string;
  outcome: 'done' | 'denied' | 'failed';
  execution_uuid: string | null;
  host_id: number | null;
  details: Record<string, unknown>;
}

/** A script that waits or runs. */
export interface UpcomingRow {
  uuid: string;
  created_at: Date;
  host_id: number;
  hostname: string;
  script_name: string;
  sync: boolean;
  user_id: number | null;
  user_name: string | null;
  email: string;
}

export interface Page {
  readonly limit: number;
  readonly offset: number;
}

const ENTRY = `a.id, a.at, a.user_id, u.name AS user_name, a.email, a.address, a.act, a.outcome, a.execution_uuid, a.host_id, a.details`;
const UPCOMING = 'id, uuid, execution_id, host_id, created_at, state';
/** What is to be stopped is not to come any more. */
const NOT_STOPPING = `(stop_reason IS NULL OR stop_reason = 'expired')`;
const OPEN = `
  SELECT ${UPCOMING} FROM targets WHERE host_id = $1 AND lane = 'serial' AND state IN (${sqlList(IN_FLIGHT_STATES)}) AND ${NOT_STOPPING}
  UNION ALL
  SELECT ${UPCOMING} FROM targets WHERE host_id = $1 AND lane = 'serial' AND state = 'queued'
  UNION ALL
  SELECT ${UPCOMING} FROM targets WHERE host_id = $1 AND state = 'waiting_approval'`;

// Pages are cut from the index alone; then their rows are read.
const recorded = (direction: 'ASC' | 'DESC'): string => `
  SELECT ${ENTRY} FROM (SELECT id FROM audit ORDER BY id ${direction} LIMIT $1 OFFSET $2) p JOIN audit a ON a.id = p.id
  LEFT JOIN users u ON u.id = a.user_id ORDER BY a.id ${direction}`;

const SQL = {
  newestFirst: { name: 'activities_newest', text: recorded('DESC') },
  oldestFirst: { name: 'activities_oldest', text: recorded('ASC') },
  // As rows are compared and ordered by both columns, no index but that of (host, id) fits: that of the id alone would be read
  // from its end until the host has enough.
  ofHost: {
    name: 'activities_of_host',
    text: `SELECT ${ENTRY} FROM (
             SELECT * FROM audit WHERE host_id IS NOT NULL AND (host_id, id) > ($1, 0) AND (host_id, id) < ($1 + 1, 0)
               AND (act LIKE 'ran\\_%' OR act LIKE 'canceled\\_%')
             ORDER BY host_id DESC, id DESC LIMIT $2 OFFSET $3
           ) a LEFT JOIN users u ON u.id = a.user_id ORDER BY a.id DESC`,
  },
  upcoming: {
    name: 'activities_upcoming',
    text: `SELECT o.uuid, o.created_at, o.host_id, h.hostname, coalesce(e.options->>'script_name', '') AS script_name,
             coalesce((e.options->>'sync')::boolean, false) AS sync, e.requested_by AS user_id, u.name AS user_name, e.requested_by_email AS email
           FROM (${OPEN}) o JOIN executions e ON e.id = o.execution_id JOIN hosts h ON h.id = o.host_id LEFT JOIN users u ON u.id = e.requested_by
           WHERE e.kind = 'script' ORDER BY CASE o.state WHEN 'waiting_approval' THEN 2 WHEN 'queued' THEN 1 ELSE 0 END, o.id LIMIT $2 OFFSET $3`,
  },
  countUpcoming: {
    name: 'activities_upcoming_count',
    text: `SELECT count(*)::int AS count FROM (${OPEN}) o JOIN executions e ON e.id = o.execution_id WHERE e.kind = 'script'`,
  },
  isUpcoming: {
    name: 'activity_is_upcoming',
    text: `SELECT 1 FROM (${OPEN}) o JOIN executions e ON e.id = o.execution_id WHERE o.uuid = $2 AND e.kind = 'script'`,
  },
};

/** Reads of the audit record, and of what waits on a host. */
@Injectable()
export class ActivitiesRepository {
  constructor(private readonly database: Database) {}

  all({ limit, offset }: Page, descending: boolean): Promise<ActivityRow[]> {
    return this.database.query(descending ? SQL.newestFirst : SQL.oldestFirst, [limit, offset]);
  }

  /** What ran on a host or was to run there, newest first; its enrolment and the like stand in the whole record. */
  ofHost(hostId: number, { limit, offset }: Page): Promise<ActivityRow[]> {
    return this.database.query(SQL.ofHost, [hostId, limit, offset]);
  }

  upcoming(hostId: number, { limit, offset }: Page): Promise<UpcomingRow[]> {
    return this.database.query(SQL.upcoming, [hostId, limit, offset]);
  }

  async countUpcoming(hostId: number): Promise<number> {
    const [row] = await this.database.query<{ count: number }>(SQL.countUpcoming, [hostId]);
    return row?.count ?? 0;
  }

  async isUpcoming(hostId: number, targetUuid: string): Promise<boolean> {
    return (await this.database.query(SQL.isUpcoming, [hostId, targetUuid])).length > 0;
  }
}
