import { Injectable } from '@nestjs/common';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { StandingWorkChanges } from '../standing-work-changes.js';

/** A query as a pack schedules it; what its columns mean: `PackQuery`. */
export interface ScheduledQuery {
  /** Name of the saved query. */
  readonly query: string;
  readonly name: string;
  readonly description: string;
  /** Seconds. */
  readonly interval: number;
  readonly snapshot: boolean | null;
  readonly removed: boolean | null;
  readonly platform: string;
  readonly version: string;
  readonly shard: number | null;
  readonly denylist: boolean | null;
}

export interface PackFields {
  readonly name: string;
  readonly description: string;
  readonly platform: string;
  readonly disabled: boolean;
}

/** A pack with all that belongs to it, by names. */
export interface StoredPack extends PackFields {
  readonly id: number;
  /** The name as names are compared. */
  readonly key: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly queries: readonly (ScheduledQuery & { readonly id: number; readonly query_id: number })[];
  readonly labels: readonly string[];
  readonly teams: readonly string[];
  readonly labelIds: readonly number[];
  readonly teamIds: readonly number[];
}

/** A pack as it is to be from now on. */
export interface PackChange {
  /** null: a new one. */
  readonly before: StoredPack | null;
  readonly fields: PackFields;
  readonly queries: readonly (Omit<ScheduledQuery, 'query'> & { readonly queryId: number })[];
  readonly labelIds: readonly number[];
  readonly teamIds: readonly number[];
}

const targets = (what: 'label' | 'team', column: string): string =>
  `ARRAY(SELECT x.${column} FROM pack_targets t JOIN ${what}s x ON x.id = t.${what}_id WHERE t.pack_id = p.id ORDER BY t.id)`;
const COLUMNS = `p.id, lower(p.name) AS key, p.name, p.description, p.platform, p.disabled, p.created_at AS "createdAt", p.updated_at AS "updatedAt",
  coalesce((
    SELECT jsonb_agg(jsonb_build_object('id', s.id, 'query_id', q.id, 'query', q.name, 'name', s.name, 'description', s.description,
      'interval', s."interval", 'snapshot', s.snapshot, 'removed', s.removed, 'platform', s.platform, 'version', s.version,
      'shard', s.shard, 'denylist', s.denylist) ORDER BY s.id)
    FROM pack_queries s JOIN queries q ON q.id = s.query_id WHERE s.pack_id = p.id
  ), '[]') AS queries,
  ${targets('label', 'name')} AS labels, ${targets('team', 'name')} AS teams,
  ${targets('label', 'id')} AS "labelIds", ${targets('team', 'id')} AS "teamIds"`;

const SQL = {
  all: { name: 'pack_set_all', text: `SELECT ${COLUMNS} FROM packs p ORDER BY p.id` },
  find: { name: 'pack_set_find', text: `SELECT ${COLUMNS} FROM packs p WHERE p.id = $1` },
  named: { name: 'pack_set_named', text: `SELECT ${COLUMNS} FROM packs p WHERE lower(p.name) = lower($1)` },
  lock: {
    name: 'pack_set_lock',
    text: `SELECT ${COLUMNS} FROM packs p WHERE lower(p.name) = ANY($1::text[]) FOR UPDATE OF p`,
  },
  // The team is a column of what is looked for: a constant would let the planner compare every name with every query.
  scheduled: {
    name: 'pack_set_scheduled',
    text: `SELECT k.name AS given, q.id FROM unnest($1::text[], $2::int[]) AS k(name, team)
           JOIN queries q ON coalesce(q.team_id, 0) = k.team AND lower(q.name) = lower(k.name)
           WHERE q.saved FOR KEY SHARE OF q`,
  },
  insert: {
    name: 'pack_set_insert',
    text: `INSERT INTO packs (name, description, platform, disabled)
           SELECT name, description, platform, disabled FROM jsonb_to_recordset($1::jsonb) AS r(name text, description text, platform text, disabled boolean)
           RETURNING id, name`,
  },
  update: {
    name: 'pack_set_update',
    text: `UPDATE packs p SET name = r.name, description = r.description, platform = r.platform, disabled = r.disabled, updated_at = now()
           FROM jsonb_to_recordset($1::jsonb) AS r(id int, name text, description text, platform text, disabled boolean) WHERE p.id = r.id`,
  },
  dropQueries: {
    name: 'pack_set_drop_queries',
    text: 'DELETE FROM pack_queries WHERE pack_id = ANY($1::int[])',
  },
  dropTargets: {
    name: 'pack_set_drop_targets',
    text: 'DELETE FROM pack_targets WHERE pack_id = ANY($1::int[])',
  },
  addQueries: {
    name: 'pack_set_add_queries',
    text: `INSERT INTO pack_queries (pack_id, query_id, name, description, "interval", snapshot, removed, platform, version, shard, denylist)
           SELECT pack_id, query_id, name, description, "interval", snapshot, removed, platform, version, shard, denylist
           FROM jsonb_to_recordset($1::jsonb) AS r(place int, pack_id int, query_id int, name text, description text, "interval" int, snapshot boolean,
             removed boolean, platform text, version text, shard int, denylist boolean) ORDER BY place`,
  },
  addTargets: {
    name: 'pack_set_add_targets',
    text: `INSERT INTO pack_targets (pack_id, label_id, team_id)
           SELECT pack_id, label_id, team_id FROM jsonb_to_recordset($1::jsonb) AS r(place int, pack_id int, label_id int, team_id int) ORDER BY place`,
  },
  remove: { name: 'pack_set_remove', text: 'DELETE FROM packs WHERE id = $1' },
};

