import { Injectable } from '@nestjs/common';
import { type Role } from '#libs/platform/auth/index';
import { Database, listSql, type Transaction } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type ListOptions } from '#libs/platform/http/index';
import { type Roles } from './roles.js';

/** A team as its members see it. */
export interface UserTeam {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly role: Role;
}

/** A user and its roles, as one read finds them. */
export interface Account extends Roles {
  readonly id: number;
  readonly name: string;
  /** Lower case. */
  readonly email: string;
  readonly passwordHash: string;
  readonly apiOnly: boolean;
  readonly forcePasswordReset: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  /** By name. */
  readonly teams: readonly UserTeam[];
}

/** What can be changed of a user, roles apart. */
export type AccountFields = Pick<
  Account,
  'name' | 'email' | 'passwordHash' | 'apiOnly' | 'forcePasswordReset'
>;

const ACCOUNT = `SELECT u.id, u.name, u.email, u.password_hash AS "passwordHash", u.global_role AS "globalRole",
    u.api_only AS "apiOnly", u.force_password_reset AS "forcePasswordReset",
    u.created_at AS "createdAt", u.updated_at AS "updatedAt",
    coalesce((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'description', t.description, 'role', r.role)
                               ORDER BY lower(t.name))
              FROM team_roles r JOIN teams t ON t.id = r.team_id WHERE r.user_id = u.id), '[]') AS teams
  FROM users u`;

/** Key of the advisory lock under which roles change: "role", in ASCII. */
const ROLES_LOCK = 0x726f6c65;

const SQL = {
  exist: { text: 'SELECT 1 AS found FROM users LIMIT 1' },
  byId: { text: `${ACCOUNT} WHERE u.id = $1` },
  byEmail: { text: `${ACCOUNT} WHERE u.email = $1` },
  // Locks by itself: the roles are read by the next statement, which sees what was committed meanwhile.
  lock: { text: 'SELECT id FROM users WHERE id = $1 FOR UPDATE' },
  lockRoles: { text: 'SELECT pg_advisory_xact_lock($1)' },
  countAdmins: { text: `SELECT count(*)::int AS admins FROM users WHERE global_role = 'admin'` },
  insert: {
    text: `INSERT INTO users (name, email, password_hash, api_only, force_password_reset) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT DO NOTHING RETURNING id`,
  },
  update: {
    text: `UPDATE users SET name = $2, email = $3, password_hash = $4, api_only = $5, force_password_reset = $6, updated_at = now()
           WHERE id = $1`,
  },
  delete: { text: 'DELETE FROM users WHERE id = $1' },
  setGlobalRole: { text: 'UPDATE users SET global_role = $2, updated_at = now() WHERE id = $1' },
  leaveTeams: { text: 'DELETE FROM team_roles WHERE user_id = $1 AND team_id <> ALL($2::int[])' },
  joinTeams: {
    text: `INSERT INTO team_roles (user_id, team_id, role) SELECT $1, * FROM unnest($2::int[], $3::text[])
           ON CONFLICT (user_id, team_id) DO UPDATE SET role = excluded.role`,
  },
};

const COLUMNS = {
  id: 'id',
  name: 'name',
  email: 'email',
  created_at: '"createdAt"',
  updated_at: '"updatedAt"',
  global_role: '"globalRole"',
  api_only: '"apiOnly"',
};
export const USER_ORDER_KEYS = Object.keys(COLUMNS);

/** Users and their roles in the database. */
@Injectable()
export class UsersRepository {
  /** Users never all vanish again (the last admin stays), so a yes is remembered. */
  private someExist = false;

  constructor(private readonly database: Database) {}

  async anyExist(): Promise<boolean> {
    this.someExist ||= (await this.database.query(SQL.exist)).length > 0;
    return this.someExist;
  }

  async find(id: number, tx?: Transaction): Promise<Account | null> {
    const [account] = await (tx ?? this.database).query<Account>(SQL.byId, [id]);
    return account ?? null;
  }

  async findByEmail(email: string, tx?: Transaction): Promise<Account | null> {
    const [account] = await (tx ?? this.database).query<Account>(SQL.byEmail, [email.toLowerCase()]);
    return account ?? null;
  }

  /** As it is now, and stays until the end of the transaction. */
  async findLocked(tx: Transaction, id: number): Promise<Account | null> {
    const [, account] = await Promise.all([tx.query(SQL.lock, [id]), this.find(id, tx)]);
    return account;
  }

  /** @param teamId only users with a role on this team; null: all */
  list(options: ListOptions, teamId: number | null): Promise<Account[]> {
    const select = `${ACCOUNT} WHERE $1::int IS NULL
      OR EXISTS (SELECT 1 FROM team_roles m WHERE m.user_id = u.id AND m.team_id = $1)`;
    const source = { select, values: [teamId], columns: COLUMNS, search: ['name', 'email'] };
    const { text, values } = listSql(source, options);
    return this.database.query<Account>({ text }, values);
  }

  /** Changes of roles take turns: two admins who take each other's role at the same moment must not both succeed. */
  async lockRoles(tx: Transaction): Promise<void> {
    await tx.query(SQL.lockRoles, [ROLES_LOCK]);
  }

  async countAdmins(tx: Transaction): Promise<number> {
    const [row] = await tx.query<{ admins: number }>(SQL.countAdmins);
    return row?.admins ?? 0;
  }

  /**
   * A user without any role yet; its id.
   * @throws DomainError already_exists
   */
  async insert(tx: Transaction, fields: AccountFields): Promise<number> {
    const { name, email, passwordHash, apiOnly, forcePasswordReset } = fields;
    const [row] = await tx.query<{ id: number }>(SQL.insert, [
      name,
      email,
      passwordHash,
      apiOnly,
      forcePasswordReset,
    ]);
    if (!row) throw new DomainError('already_exists', `User "${email}" already exists`);
    return row.id;
  }

  async update(tx: Transaction, id: number, fields: AccountFields): Promise<void> {
    const { name, email, passwordHash, apiOnly, forcePasswordReset } = fields;
    await tx.query(SQL.update, [id, name, email, passwordHash, apiOnly, forcePasswordReset]);
  }

  /** Sessions, API tokens and roles go with it. */
  async delete(tx: Transaction, id: number): Promise<void> {
    await tx.query(SQL.delete, [id]);
  }

  async setRoles(tx: Transaction, id: number, { globalRole, teams }: Roles): Promise<void> {
    const ids = teams.map((team) => team.id);
    await Promise.all([
      tx.query(SQL.setGlobalRole, [id, globalRole]),
      tx.query(SQL.leaveTeams, [id, ids]),
      tx.query(SQL.joinTeams, [id, ids, teams.map(({ role }) => role)]),
    ]);
  }
}
