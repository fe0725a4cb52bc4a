import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';

/** Folding so many rows takes a millisecond; below that a sum costs nothing worth mentioning. */
const FOLD_FROM = 200;

const SQL = {
  total: {
    name: 'hosts_total',
    text: 'SELECT coalesce(sum(hosts), 0)::int AS total, count(*)::int AS rows FROM host_changes WHERE team_id >= 0',
  },
  teamsTotal: {
    name: 'hosts_total_of_teams',
    text: 'SELECT coalesce(sum(hosts), 0)::int AS total, count(*)::int AS rows FROM host_changes WHERE team_id = ANY($1::int[])',
  },
  // Whoever folds the same rows at the same moment waits, and then finds them gone: each is folded once.
  fold: {
    name: 'hosts_total_fold',
    text: `WITH folded AS (DELETE FROM host_changes WHERE id = ANY(ARRAY(SELECT id FROM host_changes ORDER BY id LIMIT 100000)) RETURNING team_id, hosts)
           INSERT INTO host_changes (team_id, hosts) SELECT team_id, sum(hosts) FROM folded GROUP BY team_id`,
  },
};

/** SQL: the exact number of hosts of these teams, or of all; for statements that hold the teams in a parameter. */
export function totalOfHosts(teams: string | null): string {
  const of = teams === null ? 'team_id >= 0' : `team_id = ANY(${teams}::int[])`;
  return `SELECT coalesce(sum(hosts), 0)::int AS total FROM host_changes WHERE ${of}`;
}

/** How many hosts there are, without counting them. */
@Injectable()
export class HostTotals {
  constructor(private readonly database: Database) {}

  /** @param teams 0 for hosts of none; null: all hosts */
  async of(teams: readonly number[] | null): Promise<number> {
    const [found] = await this.database.query<{ total: number; rows: number }>(
      teams === null ? SQL.total : SQL.teamsTotal,
      teams === null ? [] : [teams],
    );
    if (!found) throw new Error('an aggregate gave no row');
    if (found.rows >= FOLD_FROM) await this.database.query(SQL.fold);
    return found.total;
  }
}
