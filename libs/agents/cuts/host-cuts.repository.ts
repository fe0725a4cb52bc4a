import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { LIST_KEYS, type ListKey, orderOf } from './list-keys.js';

/** Key of the advisory lock of whoever folds or cuts: a count is of the cuts that it was made with. */
const LOCK = 0x6c637574;
/** Changes that are folded by one statement, 0.2 s of work. */
const FOLD_BATCH = 5_000;
/** Beyond so many changes, reading them costs what walking all of an index with 100,000 entries does. */
const MANY = 3_000;

/** The list as it is cut in one order. Changes that are not folded yet are left out. */
export interface Cutting {
  readonly key: ListKey;
  readonly cuts: number;
  /** Hosts in the largest range that ends with a cut. */
  readonly largest: number;
  /** Hosts in all ranges that end with a cut: those behind the last cut are not counted. */
  readonly counted: number;
}

/** SQL: a row of `host_list_changes` joined with the `place` of the first cut at or behind its host; without those behind all cuts. */
function joinPlace(key: ListKey, change: string): string {
  const columns = orderOf(key, 'host_id').map(({ column }) => column);
  return `CROSS JOIN LATERAL (
    SELECT cut.place FROM host_list_cuts cut WHERE cut.key = '${key}' AND ${tuple(columns, 'cut')} >= ${tuple(columns, change)}
    ORDER BY ${columns.map((column) => `cut.${column}`).join(', ')} LIMIT 1) found`;
}

function tuple(columns: readonly string[], of: string): string {
  return `(${columns.map((column) => `${of}.${column}`).join(', ')})`;
}

/** Each team's hosts, and all hosts. */
const TEAM_AND_ALL = 'CROSS JOIN LATERAL (VALUES (changed.team_id), (-1)) counts(team_id)';

const FOLD = `
  WITH folded AS (
    DELETE FROM host_list_changes WHERE id = ANY(ARRAY(SELECT id FROM host_list_changes ORDER BY id LIMIT ${FOLD_BATCH})) RETURNING *
  ), counted AS (
    INSERT INTO host_list_counts AS known (key, team_id, place, hosts)
    SELECT changed.key, counts.team_id, changed.place, sum(changed.hosts)
    FROM (${LIST_KEYS.map((key) => `SELECT '${key}' AS key, found.place, team_id, hosts FROM folded ${joinPlace(key, 'folded')}`).join(' UNION ALL ')}) changed
    ${TEAM_AND_ALL} GROUP BY 1, 2, 3 HAVING sum(changed.hosts) <> 0
    ON CONFLICT (key, team_id, place) DO UPDATE SET hosts = known.hosts + excluded.hosts
  )
  SELECT count(*)::int AS folded FROM folded`;

/** Every so many hosts a cut; where exactly does not matter. */
function cutSql(key: ListKey): string {
  const columns = orderOf(key, 'id').map(({ column }) => column);
  return `INSERT INTO host_list_cuts (key, place, ${orderOf(key, 'host_id')
    .map(({ column }) => column)
    .join(', ')})
    SELECT '${key}', n / $1::int, ${columns.join(', ')} FROM (
      SELECT ${columns.join(', ')}, row_number() OVER (ORDER BY ${columns.join(', ')}) AS n FROM hosts) host WHERE n % $1::int = 0`;
}

/** All hosts as they are, less the changes that are still to be folded: exact together with those, from the same snapshot. */
function countSql(key: ListKey): string {
  const cut = orderOf(key, 'host_id');
  const host = orderOf(key, 'id').map(({ column }) => column);
  const columns = cut.map(({ column }) => column);
  const before = cut.map(
    ({ column, least }) => `lag(${column}, 1, ${least}) OVER (ORDER BY place) AS before_${column}`,
  );
  return `INSERT INTO host_list_counts (key, team_id, place, hosts)
    SELECT '${key}', counts.team_id, changed.place, sum(changed.hosts) FROM (
      SELECT cut.place, inside.team_id, inside.hosts
      FROM (SELECT place, ${columns.join(', ')}, ${before.join(', ')} FROM host_list_cuts WHERE key = '${key}') cut
      CROSS JOIN LATERAL (
        SELECT coalesce(h.team_id, 0) AS team_id, count(*) AS hosts FROM hosts h
        WHERE ${tuple(host, 'h')} > (${columns.map((column) => `cut.before_${column}`).join(', ')}) AND ${tuple(host, 'h')} <= ${tuple(columns, 'cut')}
        GROUP BY 1
      ) inside
      UNION ALL
      SELECT found.place, c.team_id, -c.hosts FROM host_list_changes c ${joinPlace(key, 'c')}
    ) changed ${TEAM_AND_ALL} GROUP BY 2, 3 HAVING sum(changed.hosts) <> 0`;
}

