import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList } from '../states.js';

/** A host as far as a batch asks about it. */
export interface BatchHost {
  readonly id: number;
  readonly teamId: number | null;
  readonly platform: string;
  readonly scriptsEnabled: boolean | null;
}

export interface HostFilter {
  /** null: of no team. */
  readonly teamId: number | null;
  readonly online: boolean | null;
  /** Empty: everything. */
  readonly match: string;
}

export interface BatchRow {
  id: string;
  script_id: number | null;
  script_name: string;
  team_id: number | null;
  created_at: Date;
}

export interface BatchCounts {
  targeted: number;
  pending: number;
  ran: number;
  canceled: number;
}

const HOST = `h.id, h.team_id AS "teamId", h.facts->>'platform' AS platform, h.scripts_enabled AS "scriptsEnabled"`;

const SQL = {
  hosts: {
    name: 'batch_hosts',
    text: `SELECT ${HOST} FROM hosts h WHERE h.id = ANY($1::int[]) ORDER BY h.id`,
  },
  find: {
    name: 'batch_find',
    text: `SELECT id, script_id, options->>'script_name' AS script_name, (options->>'team_id')::int AS team_id, created_at
           FROM executions WHERE uuid = $1 AND options->>'batch' IS NOT NULL`,
  },
  counts: {
    name: 'batch_counts',
    text: `SELECT count(*)::int AS targeted, (count(*) FILTER (WHERE state NOT IN (${sqlList(FINAL_STATES)})))::int AS pending,
             (count(*) FILTER (WHERE state = 'finished' AND exit_code = 0))::int AS ran,
             (count(*) FILTER (WHERE state = 'cancelled' OR state = 'killed' AND stop_reason IS NOT NULL))::int AS canceled
           FROM targets WHERE execution_id = $1`,
  },
};

/** What a batch reads: the hosts that it is for, and how far it has come. */
@Injectable()
export class BatchRunsRepository {
  constructor(private readonly database: Database) {}

  /** Those that exist. */
  hosts(ids: readonly number[]): Promise<BatchHost[]> {
    return this.database.query(SQL.hosts, [ids]);
  }

  /** At most `limit`, in order of their ids. */
  filter({ teamId, online, match }: HostFilter, limit: number): Promise<BatchHost[]> {
    const values: unknown[] = [];
    const when = (value: unknown, condition: (parameter: string) => string): string[] =>
      value === null ? [] : [condition(`$${values.push(value)}`)];
    const conditions = [
      teamId === null ? 'h.team_id IS NULL' : `h.team_id = $${values.push(teamId)}`,
      ...when(online, (p) => `h.online = ${p}`),
      ...when(
        match === '' ? null : `%${match.replace(/[\\%_]/g, '\\$&')}%`,
        (p) =>
          `(h.hostname ILIKE ${p} OR h.hardware_serial ILIKE ${p} OR h.uuid::text ILIKE ${p} OR h.facts->>'primary_ip' ILIKE ${p})`,
      ),
    ];
    const text = `SELECT ${HOST} FROM hosts h WHERE ${conditions.join(' AND ')} ORDER BY h.id LIMIT $${values.push(limit)}`;
    return this.database.query({ text }, values);
  }

  /** null when there is no such batch. */
  async find(uuid: string): Promise<BatchRow | null> {
    const [row] = await this.database.query<BatchRow>(SQL.find, [uuid]);
    return row ?? null;
  }

  async counts(executionId: string): Promise<BatchCounts> {
    const [row] = await this.database.query<BatchCounts>(SQL.counts, [executionId]);
    if (!row) throw new Error('a count gave no row');
    return row;
  }
}