/** Packs with what belongs to them, many at once, in as many statements as for one. */
@Injectable()
export class PackSets {
  constructor(
    private readonly database: Database,
    private readonly changes: StandingWorkChanges,
  ) {}

  /** By id. */
  all(): Promise<StoredPack[]> {
    return this.database.query(SQL.all);
  }

  async find(id: number, tx?: Transaction): Promise<StoredPack | null> {
    const [pack] = await (tx ?? this.database).query<StoredPack>(SQL.find, [id]);
    return pack ?? null;
  }

  /** Whatever the case. */
  async named(name: string, tx?: Transaction): Promise<StoredPack | null> {
    const [pack] = await (tx ?? this.database).query<StoredPack>(SQL.named, [name]);
    return pack ?? null;
  }

  /** Those that are there, for a change. @param keys names as `foldNames` gives them */
  lock(tx: Transaction, keys: readonly string[]): Promise<StoredPack[]> {
    return tx.query(SQL.lock, [keys]);
  }

  /** Ids of the saved queries of no team that bear these names, by the name as it was given. */
  async schedulable(tx: Transaction, names: readonly string[]): Promise<Map<string, number>> {
    const given = [...new Set(names)];
    const rows = await tx.query<{ given: string; id: number }>(SQL.scheduled, [given, given.map(() => 0)]);
    return new Map(rows.map(({ given, id }) => [given, id]));
  }

  /** All that belongs to each is replaced. @throws DomainError conflict: somebody else has added one of them meanwhile */
  async put(tx: Transaction, changes: readonly PackChange[]): Promise<void> {
    if (changes.length === 0) return;
    const added = changes.filter(({ before }) => before === null);
    const changed = changes.filter(({ before }) => before !== null);
    const ids = new Map<string, number>();
    if (added.length > 0) for (const { id, name } of await this.insert(tx, added)) ids.set(name, id);
    const idOf = ({ before, fields }: PackChange): number => before?.id ?? ids.get(fields.name) ?? 0;
    if (changed.length > 0) {
      const old = changed.map(idOf);
      await tx.query(SQL.update, [
        JSON.stringify(changed.map((change) => ({ ...change.fields, id: idOf(change) }))),
      ]);
      await Promise.all([tx.query(SQL.dropQueries, [old]), tx.query(SQL.dropTargets, [old])]);
    }
    const queries = changes.flatMap((change) =>
      change.queries.map(({ queryId, ...query }) => ({ ...query, query_id: queryId, pack_id: idOf(change) })),
    );
    const targets = changes.flatMap((change) => [
      ...change.labelIds.map((label_id) => ({ pack_id: idOf(change), label_id })),
      ...change.teamIds.map((team_id) => ({ pack_id: idOf(change), team_id })),
    ]);
    await Promise.all([
      tx.query(SQL.addQueries, [placed(queries)]),
      tx.query(SQL.addTargets, [placed(targets)]),
    ]);
    await this.changes.tell(tx, { packs: changes.map(idOf) });
  }

  /** With all that belongs to it. */
  async remove(tx: Transaction, id: number): Promise<void> {
    await this.changes.tell(tx, { packs: [id] });
    await tx.query(SQL.remove, [id]);
  }

  private insert(tx: Transaction, added: readonly PackChange[]): Promise<{ id: number; name: string }[]> {
    const rows = JSON.stringify(added.map(({ fields }) => fields));
    return tx.query<{ id: number; name: string }>(SQL.insert, [rows]).catch((error: unknown) => {
      if (violated(error) !== 'packs_name') throw error;
      throw new DomainError('conflict', 'one of the packs has been added meanwhile: try again');
    });
  }
}

/** The order in which they are given stays. */
function placed(rows: readonly object[]): string {
  return JSON.stringify(rows.map((row, place) => ({ ...row, place })));
}
