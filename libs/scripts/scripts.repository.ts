import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { MAX_ID } from '#libs/platform/http/index';

/** A saved script as it stands now. */
export interface SavedScript {
  readonly id: number;
  /** null: for hosts of no team. */
  readonly teamId: number | null;
  readonly name: string;
  readonly contentSha256: Buffer;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The team that scripts belong to. */
export interface OwningTeam {
  readonly id: number;
  readonly name: string;
}

/** A name and what it stands for, before it has an id. */
export interface NewScript {
  readonly name: string;
  readonly contentSha256: Buffer;
}

/** First key of the advisory locks over the names of a team's scripts; the second is the team. */
const NAMES_LOCK = 0x73637074;

const COLUMNS = `id, team_id AS "teamId", name, content_sha256 AS "contentSha256", created_at AS "createdAt", updated_at AS "updatedAt"`;
const TEAM_NAME = `(SELECT t.name FROM teams t WHERE t.id = scripts.team_id) AS "teamName"`;

const SQL = {
  find: { name: 'script_find', text: `SELECT ${COLUMNS} FROM scripts WHERE id = $1` },
  byName: {
    name: 'script_by_name',
    text: `SELECT ${COLUMNS} FROM scripts WHERE coalesce(team_id, 0) = $1 AND lower(name) = lower($2)`,
  },
  page: {
    name: 'script_page',
    // Rows are read for the page alone; what lies before it is a walk along an index.
    text: `WITH page AS MATERIALIZED (SELECT id, row_number() OVER () AS place FROM (
             SELECT id FROM scripts WHERE coalesce(team_id, 0) = $1 ORDER BY coalesce(team_id, 0), lower(name) LIMIT $2 OFFSET $3) found)
           SELECT ${COLUMNS} FROM page JOIN scripts USING (id) ORDER BY page.place`,
  },
  // Also waits for a run that is being started: it refers to the row until it is committed, and is seen afterwards.
  lock: {
    name: 'script_lock',
    text: `SELECT ${COLUMNS}, ${TEAM_NAME} FROM scripts WHERE id = $1 FOR UPDATE OF scripts`,
  },
  lockAll: {
    name: 'script_lock_all',
    text: `SELECT ${COLUMNS}, lower(name) AS key FROM scripts WHERE coalesce(team_id, 0) = $1 ORDER BY coalesce(team_id, 0), lower(name) FOR UPDATE`,
  },
  lockNames: { name: 'script_lock_names', text: 'SELECT pg_advisory_xact_lock($1, $2)' },
  // The team stays until the transaction has ended.
  team: { name: 'script_team', text: 'SELECT id, name FROM teams WHERE id = $1 FOR KEY SHARE' },
  teamByName: {
    name: 'script_team_by_name',
    text: 'SELECT id, name FROM teams WHERE lower(name) = lower($1) FOR KEY SHARE',
  },
  keys: {
    name: 'script_keys',
    text: `SELECT lower(given.name) AS key FROM unnest($1::text[]) WITH ORDINALITY AS given(name, position) ORDER BY position`,
  },
  insert: {
    name: 'script_insert',
    text: `INSERT INTO scripts (team_id, name, content_sha256)
           SELECT $1, given.name, given.sha256 FROM unnest($2::text[], $3::bytea[]) AS given(name, sha256)
           ON CONFLICT (coalesce(team_id, 0), lower(name)) DO NOTHING RETURNING id`,
  },
  update: {
    name: 'script_update',
    text: `UPDATE scripts SET name = given.name, content_sha256 = given.sha256, updated_at = now()
           FROM unnest($1::int[], $2::text[], $3::bytea[]) AS given(id, name, sha256) WHERE scripts.id = given.id`,
  },
  remove: { name: 'script_remove', text: 'DELETE FROM scripts WHERE id = ANY($1::int[])' },
};

/** The rows of saved scripts, and their locks. Names are compared whatever their case, by PostgreSQL's `lower`. */
@Injectable()
export class ScriptsRepository {
  constructor(private readonly database: Database) {}

  async find(id: number): Promise<SavedScript | null> {
    const [row] = await this.database.query<SavedScript>(SQL.find, [id]);
    return row ?? null;
  }

  async findByName(teamId: number | null, name: string): Promise<SavedScript | null> {
    const [row] = await this.database.query<SavedScript>(SQL.byName, [teamId ?? 0, name]);
    return row ?? null;
  }

  /** In the order of their names. */
  page(teamId: number | null, limit: number, offset: number): Promise<SavedScript[]> {
    if (!isId(teamId ?? 0)) return Promise.resolve([]);
    return this.database.query<SavedScript>(SQL.page, [teamId ?? 0, limit, offset]);
  }

  /** For a change of this one script. */
  async lock(
    tx: Transaction,
    id: number,
  ): Promise<(SavedScript & { readonly teamName: string | null }) | null> {
    const [row] = await tx.query<SavedScript & { teamName: string | null }>(SQL.lock, [id]);
    return row ?? null;
  }

  /** For a change of the whole set, after `lockNames`; in the order of `key`, which is what names are compared by. */
  lockAll(tx: Transaction, teamId: number | null): Promise<(SavedScript & { readonly key: string })[]> {
    return tx.query(SQL.lockAll, [teamId ?? 0]);
  }

  /** Until the transaction has ended nobody else adds to this team's scripts. */
  async lockNames(tx: Transaction, teamId: number | null): Promise<void> {
    await tx.query(SQL.lockNames, [NAMES_LOCK, teamId ?? 0]);
  }

  async team(tx: Transaction, id: number): Promise<OwningTeam | null> {
    if (!isId(id)) return null;
    const [row] = await tx.query<OwningTeam>(SQL.team, [id]);
    return row ?? null;
  }

  async teamByName(tx: Transaction, name: string): Promise<OwningTeam | null> {
    const [row] = await tx.query<OwningTeam>(SQL.teamByName, [name]);
    return row ?? null;
  }

  /** What each name is compared by, in the order given. */
  async keysOf(tx: Transaction, names: readonly string[]): Promise<string[]> {
    const rows = await tx.query<{ key: string }>(SQL.keys, [names]);
    return rows.map(({ key }) => key);
  }

  /** @returns the ids of those that were new; a name that is taken is left out */
  async insert(tx: Transaction, teamId: number | null, scripts: readonly NewScript[]): Promise<number[]> {
    const columns = [scripts.map(({ name }) => name), scripts.map(({ contentSha256 }) => contentSha256)];
    const rows = await tx.query<{ id: number }>(SQL.insert, [teamId, ...columns]);
    return rows.map(({ id }) => id);
  }

  async update(tx: Transaction, scripts: readonly (NewScript & { readonly id: number })[]): Promise<void> {
    await tx.query(SQL.update, [
      scripts.map(({ id }) => id),
      scripts.map(({ name }) => name),
      scripts.map(({ contentSha256 }) => contentSha256),
    ]);
  }

  async remove(tx: Transaction, ids: readonly number[]): Promise<void> {
    await tx.query(SQL.remove, [ids]);
  }
}

function isId(id: number): boolean {
  return id <= MAX_ID;
}
