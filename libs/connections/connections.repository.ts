import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { containing, Database, type Transaction } from '#libs/platform/database/index';
import { isUuid } from '#libs/platform/http/index';
import { type Connection } from './connection.entity.js';
import { type ConnectionFields, FIELD_NAMES } from './connection-fields.js';
import { type ConnectionFilter, type Page } from './connection-list.js';

/** A connection with the names of what hangs on it. */
export type ConnectionRow = ConnectionFields &
  Pick<Connection, 'id' | 'name' | 'secretsUpdatedAt' | 'createdAt' | 'updatedAt'> & {
    readonly secrets: readonly { readonly name: string; readonly updatedAt: string }[];
    /** Ids. */
    readonly guardRails: readonly string[];
  };

const FIELD_COLUMNS: Readonly<Record<keyof ConnectionFields, string>> = {
  ...FIELD_NAMES,
  agent: 'agent',
  timeoutSeconds: 'timeout_seconds',
};
const KEYS = Object.keys(FIELD_COLUMNS) as (keyof ConnectionFields)[];
const COLUMNS = Object.values(FIELD_COLUMNS);

/** bigint comes as text. */
const selected = (key: keyof ConnectionFields): string =>
  key === 'outputCapBytes'
    ? `c.output_cap_bytes::float8 AS "outputCapBytes"`
    : `c.${FIELD_COLUMNS[key]} AS "${key}"`;
const SELECT = `SELECT c.id, c.name, ${KEYS.map(selected).join(', ')},
  c.secrets_updated_at AS "secretsUpdatedAt", c.created_at AS "createdAt", c.updated_at AS "updatedAt",
  (SELECT coalesce(jsonb_agg(jsonb_build_object('name', s.name, 'updatedAt', to_char(s.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) ORDER BY s.name), '[]')
     FROM connection_secrets s WHERE s.connection_id = c.id) AS secrets,
  (SELECT coalesce(array_agg(g.guardrail_id::text ORDER BY g.guardrail_id), '{}')
     FROM connection_guardrails g WHERE g.connection_id = c.id) AS "guardRails"
  FROM connections c`;

const SQL = {
  // A name never looks like an id.
  byId: { name: 'connection_by_id', text: `${SELECT} WHERE c.id = $1` },
  byName: { name: 'connection_by_name', text: `${SELECT} WHERE c.name = $1` },
  lock: {
    name: 'connection_lock',
    text: 'SELECT id FROM connections WHERE id = $1 FOR UPDATE',
  },
  insert: {
    name: 'connection_insert',
    text: `INSERT INTO connections (id, name, ${COLUMNS.join(', ')}) VALUES (gen_random_uuid(), $1, ${COLUMNS.map((_, i) => `$${i + 2}`).join(', ')}) RETURNING id`,
  },
  update: {
    name: 'connection_update',
    text: `UPDATE connections SET ${COLUMNS.map((column, i) => `${column} = $${i + 2}`).join(', ')}, updated_at = now() WHERE id = $1`,
  },
  touchSecrets: {
    name: 'connection_touch_secrets',
    text: 'UPDATE connections SET secrets_updated_at = now() WHERE id = $1',
  },
  remove: { name: 'connection_remove', text: 'DELETE FROM connections WHERE id = $1' },
  teamExists: { name: 'connection_team', text: 'SELECT id FROM teams WHERE id = $1' },
};

/** Rows of connections. */
@Injectable()
export class ConnectionsRepository {
  constructor(private readonly database: Database) {}

  async find(nameOrId: string, tx: Transaction | Database = this.database): Promise<ConnectionRow | null> {
    const [row] = await tx.query<ConnectionRow>(isUuid(nameOrId) ? SQL.byId : SQL.byName, [nameOrId]);
    return row ?? null;
  }

  /** As it is once nobody else changes it. */
  async findLocked(nameOrId: string, tx: Transaction): Promise<ConnectionRow | null> {
    const found = await this.find(nameOrId, tx);
    if (!found) return null;
    await tx.query(SQL.lock, [found.id]);
    return this.find(found.id, tx);
  }

  /** By name. @param teams of these teams only; null: all */
  async list(
    teams: readonly number[] | null,
    filter: ConnectionFilter,
    page: Page | null,
  ): Promise<ConnectionRow[]> {
    const { conditions, values } = conditionsOf(teams, filter);
    const cut =
      page === null
        ? ''
        : ` LIMIT $${values.push(page.size)} OFFSET $${values.push((page.page - 1) * page.size)}`;
    const text = `${SELECT} WHERE ${conditions} ORDER BY c.name${cut}`;
    return this.database.query<ConnectionRow>(named('connections_list', text), values);
  }

  async count(teams: readonly number[] | null, filter: ConnectionFilter): Promise<number> {
    const { conditions, values } = conditionsOf(teams, filter);
    const text = `SELECT count(*)::int AS count FROM connections c WHERE ${conditions}`;
    const [row] = await this.database.query<{ count: number }>(named('connections_count', text), values);
    return row?.count ?? 0;
  }

  /** @throws unique violation of connections_name */
  async insert(tx: Transaction, name: string, fields: ConnectionFields): Promise<string> {
    const [row] = await tx.query<{ id: string }>(SQL.insert, [name, ...valuesOf(fields)]);
    if (!row) throw new Error('an inserted connection has no id');
    return row.id;
  }

  async update(tx: Transaction, id: string, fields: ConnectionFields): Promise<void> {
    await tx.query(SQL.update, [id, ...valuesOf(fields)]);
  }

  async touchSecrets(tx: Transaction, id: string): Promise<void> {
    await tx.query(SQL.touchSecrets, [id]);
  }

  async remove(tx: Transaction, id: string): Promise<void> {
    await tx.query(SQL.remove, [id]);
  }

  async teamExists(tx: Transaction, id: number): Promise<boolean> {
    return (await tx.query(SQL.teamExists, [id])).length > 0;
  }
}

function valuesOf(fields: ConnectionFields): unknown[] {
  return KEYS.map((key) =>
    key === 'connectionTags' || key === 'env' ? JSON.stringify(fields[key]) : fields[key],
  );
}

function conditionsOf(
  teams: readonly number[] | null,
  filter: ConnectionFilter,
): { conditions: string; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = ['true'];
  const add = (condition: (parameter: string) => string, value: unknown): void => {
    if (value !== null) conditions.push(condition(`$${values.push(value)}`));
  };
  add((p) => `c.team_id = ANY(${p}::int[])`, teams);
  add((p) => `c.agent = ${p}`, filter.agent);
  add((p) => `c.type = ${p}`, filter.type);
  add((p) => `c.subtype = ${p}`, filter.subtype);
  add((p) => `c.resource_name = ${p}`, filter.resourceName);
  add((p) => `${p} = ANY(c.attributes)`, filter.attribute);
  add((p) => `c.id = ANY(${p}::uuid[])`, filter.ids);
  add(
    (p) => `(c.name ILIKE ${p} OR c.type ILIKE ${p} OR c.subtype ILIKE ${p} OR c.resource_name ILIKE ${p})`,
    filter.search === null ? null : containing(filter.search),
  );
  for (const { key, value, negated } of filter.tags)
    add((p) => `${negated ? 'NOT ' : ''}c.connection_tags @> ${p}::jsonb`, JSON.stringify({ [key]: value }));
  if (filter.none) conditions.push('false');
  return { conditions: conditions.join(' AND '), values };
}

/** Texts differ by what is asked for, not by values. */
function named(kind: string, text: string): { name: string; text: string } {
  return { name: `${kind}_${createHash('sha1').update(text).digest('base64url').slice(0, 12)}`, text };
}
