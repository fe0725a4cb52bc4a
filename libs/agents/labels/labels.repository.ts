import { Injectable } from '@nestjs/common';
import { Database, listSql, sqlState, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { type Label } from './label.entity.js';

/** A label as answers show it. */
export type LabelRow = Pick<
  Label,
  | 'id'
  | 'name'
  | 'description'
  | 'query'
  | 'platform'
  | 'labelType'
  | 'membershipType'
  | 'createdAt'
  | 'updatedAt'
>;

/** With how many hosts are in it, of those that the caller may see. */
export type CountedLabel = LabelRow & { readonly hostCount: number };

export type NewLabel = Pick<Label, 'name' | 'description' | 'query' | 'platform' | 'membershipType'> & {
  readonly authorId: number;
};

const COLUMNS = `l.id, l.name, l.description, l.query, l.platform, l.label_type AS "labelType", l.membership_type AS "membershipType",
  l.created_at AS "createdAt", l.updated_at AS "updatedAt"`;

/** Hosts of each label, of these teams or of all. */
const COUNTS = {
  all: `SELECT label_id, count(*)::int AS n FROM label_membership GROUP BY label_id`,
  ofTeams: `SELECT m.label_id, count(*)::int AS n FROM hosts h JOIN label_membership m ON m.host_id = h.id
            WHERE h.team_id = ANY($1::int[]) GROUP BY m.label_id`,
};
const counted = (counts: string): string =>
  `WITH counts AS MATERIALIZED (${counts}) SELECT ${COLUMNS}, coalesce(c.n, 0) AS "hostCount" FROM labels l LEFT JOIN counts c ON c.label_id = l.id`;

const SQL = {
  find: { name: 'label_find', text: `SELECT ${COLUMNS} FROM labels l WHERE l.id = $1` },
  count: {
    name: 'label_count',
    text: 'SELECT count(*)::int AS n FROM label_membership WHERE label_id = $1',
  },
  countOfTeams: {
    name: 'label_count_of_teams',
    text: `SELECT count(*)::int AS n FROM hosts h JOIN label_membership m ON m.host_id = h.id AND m.label_id = $1 WHERE h.team_id = ANY($2::int[])`,
  },
  lock: { name: 'label_lock', text: `SELECT ${COLUMNS} FROM labels l WHERE l.id = $1 FOR UPDATE OF l` },
  byName: { name: 'label_by_name', text: 'SELECT id FROM labels WHERE lower(name) = lower($1)' },
  byExactNames: {
    name: 'labels_by_exact_names',
    text: `SELECT l.id, l.name FROM unnest($1::text[]) n JOIN labels l ON lower(l.name) = lower(n) AND l.name = n`,
  },
  ofHost: {
    name: 'labels_of_host',
    text: `SELECT ${COLUMNS} FROM label_membership m JOIN labels l ON l.id = m.label_id WHERE m.host_id = $1 ORDER BY l.id`,
  },
  summary: { name: 'label_summary', text: `SELECT ${COLUMNS} FROM labels l ORDER BY l.id` },
  insert: {
    name: 'label_insert',
    text: `INSERT INTO labels (name, description, query, platform, membership_type, author_id) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
  },
  update: {
    name: 'label_update',
    text: `UPDATE labels SET name = $2, description = $3, updated_at = now() WHERE id = $1 AND label_type = 'regular'`,
  },
  remove: { name: 'label_remove', text: `DELETE FROM labels WHERE id = $1 AND label_type = 'regular'` },
};

/** SQLSTATE: something still refers to the row. */
const FOREIGN_KEY = '23503';

const ORDER = {
  id: 'id',
  name: 'name',
  created_at: '"createdAt"',
  updated_at: '"updatedAt"',
  host_count: '"hostCount"',
};
export const LABEL_ORDER_KEYS = Object.keys(ORDER);

/** The rows of labels. Names are compared whatever their case, by PostgreSQL's `lower`. */
@Injectable()
export class LabelsRepository {
  constructor(private readonly database: Database) {}

  /** @param teams count hosts of these only; null: all */
  list(options: ListOptions, teams: readonly number[] | null): Promise<CountedLabel[]> {
    const source = {
      select: counted(teams === null ? COUNTS.all : COUNTS.ofTeams),
      values: teams === null ? [] : [teams],
      columns: ORDER,
      search: ['name'],
    };
    const { text, values } = listSql(source, options);
    return this.database.query({ text }, values);
  }

  /** All, by id. */
  summary(): Promise<LabelRow[]> {
    return this.database.query(SQL.summary);
  }

  async find(id: number, tx?: Transaction): Promise<LabelRow | null> {
    const [row] = await (tx ?? this.database).query<LabelRow>(SQL.find, [id]);
    return row ?? null;
  }

  /** How many hosts are in it. @param teams hosts of these only; null: all */
  async count(id: number, teams: readonly number[] | null, tx?: Transaction): Promise<number> {
    const source = tx ?? this.database;
    const [row] = await (teams === null
      ? source.query<{ n: number }>(SQL.count, [id])
      : source.query<{ n: number }>(SQL.countOfTeams, [id, teams]));
    return row?.n ?? 0;
  }

  /** For a change of this one. */
  async lock(tx: Transaction, id: number): Promise<LabelRow | null> {
    const [row] = await tx.query<LabelRow>(SQL.lock, [id]);
    return row ?? null;
  }

  /** Whatever the case. */
  async idOf(name: string, tx?: Transaction): Promise<number | null> {
    const [row] = await (tx ?? this.database).query<{ id: number }>(SQL.byName, [name]);
    return row?.id ?? null;
  }

  /** Those that bear exactly one of these names. */
  named(names: readonly string[]): Promise<{ id: number; name: string }[]> {
    return this.database.query(SQL.byExactNames, [names]);
  }

  /** By id. */
  ofHost(hostId: number): Promise<LabelRow[]> {
    return this.database.query(SQL.ofHost, [hostId]);
  }

  /** @throws DomainError already_exists */
  async insert(tx: Transaction, label: NewLabel): Promise<number> {
    const { name, description, query, platform, membershipType, authorId } = label;
    const values = [name, description, query, platform, membershipType, authorId];
    const [row] = await unique(name, tx.query<{ id: number }>(SQL.insert, values));
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row.id;
  }

  /** @throws DomainError already_exists */
  async update(tx: Transaction, id: number, name: string, description: string): Promise<void> {
    await unique(name, tx.query(SQL.update, [id, name, description]));
  }

  /**
   * Its members are out of it.
   * @throws DomainError conflict: a query or a policy is limited to it
   */
  async remove(tx: Transaction, { id, name }: Pick<LabelRow, 'id' | 'name'>): Promise<void> {
    await tx.query(SQL.remove, [id]).catch((error: unknown) => {
      if (sqlState(error) !== FOREIGN_KEY) throw error;
      throw new DomainError(
        'conflict',
        `label "${name}" is in use: a query or a policy is limited to it. Take it out there first.`,
      );
    });
  }
}

function unique<T>(name: string, statement: Promise<T>): Promise<T> {
  return statement.catch((error: unknown) => {
    if (violated(error) !== 'labels_name') throw error;
    throw new DomainError('already_exists', { name: 'name', reason: `Label "${name}" already exists` });
  });
}
