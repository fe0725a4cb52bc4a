import { Injectable } from '@nestjs/common';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { StandingWorkChanges } from '../standing-work-changes.js';
import { type QueryFields, spoilsReports } from './query-fields.js';

/** A saved query among many. */
export interface StoredQuery extends QueryFields {
  readonly id: number;
  /** null: of no team. */
  readonly teamId: number | null;
  /** Its name; empty: of no team. */
  readonly team: string;
  /** The name as names are compared. */
  readonly key: string;
  /** Names of the labels that it is limited to. */
  readonly labels: readonly string[];
}

/** A query as it is to be from now on. */
export interface QueryChange {
  /** null: a new one. */
  readonly before: StoredQuery | null;
  readonly teamId: number | null;
  readonly fields: QueryFields;
  readonly labelIds: readonly number[];
}

const STORED = `SELECT q.id, q.team_id AS "teamId", lower(q.name) AS key, q.name, q.description, q.query,
    q.observer_can_run AS "observerCanRun", q."interval", q.platform, q.min_osquery_version AS "minOsqueryVersion",
    q.automations_enabled AS "automationsEnabled", q.logging, q.discard_data AS "discardData",
    coalesce((SELECT t.name FROM teams t WHERE t.id = q.team_id), '') AS team,
    ARRAY(SELECT l.name FROM query_labels ql JOIN labels l ON l.id = ql.label_id WHERE ql.query_id = q.id ORDER BY l.name) AS labels
  FROM queries q`;
const FIELDS = `name, description, query, observer_can_run, "interval", platform, min_osquery_version, automations_enabled, logging, discard_data`;
const ROWS = `jsonb_to_recordset($2::jsonb) AS r(id int, team_id int, name text, description text, query text, observer_can_run boolean,
  "interval" int, platform text, min_osquery_version text, automations_enabled boolean, logging text, discard_data boolean)`;
const VALUES = FIELDS.replace(/("?\w+"?)/g, 'r.$1');

const SQL = {
  lock: {
    name: 'query_set_lock',
    text: `${STORED.replace('FROM queries q', 'FROM unnest($1::int[], $2::text[]) AS k(team, key) JOIN queries q ON coalesce(q.team_id, 0) = k.team AND lower(q.name) = k.key')}
           WHERE q.saved FOR UPDATE OF q`,
  },
  ofNoTeam: {
    name: 'query_set_of_no_team',
    text: `${STORED} WHERE q.saved AND coalesce(q.team_id, 0) = 0 ORDER BY q.id`,
  },
  named: {
    name: 'query_set_named',
    text: `${STORED} WHERE q.saved AND coalesce(q.team_id, 0) = $1 AND lower(q.name) = lower($2)`,
  },
  insert: {
    name: 'query_set_insert',
    text: `INSERT INTO queries (team_id, author_id, saved, ${FIELDS}) SELECT r.team_id, $1::int, true, ${VALUES} FROM ${ROWS}
           RETURNING id, coalesce(team_id, 0) AS team, name`,
  },
  update: {
    name: 'query_set_update',
    text: `UPDATE queries q SET (author_id, ${FIELDS}) = ($1::int, ${VALUES}), updated_at = now() FROM ${ROWS} WHERE q.id = r.id AND q.saved`,
  },
  dropReports: {
    name: 'query_set_drop_reports',
    text: 'DELETE FROM query_results WHERE query_id = ANY($1::int[])',
  },
  dropLabels: {
    name: 'query_set_drop_labels',
    text: 'DELETE FROM query_labels WHERE query_id = ANY($1::int[])',
  },
  addLabels: {
    name: 'query_set_add_labels',
    text: 'INSERT INTO query_labels (query_id, label_id) SELECT * FROM unnest($1::int[], $2::int[]) ON CONFLICT DO NOTHING',
  },
};

/** Saved queries, many at once, in as many statements as for one. */
@Injectable()
export class QuerySets {
  constructor(
    private readonly database: Database,
    private readonly changes: StandingWorkChanges,
  ) {}

  /** All that are saved and of no team, by id. */
  ofNoTeam(): Promise<StoredQuery[]> {
    return this.database.query(SQL.ofNoTeam);
  }

  /** Whatever the case. @param teamId null: of no team */
  async named(teamId: number | null, name: string): Promise<StoredQuery | null> {
    const [query] = await this.database.query<StoredQuery>(SQL.named, [teamId ?? 0, name]);
    return query ?? null;
  }

  /** Those that are there, for a change. @param keys names as `foldNames` gives them */
  lock(
    tx: Transaction,
    keys: readonly { readonly teamId: number | null; readonly key: string }[],
  ): Promise<StoredQuery[]> {
    return tx.query(SQL.lock, [keys.map(({ teamId }) => teamId ?? 0), keys.map(({ key }) => key)]);
  }

  /** @throws DomainError conflict: somebody else has added one of them meanwhile */
  async put(tx: Transaction, authorId: number, changes: readonly QueryChange[]): Promise<void> {
    if (changes.length === 0) return;
    const added = changes.filter(({ before }) => before === null);
    const changed = changes.filter(({ before }) => before !== null);
    const ids = new Map<string, number>();
    if (added.length > 0) {
      const rows = await tx
        .query<{ id: number; team: number; name: string }>(SQL.insert, [authorId, rowsOf(added)])
        .catch((error: unknown) => {
          if (violated(error) !== 'queries_team_name') throw error;
          throw new DomainError('conflict', 'one of the queries has been added meanwhile: try again');
        });
      for (const { id, team, name } of rows) ids.set(`${team} ${name}`, id);
    }
    if (changed.length > 0) await tx.query(SQL.update, [authorId, rowsOf(changed)]);
    const idOf = (change: QueryChange): number =>
      change.before?.id ?? ids.get(`${change.teamId ?? 0} ${change.fields.name}`) ?? 0;
    await this.putLabels(
      tx,
      changed.map(idOf),
      changes.flatMap((change) => change.labelIds.map((labelId) => ({ queryId: idOf(change), labelId }))),
    );
    const spoiled = changed.filter(({ before, fields }) => before && spoilsReports(before, fields));
    if (spoiled.length > 0) await tx.query(SQL.dropReports, [spoiled.map(idOf)]);
    await this.changes.tell(tx, { queries: changes.map(idOf) });
  }

  private async putLabels(
    tx: Transaction,
    changed: readonly number[],
    labels: readonly { readonly queryId: number; readonly labelId: number }[],
  ): Promise<void> {
    if (changed.length > 0) await tx.query(SQL.dropLabels, [changed]);
    if (labels.length === 0) return;
    await tx.query(SQL.addLabels, [
      labels.map(({ queryId }) => queryId),
      labels.map(({ labelId }) => labelId),
    ]);
  }
}

function rowsOf(changes: readonly QueryChange[]): string {
  return JSON.stringify(
    changes.map(({ before, teamId, fields }) => ({
      id: before?.id ?? null,
      team_id: teamId,
      name: fields.name,
      description: fields.description,
      query: fields.query,
      observer_can_run: fields.observerCanRun,
      interval: fields.interval,
      platform: fields.platform,
      min_osquery_version: fields.minOsqueryVersion,
      automations_enabled: fields.automationsEnabled,
      logging: fields.logging,
      discard_data: fields.discardData,
    })),
  );
}
