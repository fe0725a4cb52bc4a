import { Inject, Injectable } from '@nestjs/common';
import { type Caller, require } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { LoginLimiter } from './login-limiter.js';
import { passwordMatches } from './users/passwords.js';
import { type SessionDto } from './sessions.dto.js';
import { createToken, hashToken } from './tokens.js';
import { type Account, UsersRepository } from './users/users.repository.js';

const SQL = {
  insert: { text: 'INSERT INTO sessions (user_id, token_hash) VALUES ($1, $2)' },
  find: {
    text: `SELECT s.id, s.user_id, s.created_at,
             NOT u.api_only AND $2::int > 0 AND s.accessed_at < now() - make_interval(secs => $2) AS expired
           FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
  },
  delete: { text: 'DELETE FROM sessions WHERE id = $1' },
  ofUser: { text: 'SELECT id, user_id, created_at FROM sessions WHERE user_id = $1 ORDER BY id' },
  deleteExpired: {
    text: `DELETE FROM sessions s USING users u
           WHERE s.user_id = $1 AND u.id = s.user_id AND NOT u.api_only AND $2::int > 0
             AND s.accessed_at < now() - make_interval(secs => $2)`,
  },
  deleteOfUser: { text: 'DELETE FROM sessions WHERE user_id = $1 RETURNING id' },
};

interface SessionRow {
  id: number;
  user_id: number;
  created_at: Date;
}

/** Login sessions: opened by a password, carried by a token, ended by logout, deletion or inactivity. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    private readonly limiter: LoginLimiter,
    private readonly audit: Audit,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'sessionSeconds'>,
  ) {}

  /** @throws DomainError login_failed (whatever was wrong), rate_limited */
  async login(email: string, password: string, address: string): Promise<{ user: Account; token: string }> {
    const account = email.toLowerCase();
    await this.limiter.take(account, address);
    const user = await this.users.findByEmail(account);
    if (!(await passwordMatches(user?.passwordHash ?? null, password)) || !user) {
      await this.audit.record(null, {
        userId: null,
        email: account,
        address,
        act: 'user_failed_login',
        outcome: 'failed',
      });
      throw new DomainError('login_failed', 'Authentication failed');
    }
    await this.limiter.succeeded(account, address);
    const token = await this.database.transaction(async (tx) => {
      await this.audit.record(tx, {
        userId: user.id,
        email: user.email,
        address,
        act: 'user_logged_in',
        outcome: 'done',
      });
      return this.open(tx, user.id);
    });
    return { user, token };
  }

  /** Opens a session for a user who has proven who they are. Returns the token. */
  async open(tx: Transaction, userId: number): Promise<string> {
    const token = createToken();
    await tx.query(SQL.insert, [userId, hashToken(token)]);
    return token;
  }

  /** Ends the session of the caller; an API token stays what it is. */
  async logout(caller: Caller): Promise<void> {
    if (caller.sessionId !== null) await this.database.query(SQL.delete, [caller.sessionId]);
  }

  /** @throws DomainError not_found, forbidden (neither own nor admin), credentials_invalid (just expired) */
  async get(caller: Caller, id: number): Promise<SessionDto> {
    const row = await this.find(caller, id);
    return toSessionDto(row);
  }

  /**
   * The open sessions of a user; expired ones are removed. Of a user that does not exist there are none.
   * @throws DomainError forbidden (neither own nor admin)
   */
  async ofUser(caller: Caller, userId: number): Promise<SessionDto[]> {
    requireOwn(caller, userId);
    await this.database.query(SQL.deleteExpired, [userId, this.settings.sessionSeconds]);
    return (await this.database.query<SessionRow>(SQL.ofUser, [userId])).map(toSessionDto);
  }

  /** @throws as `ofUser` */
  async deleteOfUser(caller: Caller, userId: number): Promise<void> {
    requireOwn(caller, userId);
    await this.database.transaction(async (tx) => {
      const sessions = (await tx.query(SQL.deleteOfUser, [userId])).length;
      if (sessions === 0) return;
      await this.audit.record(tx, doneBy(caller, 'deleted_user_sessions', { user_id: userId, sessions }));
    });
  }

  /** @throws as `get` */
  async delete(caller: Caller, id: number): Promise<void> {
    const row = await this.find(caller, id);
    await this.database.transaction(async (tx) => {
      await tx.query(SQL.delete, [row.id]);
      const details = { session_id: row.id, user_id: row.user_id };
      await this.audit.record(tx, doneBy(caller, 'delete_session', details));
    });
  }

  private async find(caller: Caller, id: number): Promise<SessionRow> {
    const [row] = await this.database.query<SessionRow & { expired: boolean }>(SQL.find, [
      id,
      this.settings.sessionSeconds,
    ]);
    if (!row) throw notFound('Session', id);
    requireOwn(caller, row.user_id);
    if (row.expired) {
      await this.database.query(SQL.delete, [id]);
      throw new DomainError('credentials_invalid', 'Authentication required');
    }
    return row;
  }
}

function requireOwn(caller: Caller, userId: number): void {
  if (userId !== caller.userId) require(caller, 'session:manage', null);
}

function toSessionDto({ id, user_id, created_at }: SessionRow): SessionDto {
  return { session_id: id, user_id, created_at: created_at.toISOString() };
}
