import { Injectable } from '@nestjs/common';
import { type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { AgentOptionChanges } from './agent-option-changes.js';
import { secretTaken } from './secrets.js';

/** A team among many. */
export interface StoredTeam {
  readonly id: number;
  readonly name: string;
  /** The name as names are compared. */
  readonly key: string;
  readonly agentOptions: Readonly<Record<string, unknown>> | null;
  readonly secrets: readonly string[];
}

/** A team as it is to be from now on. */
export interface TeamChange {
  /** null: a new one. */
  readonly before: StoredTeam | null;
  readonly name: string;
  readonly agentOptions: Readonly<Record<string, unknown>> | null;
  /** null: they stay. */
  readonly secrets: readonly string[] | null;
}

const SQL = {
  byNames: {
    name: 'team_set_by_names',
    text: `SELECT n AS given, t.id, t.name FROM unnest($1::text[]) n JOIN teams t ON lower(t.name) = lower(n) FOR KEY SHARE OF t`,
  },
  lock: {
    name: 'team_set_lock',
    text: `SELECT t.id, t.name, lower(t.name) AS key, t.agent_options AS "agentOptions",
             ARRAY(SELECT e.secret FROM enroll_secrets e WHERE e.team_id = t.id ORDER BY e.created_at, e.secret) AS secrets
           FROM teams t WHERE lower(t.name) = ANY($1::text[]) FOR UPDATE OF t`,
  },
  insert: {
    name: 'team_set_insert',
    text: `INSERT INTO teams (name, agent_options) SELECT r.name, r.agent_options
           FROM jsonb_to_recordset($1::jsonb) AS r(name text, agent_options jsonb) RETURNING id, name`,
  },
  update: {
    name: 'team_set_update',
    text: `UPDATE teams t SET name = r.name, agent_options = r.agent_options
           FROM jsonb_to_recordset($1::jsonb) AS r(id int, name text, agent_options jsonb) WHERE t.id = r.id`,
  },
  dropSecrets: {
    name: 'team_set_drop_secrets',
    text: `DELETE FROM enroll_secrets WHERE team_id = ANY($1::int[]) AND (team_id, secret) NOT IN (SELECT * FROM unnest($2::int[], $3::text[]))`,
  },
  // Those that stay keep their date; what belongs to somebody else comes back as a row too few.
  addSecrets: {
    name: 'team_set_add_secrets',
    text: `INSERT INTO enroll_secrets (secret, team_id) SELECT s, t FROM unnest($1::int[], $2::text[]) AS v(t, s)
           ON CONFLICT (secret) DO UPDATE SET secret = excluded.secret WHERE enroll_secrets.team_id = excluded.team_id
           RETURNING 1 AS stored`,
  },
};

/** Teams, many at once, in as many statements as for one. */
@Injectable()
export class TeamSets {
  constructor(private readonly optionChanges: AgentOptionChanges) {}

  /** Those that bear these names whatever the case, by the name as it was given. They stay until the transaction has ended. */
  async byNames(
    tx: Transaction,
    names: Iterable<string>,
  ): Promise<Map<string, { id: number; name: string }>> {
    const given = [...new Set(names)];
    if (given.length === 0) return new Map();
    const rows = await tx.query<{ given: string; id: number; name: string }>(SQL.byNames, [given]);
    return new Map(rows.map((row) => [row.given, { id: row.id, name: row.name }]));
  }

  /** Those that are there, for a change. @param keys names as `foldNames` gives them */
  lock(tx: Transaction, keys: readonly string[]): Promise<StoredTeam[]> {
    return tx.query(SQL.lock, [keys]);
  }

  /**
   * @returns their ids, in the same order
   * @throws DomainError already_exists (a secret is in use elsewhere); conflict: somebody else has added one of them meanwhile
   */
  async put(tx: Transaction, changes: readonly TeamChange[]): Promise<number[]> {
    const added = changes.filter(({ before }) => before === null);
    const changed = changes.filter(({ before }) => before !== null);
    const ids = new Map<string, number>();
    if (added.length > 0) {
      const rows = await tx
        .query<{ id: number; name: string }>(SQL.insert, [rowsOf(added)])
        .catch((error: unknown) => {
          if (violated(error) !== 'teams_name') throw error;
          throw new DomainError('conflict', 'one of the teams has been added meanwhile: try again');
        });
      for (const { id, name } of rows) ids.set(name, id);
    }
    if (changed.length > 0) await tx.query(SQL.update, [rowsOf(changed)]);
    const result = changes.map(({ before, name }) => before?.id ?? ids.get(name) ?? 0);
    await this.putSecrets(
      tx,
      changes.flatMap(({ secrets }, index) => (secrets ? [{ id: result[index] ?? 0, secrets }] : [])),
    );
    if (result.length > 0) await this.optionChanges.tell(tx, result);
    return result;
  }

  private async putSecrets(
    tx: Transaction,
    teams: readonly { readonly id: number; readonly secrets: readonly string[] }[],
  ): Promise<void> {
    if (teams.length === 0) return;
    const pairs = teams.flatMap(({ id, secrets }) => secrets.map((secret) => ({ id, secret })));
    if (new Set(pairs.map(({ secret }) => secret)).size < pairs.length) throw secretTaken();
    const columns = [pairs.map(({ id }) => id), pairs.map(({ secret }) => secret)];
    const [, stored] = await Promise.all([
      tx.query(SQL.dropSecrets, [teams.map(({ id }) => id), ...columns]),
      tx.query(SQL.addSecrets, columns),
    ]);
    if (stored.length < pairs.length) throw secretTaken();
  }
}

function rowsOf(changes: readonly TeamChange[]): string {
  return JSON.stringify(
    changes.map(({ before, name, agentOptions }) => ({
      id: before?.id ?? null,
      name,
      agent_options: agentOptions,
    })),
  );
}
