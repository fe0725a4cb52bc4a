import { Injectable } from '@nestjs/common';
import { type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { StandingWorkChanges } from '../standing-work-changes.js';
import { type PolicyScope } from './policy.entity.js';

/** Whose hosts a policy is about. */
export interface PolicyOwner {
  readonly scope: PolicyScope;
  /** Of the scope `team` only. */
  readonly teamId: number | null;
}

/** All that people decide about a policy. */
export interface PolicyFields {
  readonly name: string;
  /** The SQL. */
  readonly query: string;
  readonly description: string;
  readonly resolution: string;
  readonly platform: string;
  readonly critical: boolean;
}

/** A policy among many. */
export interface StoredPolicy extends PolicyFields, PolicyOwner {
  readonly id: number;
  /** The name as names are compared. */
  readonly key: string;
  /** Names of labels. */
  readonly includeAny: readonly string[];
  readonly excludeAny: readonly string[];
}

/** A policy as it is to be from now on. */
export interface PolicyChange {
  /** null: a new one. */
  readonly before: StoredPolicy | null;
  readonly owner: PolicyOwner;
  readonly fields: PolicyFields;
  readonly labels: readonly { readonly labelId: number; readonly exclude: boolean }[];
}

const labels = (exclude: boolean): string =>
  `ARRAY(SELECT l.name FROM policy_labels pl JOIN labels l ON l.id = pl.label_id WHERE pl.policy_id = p.id AND pl.exclude = ${exclude} ORDER BY l.name)`;
const FIELDS = 'name, query, description, resolution, platform, critical';
const VALUES = FIELDS.replace(/(\w+)/g, 'r.$1');
const ROWS = `jsonb_to_recordset($2::jsonb) AS r(id int, scope text, team_id int, name text, query text, description text, resolution text,
  platform text, critical boolean)`;

const STORED = `SELECT p.id, p.scope, p.team_id AS "teamId", lower(p.name) AS key, p.name, p.query, p.description, p.resolution, p.platform, p.critical,
             ${labels(false)} AS "includeAny", ${labels(true)} AS "excludeAny"`;

const SQL = {
  lockByIds: {
    name: 'policy_set_lock_by_ids',
    text: `${STORED} FROM policies p WHERE p.id = ANY($1::int[]) ORDER BY p.id FOR UPDATE OF p`,
  },
  lock: {
    name: 'policy_set_lock',
    text: `${STORED}
           FROM unnest($1::text[], $2::int[], $3::text[]) AS k(scope, team, key)
           JOIN policies p ON p.scope = k.scope AND coalesce(p.team_id, 0) = k.team AND lower(p.name) = k.key
           FOR UPDATE OF p`,
  },
  insert: {
    name: 'policy_set_insert',
    text: `INSERT INTO policies (author_id, scope, team_id, ${FIELDS}) SELECT $1::int, r.scope, r.team_id, ${VALUES} FROM ${ROWS}
           RETURNING id, scope, coalesce(team_id, 0) AS team, name`,
  },
  update: {
    name: 'policy_set_update',
    text: `UPDATE policies p SET (author_id, ${FIELDS}) = ($1::int, ${VALUES}), updated_at = now() FROM ${ROWS} WHERE p.id = r.id`,
  },
  dropResults: {
    name: 'policy_set_drop_results',
    text: 'DELETE FROM policy_results WHERE policy_id = ANY($1::int[])',
  },
  dropLabels: {
    name: 'policy_set_drop_labels',
    text: 'DELETE FROM policy_labels WHERE policy_id = ANY($1::int[])',
  },
  addLabels: {
    name: 'policy_set_add_labels',
    text: `INSERT INTO policy_labels (policy_id, label_id, exclude) SELECT * FROM unnest($1::int[], $2::int[], $3::boolean[])`,
  },
};

/** Policies, many at once, in as many statements as for one. */
@Injectable()
export class PolicySets {
  constructor(private readonly changes: StandingWorkChanges) {}

  /** Those that are there, for a change. @param keys names as `foldNames` gives them */
  lock(tx: Transaction, keys: readonly (PolicyOwner & { readonly key: string })[]): Promise<StoredPolicy[]> {
    return tx.query(SQL.lock, [
      keys.map(({ scope }) => scope),
      keys.map(({ teamId }) => teamId ?? 0),
      keys.map(({ key }) => key),
    ]);
  }

  /** Those that are there, for a change; by id. */
  lockByIds(tx: Transaction, ids: readonly number[]): Promise<StoredPolicy[]> {
    return tx.query(SQL.lockByIds, [ids]);
  }

  /**
   * What hosts have answered to another query is forgotten.
   * @returns their ids, in the same order
   * @throws DomainError already_exists: there is one of that name
   */
  async put(tx: Transaction, authorId: number, changes: readonly PolicyChange[]): Promise<number[]> {
    if (changes.length === 0) return [];
    const added = changes.filter(({ before }) => before === null);
    const changed = changes.filter(({ before }) => before !== null);
    const ids = new Map<string, number>();
    if (added.length > 0) {
      const rows = await unique(
        tx.query<{ id: number; scope: string; team: number; name: string }>(SQL.insert, [
          authorId,
          rowsOf(added),
        ]),
      );
      for (const { id, scope, team, name } of rows) ids.set(`${scope} ${team} ${name}`, id);
    }
    if (changed.length > 0) await unique(tx.query(SQL.update, [authorId, rowsOf(changed)]));
    const idOf = ({ before, owner, fields }: PolicyChange): number =>
      before?.id ?? ids.get(`${owner.scope} ${owner.teamId ?? 0} ${fields.name}`) ?? 0;
    const asked = changed.filter(({ before, fields }) => before?.query !== fields.query);
    const all = changes.flatMap((change) => change.labels.map((label) => ({ ...label, id: idOf(change) })));
    await Promise.all([
      tx.query(SQL.dropResults, [asked.map(idOf)]),
      tx.query(SQL.dropLabels, [changed.map(idOf)]),
    ]);
    await tx.query(SQL.addLabels, [
      all.map(({ id }) => id),
      all.map(({ labelId }) => labelId),
      all.map(({ exclude }) => exclude),
    ]);
    const result = changes.map(idOf);
    await this.changes.tell(tx, { policies: result });
    return result;
  }
}

function rowsOf(changes: readonly PolicyChange[]): string {
  return JSON.stringify(
    changes.map(({ before, owner, fields }) => ({
      ...fields,
      id: before?.id ?? null,
      scope: owner.scope,
      team_id: owner.teamId,
    })),
  );
}

function unique<T>(statement: Promise<T>): Promise<T> {
  return statement.catch((error: unknown) => {
    if (violated(error) !== 'policies_scope_team_name') throw error;
    throw new DomainError('already_exists', {
      name: 'name',
      reason: 'the team has a policy of this name already',
    });
  });
}
