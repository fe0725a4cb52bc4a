import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { FINAL_STATES, sqlList } from '../states.js';

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

const SQL = {
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

/** What a batch reads: how far it has come. */
@Injectable()
export class BatchRunsRepository {
  constructor(private readonly database: Database) {}

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
