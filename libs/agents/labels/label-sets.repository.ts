import { Injectable } from '@nestjs/common';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { HostListRepository } from '../host-list.repository.js';
import { LabelChanges } from './label-changes.js';
import { LabelMembership } from './label-membership.service.js';
import { type Label } from './label.entity.js';

export type LabelFields = Pick<Label, 'name' | 'description' | 'query' | 'platform' | 'membershipType'>;

/** A label among many. */
export interface StoredLabel extends LabelFields {
  readonly id: number;
  readonly labelType: 'regular' | 'builtin';
  /** The name as names are compared. */
  readonly key: string;
  /** Of a manual one; null: of a dynamic one. By hostname, then id. */
  readonly hosts: readonly { readonly id: number; readonly hostname: string }[] | null;
}

/** A label as it is to be from now on. */
export interface LabelChange {
  /** null: a new one. */
  readonly before: StoredLabel | null;
  readonly fields: LabelFields;
  /** Of a manual one; null: its members stay until its query decides. */
  readonly hostIds: readonly number[] | null;
}

const COLUMNS = `l.id, lower(l.name) AS key, l.name, l.description, l.query, l.platform, l.label_type AS "labelType", l.membership_type AS "membershipType",
  CASE WHEN l.membership_type = 'manual' THEN coalesce((
    SELECT jsonb_agg(jsonb_build_object('id', h.id, 'hostname', h.hostname) ORDER BY h.hostname, h.id)
    FROM label_membership m JOIN hosts h ON h.id = m.host_id WHERE m.label_id = l.id
  ), '[]') END AS hosts`;
const ROWS = `jsonb_to_recordset($1::jsonb) AS r(id int, name text, description text, query text, platform text, membership_type text)`;

const SQL = {
  all: { name: 'label_set_all', text: `SELECT ${COLUMNS} FROM labels l ORDER BY l.id` },
  named: { name: 'label_set_named', text: `SELECT ${COLUMNS} FROM labels l WHERE lower(l.name) = lower($1)` },
  lock: {
    name: 'label_set_lock',
    text: `SELECT ${COLUMNS} FROM labels l WHERE lower(l.name) = ANY($1::text[]) FOR UPDATE OF l`,
  },
  // They stay until the transaction has ended.
  ids: {
    name: 'label_set_ids',
    text: `SELECT n AS given, l.id, l.name FROM unnest($1::text[]) n JOIN labels l ON lower(l.name) = lower(n) FOR KEY SHARE OF l`,
  },
  hostnames: {
    name: 'label_set_hostnames',
    text: 'SELECT id, hostname FROM hosts WHERE id = ANY($1::int[])',
  },
  insert: {
    name: 'label_set_insert',
    text: `INSERT INTO labels (author_id, name, description, query, platform, membership_type)
           SELECT $2::int, r.name, r.description, r.query, r.platform, r.membership_type FROM ${ROWS} RETURNING id, name`,
  },
  update: {
    name: 'label_set_update',
    text: `UPDATE labels l SET name = r.name, description = r.description, query = r.query, platform = r.platform, membership_type = r.membership_type,
             updated_at = now()
           FROM ${ROWS} WHERE l.id = r.id AND l.label_type = 'regular'`,
  },
};

/** Labels, many at once, in as many statements as for one. */
@Injectable()
export class LabelSets {
  constructor(
    private readonly database: Database,
    private readonly hosts: HostListRepository,
    private readonly membership: LabelMembership,
    private readonly changes: LabelChanges,
  ) {}

  /** By id, built-in ones included. */
  all(): Promise<StoredLabel[]> {
    return this.database.query(SQL.all);
  }

  /** Whatever the case. */
  async named(name: string): Promise<StoredLabel | null> {
    const [label] = await this.database.query<StoredLabel>(SQL.named, [name]);
    return label ?? null;
  }

  /** Those that are there, for a change. @param keys names as `foldNames` gives them */
  lock(tx: Transaction, keys: readonly string[]): Promise<StoredLabel[]> {
    return tx.query(SQL.lock, [keys]);
  }

  /** Those that bear these names whatever the case, by the name as it was given. */
  async byNames(
    tx: Transaction,
    names: Iterable<string>,
  ): Promise<Map<string, { id: number; name: string }>> {
    const given = [...new Set(names)];
    if (given.length === 0) return new Map();
    const rows = await tx.query<{ given: string; id: number; name: string }>(SQL.ids, [given]);
    return new Map(rows.map((row) => [row.given, { id: row.id, name: row.name }]));
  }

  /** Hosts by hostname, hardware serial or uuid; several may answer to one name, none to another. */
  async hostsByNames(
    tx: Transaction,
    names: Iterable<string>,
  ): Promise<Map<string, { id: number; hostname: string }[]>> {
    const pairs = await this.hosts.allNamed([...new Set(names)]);
    const rows = await tx.query<{ id: number; hostname: string }>(SQL.hostnames, [
      [...new Set(pairs.map(({ id }) => id))],
    ]);
    const known = new Map(rows.map((row) => [row.id, row]));
    const found = new Map<string, { id: number; hostname: string }[]>();
    for (const { name, id } of pairs) {
      const host = known.get(id);
      if (!host) continue;
      const others = found.get(name);
      if (others) others.push(host);
      else found.set(name, [host]);
    }
    return found;
  }

  /** @throws DomainError conflict: somebody else has added one of them meanwhile */
  async put(tx: Transaction, authorId: number, changes: readonly LabelChange[]): Promise<void> {
    if (changes.length === 0) return;
    const added = changes.filter(({ before }) => before === null);
    const changed = changes.filter(({ before }) => before !== null);
    const ids = new Map<string, number>();
    if (added.length > 0) {
      const rows = await tx
        .query<{ id: number; name: string }>(SQL.insert, [rowsOf(added), authorId])
        .catch((error: unknown) => {
          if (violated(error) !== 'labels_name') throw error;
          throw new DomainError('conflict', 'one of the labels has been added meanwhile: try again');
        });
      for (const { id, name } of rows) ids.set(name, id);
    }
    if (changed.length > 0) await tx.query(SQL.update, [rowsOf(changed)]);
    const idOf = ({ before, fields }: LabelChange): number => before?.id ?? ids.get(fields.name) ?? 0;
    const manual = changes.filter(({ hostIds }) => hostIds !== null);
    const pairs = manual.flatMap((change) =>
      (change.hostIds ?? []).map((hostId) => ({ labelId: idOf(change), hostId })),
    );
    if (manual.length > 0) await this.membership.replaceAll(manual.map(idOf), pairs, tx);
    const asked = changes.filter(({ before, fields }) => asksOtherwise(before, fields)).map(idOf);
    if (asked.length > 0) await this.changes.tell(tx, asked);
  }
}

function asksOtherwise(before: LabelFields | null, after: LabelFields): boolean {
  if (before === null) return true;
  return (
    before.query !== after.query ||
    before.platform !== after.platform ||
    before.membershipType !== after.membershipType
  );
}

function rowsOf(changes: readonly LabelChange[]): string {
  return JSON.stringify(
    changes.map(({ before, fields }) => ({
      id: before?.id ?? null,
      name: fields.name,
      description: fields.description,
      query: fields.query,
      platform: fields.platform,
      membership_type: fields.membershipType,
    })),
  );
}