const SQL = {
  lock: { name: 'host_cuts_lock', text: `SELECT pg_try_advisory_xact_lock(${LOCK}) AS mine` },
  fold: { name: 'host_cuts_fold', text: FOLD },
  unfolded: {
    name: 'host_cuts_unfolded',
    text: `SELECT count(*)::int AS changes FROM (SELECT FROM host_list_changes WHERE id > 0 LIMIT ${MANY + 1}) few`,
  },
  cuttings: {
    name: 'host_cuts_cuttings',
    text: `SELECT k.key, (SELECT count(*)::int FROM host_list_cuts c WHERE c.key = k.key) AS cuts, n.largest, n.counted
           FROM unnest($1::text[]) k(key) CROSS JOIN LATERAL (
             SELECT coalesce(max(c.hosts), 0)::int AS largest, coalesce(sum(c.hosts), 0)::int AS counted
             FROM host_list_counts c WHERE c.key = k.key AND c.team_id = -1) n`,
  },
  // Without giving space back, for which readers would have to wait.
  sweep: { text: 'VACUUM (TRUNCATE false) host_list_changes' },
  dead: {
    text: `SELECT n_dead_tup::int AS dead FROM pg_stat_user_tables WHERE relid = 'host_list_changes'::regclass`,
  },
  uncut: { text: 'DELETE FROM host_list_cuts WHERE key = $1' },
  uncount: { text: 'DELETE FROM host_list_counts WHERE key = $1' },
};

/**
 * SQL: where in a list a walk to an offset can begin: a row with the columns of a cut, and `before`, the exact number of hosts up to
 * and including it; no row: at the start of the list.
 * @param position SQL: the offset
 * @param teams SQL: the teams whose hosts are listed, an array with 0 for none; null: all hosts are
 */
export function startOfWalk(key: ListKey, position: string, teams: string | null): string {
  const columns = orderOf(key, 'host_id').map(({ column }) => `cut.${column}`);
  const of = (all: string): string => (teams === null ? all : `team_id = ANY(${teams}::int[])`);
  return `
    SELECT ${columns.join(', ')}, last.before
    FROM (
      SELECT place, before FROM (
        SELECT place, sum(sum(hosts)) OVER (ORDER BY place)::int AS before FROM (
          SELECT place, hosts FROM host_list_counts WHERE key = '${key}' AND ${of('team_id = -1')}
          UNION ALL SELECT found.place, c.hosts FROM host_list_changes c ${joinPlace(key, 'c')} WHERE c.id > 0 AND ${of('true')}
        ) changed GROUP BY place
      ) ranked WHERE before <= ${position} ORDER BY place DESC LIMIT 1
    ) last JOIN host_list_cuts cut ON cut.key = '${key}' AND cut.place = last.place`;
}

/** The cuts in the orders of the list of hosts, and how many hosts lie between them. */
@Injectable()
export class HostCuts {
  /** So many changes are to be folded that a page is found sooner without the cuts; as it was when they were last counted. */
  areBehind = false;

  constructor(private readonly database: Database) {}

  /** @returns how many changes are to be folded, as far as they are counted: up to `MANY` */
  async unfolded(): Promise<number> {
    const [row] = await this.database.query<{ changes: number }>(SQL.unfolded);
    const changes = row?.changes ?? 0;
    this.areBehind = changes > MANY;
    return changes;
  }

  /** Adds the oldest changes to the counts. @returns whether there may be more, and nobody else sees to them */
  fold(): Promise<boolean> {
    return this.alone(async (tx) => {
      const [row] = await tx.query<{ folded: number }>(SQL.fold);
      return row?.folded === FOLD_BATCH;
    });
  }

  /**
   * After many folds: until it is done, each page walks past what was folded (2 ms for 100,000 changes). Autovacuum would come within a minute.
   * @returns false when much is left, because a transaction that is open still sees it
   */
  async sweep(): Promise<boolean> {
    await this.database.query(SQL.sweep);
    const [left] = await this.database.query<{ dead: number }>(SQL.dead);
    return (left?.dead ?? 0) < FOLD_BATCH;
  }

  cuttings(): Promise<Cutting[]> {
    return this.database.query<Cutting>(SQL.cuttings, [LIST_KEYS]);
  }

  /** Cuts one order anew, a cut every so many hosts. @returns false when somebody else is at work */
  cut(key: ListKey, every: number): Promise<boolean> {
    return this.alone(async (tx) => {
      await tx.query(SQL.uncut, [key]);
      await tx.query(SQL.uncount, [key]);
      await tx.query({ text: cutSql(key) }, [every]);
      await tx.query({ text: countSql(key) });
      return true;
    });
  }

  /** In a transaction that nobody else folds or cuts in; false when somebody does. */
  private alone(work: (tx: Transaction) => Promise<boolean>): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      // Answered before anything else is asked, so that all that follows sees what the last one has done.
      const [lock] = await tx.query<{ mine: boolean }>(SQL.lock);
      return lock?.mine === true && work(tx);
    });
  }
}
