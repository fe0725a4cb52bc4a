import { Injectable } from '@nestjs/common';
import { Database, listSql, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { type QueryFields } from './query-fields.js';
import { type SavedQuery } from './saved-query.entity.js';

/** A query as it stands now, its author's name beside it. */
export type SavedQueryRow = Omit<SavedQuery, 'team' | 'author'> & {
  readonly authorName: string | null;
  readonly authorEmail: string | null;
  /** What it is limited to, by name; none: hosts of all labels and of none. */
  readonly labels: readonly { readonly id: number; readonly name: string }[];
};

const COLUMNS = `q.id, q.team_id AS "teamId", q.name, q.description, q.query, q.saved, q.author_id AS "authorId",
  u.name AS "authorName", u.email AS "authorEmail", q.observer_can_run AS "observerCanRun", q."interval", q.platform,
  q.min_osquery_version AS "minOsqueryVersion", q.automations_enabled AS "automationsEnabled", q.logging,
  q.discard_data AS "discardData", q.created_at AS "createdAt", q.updated_at AS "updatedAt",
  coalesce((SELECT jsonb_agg(jsonb_build_object('id', l.id, 'name', l.name) ORDER BY l.name)
    FROM query_labels ql JOIN labels l ON l.id = ql.label_id WHERE ql.query_id = q.id), '[]') AS labels`;
const QUERY = `SELECT ${COLUMNS} FROM queries q LEFT JOIN users u ON u.id = q.author_id`;
const FIELDS = `name, description, query, observer_can_run, "interval", platform, min_osquery_version, automations_enabled, logging, discard_data`;

const SQL = {
  find: { name: 'query_find', text: `${QUERY} WHERE q.id = $1` },
  byName: {
    name: 'query_by_name',
    text: `SELECT id FROM queries WHERE saved AND coalesce(team_id, 0) = $1 AND lower(name) = lower($2)`,
  },
  lock: {
    name: 'query_lock',
    text: `${QUERY} WHERE q.id = ANY($1::int[]) AND q.saved ORDER BY q.id FOR UPDATE OF q`,
  },
  // The team stays until the transaction has ended.
  team: { name: 'query_team', text: 'SELECT id FROM teams WHERE id = $1 FOR KEY SHARE' },
  insert: {
    name: 'query_insert',
    text: `INSERT INTO queries (team_id, author_id, saved, ${FIELDS}) VALUES ($1, $2, true, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) RETURNING id`,
  },
  insertUnsaved: {
    name: 'query_insert_unsaved',
    text: 'INSERT INTO queries (author_id, saved, name, query) VALUES ($1, false, $2, $3) RETURNING id',
  },
  update: {
    name: 'query_update',
    text: `UPDATE queries SET (${FIELDS}) = ($2, $3, $4, $5, $6, $7, $8, $9, $10, $11), updated_at = now() WHERE id = $1`,
  },
  dropReports: {
    name: 'query_drop_reports',
    text: 'DELETE FROM query_results WHERE query_id = ANY($1::int[])',
  },
  remove: { name: 'query_remove', text: 'DELETE FROM queries WHERE id = ANY($1::int[])' },
};

const ORDER = {
  id: 'id',
  name: 'name',
  created_at: '"createdAt"',
  updated_at: '"updatedAt"',
  author_name: '"authorName"',
  interval: '"interval"',
  platform: 'platform',
};
export const QUERY_ORDER_KEYS = Object.keys(ORDER);

/** The rows of queries. Names are compared whatever their case, by PostgreSQL's `lower`. */
@Injectable()
export class SavedQueriesRepository {
  constructor(private readonly database: Database) {}

  /** Saved or not. */
  async find(id: number, tx?: Transaction): Promise<SavedQueryRow | null> {
    const [row] = await (tx ?? this.database).query<SavedQueryRow>(SQL.find, [id]);
    return row ?? null;
  }

  /** Of those that are saved. @param teamId null: of no team */
  async idOf(tx: Transaction, teamId: number | null, name: string): Promise<number | null> {
    const [row] = await tx.query<{ id: number }>(SQL.byName, [teamId ?? 0, name]);
    return row?.id ?? null;
  }

  /** One page of what is saved. @param teams 0: of no team */
  page(teams: readonly number[], options: ListOptions): Promise<SavedQueryRow[]> {
    const { text, values } = listOf(teams, options);
    return this.database.query({ text }, values);
  }

  /** How many there are on all pages, and how many of them belong to no team. */
  async count(
    teams: readonly number[],
    { match }: Pick<ListOptions, 'match'>,
  ): Promise<{ all: number; ofNoTeam: number }> {
    const everything = { limit: null, offset: 0, page: 0, orderKey: null, descending: false, after: null };
    const { text, values } = listOf(teams, { ...everything, match });
    const [row] = await this.database.query<{ all: number; ofNoTeam: number }>(
      {
        text: `SELECT count(*)::int AS all, (count(*) FILTER (WHERE "teamId" IS NULL))::int AS "ofNoTeam" FROM (${text}) c`,
      },
      values,
    );
    return row ?? { all: 0, ofNoTeam: 0 };
  }

  /** For a change of these; only what is saved, by id. */
  lock(tx: Transaction, ids: readonly number[]): Promise<SavedQueryRow[]> {
    return tx.query(SQL.lock, [ids]);
  }

  async teamExists(tx: Transaction, id: number): Promise<boolean> {
    return (await tx.query(SQL.team, [id])).length > 0;
  }

  /** @throws DomainError already_exists */
  async insert(
    tx: Transaction,
    teamId: number | null,
    authorId: number,
    fields: QueryFields,
  ): Promise<number> {
    const values = [teamId, authorId, ...valuesOf(fields)];
    const [row] = await unique(fields.name, tx.query<{ id: number }>(SQL.insert, values));
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row.id;
  }

  async insertUnsaved(tx: Transaction, authorId: number, name: string, sql: string): Promise<number> {
    const [row] = await tx.query<{ id: number }>(SQL.insertUnsaved, [authorId, name, sql]);
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row.id;
  }

  /** @throws DomainError already_exists */
  async update(tx: Transaction, id: number, fields: QueryFields): Promise<void> {
    await unique(fields.name, tx.query(SQL.update, [id, ...valuesOf(fields)]));
  }

  /** What hosts have reported to these is no answer to them any more. */
  async dropReports(tx: Transaction, ids: readonly number[]): Promise<void> {
    await tx.query(SQL.dropReports, [ids]);
  }

  async remove(tx: Transaction, ids: readonly number[]): Promise<void> {
    await tx.query(SQL.remove, [ids]);
  }
}

function listOf(
  teams: readonly number[],
  options: Omit<ListOptions, 'limit'> & { readonly limit: number | null },
): { text: string; values: unknown[] } {
  const source = {
    select: `${QUERY} WHERE q.saved AND coalesce(q.team_id, 0) = ANY($1::int[])`,
    values: [teams],
    columns: ORDER,
    search: ['name'],
  };
  return listSql(source, options);
}

/** In the order of FIELDS. */
function valuesOf(fields: QueryFields): unknown[] {
  return [
    fields.name,
    fields.description,
    fields.query,
    fields.observerCanRun,
    fields.interval,
    fields.platform,
    fields.minOsqueryVersion,
    fields.automationsEnabled,
    fields.logging,
    fields.discardData,
  ];
}

function unique<T>(name: string, statement: Promise<T>): Promise<T> {
  return statement.catch((error: unknown) => {
    if (violated(error) !== 'queries_team_name') throw error;
    throw new DomainError('already_exists', { name: 'name', reason: `Query "${name}" already exists` });
  });
}
