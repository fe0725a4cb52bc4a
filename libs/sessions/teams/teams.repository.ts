import { Injectable } from '@nestjs/common';
import { Database, listSql, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { secretTaken } from './secrets.js';

/** A team, with how many belong to it. */
export interface TeamView {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly agentOptions: Record<string, unknown> | null;
  readonly createdAt: Date;
  readonly userCount: number;
  readonly hostCount: number;
}

export type TeamSummary = Pick<TeamView, 'id' | 'name' | 'description'>;

/** A shared secret that lets agents enroll into the team. */
export interface TeamSecret {
  readonly secret: string;
  readonly teamId: number;
  readonly createdAt: Date;
}

const TEAM = `SELECT t.id, t.name, t.description, t.agent_options AS "agentOptions", t.created_at AS "createdAt",
    (SELECT count(*)::int FROM team_roles r WHERE r.team_id = t.id) AS "userCount",
    (SELECT coalesce(sum(c.hosts), 0)::int FROM host_changes c WHERE c.team_id = t.id) AS "hostCount"
  FROM teams t`;

const SQL = {
  byId: { text: `${TEAM} WHERE t.id = $1` },
  lock: { text: 'SELECT id FROM teams WHERE id = $1 FOR UPDATE' },
  summaries: { text: 'SELECT id, name, description FROM teams ORDER BY lower(name)' },
  insert: { text: 'INSERT INTO teams (name, description) VALUES ($1, $2) RETURNING id' },
  update: { text: 'UPDATE teams SET name = $2, description = $3, agent_options = $4 WHERE id = $1' },
  delete: { text: 'DELETE FROM teams WHERE id = $1' },
  secrets: {
    text: `SELECT secret, team_id AS "teamId", created_at AS "createdAt" FROM enroll_secrets
           WHERE team_id = ANY($1::int[]) ORDER BY created_at, secret`,
  },
  dropSecrets: { text: 'DELETE FROM enroll_secrets WHERE team_id = $1 AND secret <> ALL($2::text[])' },
  // Those that stay keep their date; what belongs to somebody else comes back as a row too few.
  addSecrets: {
    text: `INSERT INTO enroll_secrets (secret, team_id) SELECT s, $1 FROM unnest($2::text[]) s
           ON CONFLICT (secret) DO UPDATE SET secret = excluded.secret WHERE enroll_secrets.team_id = excluded.team_id
           RETURNING 1 AS stored`,
  },
};

const COLUMNS = {
  id: 'id',
  name: 'name',
  description: 'description',
  created_at: '"createdAt"',
  user_count: '"userCount"',
  host_count: '"hostCount"',
};
export const TEAM_ORDER_KEYS = Object.keys(COLUMNS);

/** Teams and their enroll secrets in the database. */
@Injectable()
export class TeamsRepository {
  constructor(private readonly database: Database) {}

  async find(id: number, tx?: Transaction): Promise<TeamView | null> {
    const [team] = await (tx ?? this.database).query<TeamView>(SQL.byId, [id]);
    return team ?? null;
  }

  /** As it is now, and stays until the end of the transaction. */
  async findLocked(tx: Transaction, id: number): Promise<TeamView | null> {
    const [, team] = await Promise.all([tx.query(SQL.lock, [id]), this.find(id, tx)]);
    return team;
  }

  /** @param ids only these; null: all */
  list(options: ListOptions, ids: readonly number[] | null): Promise<TeamView[]> {
    const select = `${TEAM} WHERE $1::int[] IS NULL OR t.id = ANY($1)`;
    const source = { select, values: [ids], columns: COLUMNS, search: ['name'] };
    const { text, values } = listSql(source, options);
    return this.database.query<TeamView>({ text }, values);
  }

  /** All teams, by name. */
  summaries(): Promise<TeamSummary[]> {
    return this.database.query<TeamSummary>(SQL.summaries);
  }

  /** @throws DomainError already_exists */
  async insert(tx: Transaction, name: string, description: string): Promise<number> {
    const [row] = await unique(name, tx.query<{ id: number }>(SQL.insert, [name, description]));
    if (!row) throw new Error('INSERT … RETURNING gave no row');
    return row.id;
  }

  /** @throws DomainError already_exists */
  async update(
    tx: Transaction,
    id: number,
    { name, description, agentOptions }: Pick<TeamView, 'name' | 'description' | 'agentOptions'>,
  ): Promise<void> {
    const options = agentOptions === null ? null : JSON.stringify(agentOptions);
    await unique(name, tx.query(SQL.update, [id, name, description, options]));
  }

  /** Its roles, secrets and scripts go with it; its hosts belong to no team afterwards. */
  async delete(tx: Transaction, id: number): Promise<void> {
    await tx.query(SQL.delete, [id]);
  }

  /** Of these teams, oldest first. */
  secrets(ids: readonly number[], tx?: Transaction): Promise<TeamSecret[]> {
    return (tx ?? this.database).query<TeamSecret>(SQL.secrets, [ids]);
  }

  /**
   * @param secrets each once
   * @throws DomainError already_exists: one of them is in use elsewhere
   */
  async replaceSecrets(tx: Transaction, id: number, secrets: readonly string[]): Promise<void> {
    await tx.query(SQL.dropSecrets, [id, secrets]);
    const stored = await tx.query(SQL.addSecrets, [id, secrets]);
    if (stored.length < secrets.length) throw secretTaken();
  }
}

function unique<T>(name: string, statement: Promise<T>): Promise<T> {
  return statement.catch((error: unknown) => {
    if (violated(error) !== 'teams_name') throw error;
    throw new DomainError('already_exists', { name: 'name', reason: `Team "${name}" already exists` });
  });
}
