import { Inject, Injectable } from '@nestjs/common';
import { type Caller, may } from '#libs/platform/auth/index';
import { Audit } from '#libs/platform/audit/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { LoginLimiter } from './login-limiter.js';
import { passwordMatches } from './passwords.js';
import { type SessionDto } from './sessions.dto.js';
import { createToken, hashToken } from './tokens.js';
import { type User } from './user.entity.js';
import { UsersService } from './users.service.js';

const SQL = {
  insert: { text: 'INSERT INTO sessions (user_id, token_hash) VALUES ($1, $2)' },
  find: {
    text: `SELECT s.id, s.user_id, s.created_at,
             NOT u.api_only AND $2::int > 0 AND s.accessed_at < now() - make_interval(secs => $2) AS expired
           FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
  },
  delete: { text: 'DELETE FROM sessions WHERE id = $1' },
};

interface SessionRow {
  id: number;
  user_id: number;
  created_at: Date;
  expired: boolean;
}

/** Login sessions: opened by a password, carried by a token, ended by logout, deletion or inactivity. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly database: Database,
    private readonly users: UsersService,
    private readonly limiter: LoginLimiter,
    private readonly audit: Audit,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'sessionSeconds'>,
  ) {}

  /** @throws DomainError login_failed (whatever was wrong), rate_limited */
  async login(email: string, password: string, address: string): Promise<{ user: User; token: string }> {
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
    return { session_id: row.id, user_id: row.user_id, created_at: row.created_at.toISOString() };
  }

  /** @throws as `get` */
  async delete(caller: Caller, id: number): Promise<void> {
    const row = await this.find(caller, id);
    await this.database.transaction(async (tx) => {
      await tx.query(SQL.delete, [row.id]);
      const { userId, email, address } = caller;
      await this.audit.record(tx, {
        userId,
        email,
        address,
        act: 'delete_session',
        outcome: 'done',
        details: { session_id: row.id, user_id: row.user_id },
      });
    });
  }

  private async find(caller: Caller, id: number): Promise<SessionRow> {
    const [row] = await this.database.query<SessionRow>(SQL.find, [id, this.settings.sessionSeconds]);
    if (!row) throw notFound('Session', id);
    if (row.user_id !== caller.userId && !may(caller, 'session:manage', null))
      throw new DomainError('forbidden', 'forbidden');
    if (row.expired) {
      await this.database.query(SQL.delete, [id]);
      throw new DomainError('credentials_invalid', 'Authentication required');
    }
    return row;
  }
}
