import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { type PolicyScope } from './policy.entity.js';

/** A policy as answers show it. */
export interface PolicyView {
  readonly id: number;
  readonly scope: PolicyScope;
  readonly teamId: number | null;
  readonly name: string;
  readonly query: string;
  readonly description: string;
  readonly resolution: string;
  readonly platform: string;
  readonly critical: boolean;
  readonly authorId: number | null;
  readonly authorName: string | null;
  readonly authorEmail: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly includeAny: readonly { readonly id: number; readonly name: string }[];
  readonly excludeAny: readonly { readonly id: number; readonly name: string }[];
  /** Hosts, of those that are counted. */
  readonly passing: number;
  readonly failing: number;
}

const labels = (exclude: boolean): string =>
  `coalesce((SELECT jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name) ORDER BY l.name)
     FROM policy_labels pl JOIN labels l ON l.id = pl.label_id WHERE pl.policy_id = p.id AND pl.exclude = ${exclude}), '[]')`;
/** Of all hosts: counted in an index, without a look at the rows. Of some teams: of their hosts. */
const COUNTS = {
  all: (passes: string): string =>
    `(SELECT count(*)::int FROM policy_results r WHERE r.policy_id = p.id AND r.passes = ${passes})`,
  ofTeams: (passes: string): string =>
    `(SELECT count(*)::int FROM policy_results r JOIN hosts h ON h.id = r.host_id
      WHERE r.policy_id = p.id AND r.passes = ${passes} AND coalesce(h.team_id, 0) = ANY($3::int[]))`,
};
const select = (count: (passes: string) => string): string =>
  `SELECT p.id, p.scope, p.team_id AS "teamId", p.name, p.query, p.description, p.resolution, p.platform, p.critical, p.author_id AS "authorId",
     u.name AS "authorName", u.email AS "authorEmail", p.created_at AS "createdAt", p.updated_at AS "updatedAt",
     ${labels(false)} AS "includeAny", ${labels(true)} AS "excludeAny", ${count('true')} AS passing, ${count('false')} AS failing
   FROM policies p LEFT JOIN users u ON u.id = p.author_id`;
const OWNED = `WHERE p.scope = $1 AND coalesce(p.team_id, 0) = $2 ORDER BY p.id`;

const SQL = {
  list: { name: 'policy_list', text: `${select(COUNTS.all)} ${OWNED}` },
  listOfTeams: { name: 'policy_list_of_teams', text: `${select(COUNTS.ofTeams)} ${OWNED}` },
  find: { name: 'policy_find', text: `${select(COUNTS.all)} WHERE p.id = $1` },
  findOfTeams: {
    name: 'policy_find_of_teams',
    text: `${select(COUNTS.ofTeams)} WHERE p.id = $1 AND $2::int IS NULL`,
  },
  remove: { name: 'policy_remove', text: 'DELETE FROM policies WHERE id = ANY($1::int[])' },
  team: { name: 'policy_team', text: 'SELECT id FROM teams WHERE id = $1 FOR KEY SHARE' },
};

/** Reads of policies, with how many hosts pass and fail. */
@Injectable()
export class PoliciesRepository {
  constructor(private readonly database: Database) {}

  /** By id. @param countedTeams hosts of these only are counted, 0: of no team; null: all */
  list(
    scope: PolicyScope,
    teamId: number | null,
    countedTeams: readonly number[] | null,
  ): Promise<PolicyView[]> {
    const owner = [scope, teamId ?? 0];
    return countedTeams === null
      ? this.database.query(SQL.list, owner)
      : this.database.query(SQL.listOfTeams, [...owner, countedTeams]);
  }

  /** @param countedTeams as in `list` */
  async find(
    id: number,
    countedTeams: readonly number[] | null,
    tx?: Transaction,
  ): Promise<PolicyView | null> {
    const source = tx ?? this.database;
    const [policy] = await (countedTeams === null
      ? source.query<PolicyView>(SQL.find, [id])
      : source.query<PolicyView>(SQL.findOfTeams, [id, null, countedTeams]));
    return policy ?? null;
  }

  /** With what hosts have answered to them. */
  async remove(tx: Transaction, ids: readonly number[]): Promise<void> {
    await tx.query(SQL.remove, [ids]);
  }

  /** It stays until the transaction has ended. */
  async teamExists(id: number, tx?: Transaction): Promise<boolean> {
    return (await (tx ?? this.database).query(SQL.team, [id])).length > 0;
  }
}
