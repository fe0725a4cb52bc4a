import { Inject, Injectable } from '@nestjs/common';
import { type Act, Authenticator, type Caller, type Role, type TokenLimits } from '#libs/platform/auth/index';
import { type Settings, SETTINGS } from '#libs/platform/config/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { hashToken, isApiToken } from './tokens.js';
import { UsersRepository } from './users/users.repository.js';

/** What a caller is made of, for statements with `u` as the user. */
const CALLER = `u.id AS user_id, u.email, u.global_role, u.force_password_reset,
  (SELECT jsonb_agg(jsonb_build_array(r.team_id, r.role)) FROM team_roles r WHERE r.user_id = u.id) AS team_roles`;

const SQL = {
  // The row is touched once a minute ($3), not on every request: expiry is counted in days.
  session: {
    name: 'session_authenticate',
    text: `SELECT s.id, ${CALLER}, s.accessed_at < now() - make_interval(secs => $3) AS touch,
             NOT u.api_only AND $2::int > 0 AND s.accessed_at < now() - make_interval(secs => $2) AS expired
           FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.token_hash = $1`,
  },
  touchSession: { name: 'session_touch', text: 'UPDATE sessions SET accessed_at = now() WHERE id = $1' },
  deleteSession: { text: 'DELETE FROM sessions WHERE id = $1' },
  apiToken: {
    name: 'api_token_authenticate',
    text: `SELECT t.id, ${CALLER}, t.name, t.rights, t.scope, coalesce(t.used_at < now() - make_interval(secs => $2), true) AS touch,
             coalesce(t.expires_at <= now(), false) AS expired
           FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.token_hash = $1`,
  },
  touchApiToken: { name: 'api_token_touch', text: 'UPDATE api_tokens SET used_at = now() WHERE id = $1' },
};

/** Uses within this time of each other are written down once; of short sessions a tenth. */
const TOUCH_SECONDS = 60;

interface Row {
  id: number;
  user_id: number;
  email: string;
  global_role: Role | null;
  force_password_reset: boolean;
  team_roles: [number, Role][] | null;
  name?: string;
  rights?: Act[] | null;
  scope?: TokenLimits | null;
  touch: boolean;
  expired: boolean;
}

/** Turns tokens into callers: those of login sessions, and API tokens. */
@Injectable()
export class AuthenticationService extends Authenticator {
  constructor(
    private readonly database: Database,
    private readonly users: UsersRepository,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'sessionSeconds'>,
  ) {
    super();
  }

  isSetUp(): Promise<boolean> {
    return this.users.anyExist();
  }

  async authenticate(token: string, address: string): Promise<Caller> {
    return isApiToken(token) ? this.byApiToken(token, address) : this.bySession(token, address);
  }

  private async bySession(token: string, address: string): Promise<Caller> {
    const { sessionSeconds } = this.settings;
    const [row] = await this.database.query<Row>(SQL.session, [
      hashToken(token),
      sessionSeconds,
      Math.min(TOUCH_SECONDS, sessionSeconds / 10),
    ]);
    if (row?.expired) await this.database.query(SQL.deleteSession, [row.id]);
    if (!row || row.expired) throw new DomainError('credentials_invalid', 'Authentication required');
    if (row.touch) await this.database.query(SQL.touchSession, [row.id]);
    return { ...callerOf(row, address), sessionId: row.id };
  }

  private async byApiToken(token: string, address: string): Promise<Caller> {
    const [row] = await this.database.query<Row>(SQL.apiToken, [hashToken(token), TOUCH_SECONDS]);
    if (!row || row.expired) throw new DomainError('credentials_invalid', 'Authentication required');
    if (row.touch) await this.database.query(SQL.touchApiToken, [row.id]);
    return {
      ...callerOf(row, address),
      apiTokenId: row.id,
      rights: row.rights ? new Set(row.rights) : null,
      scope: row.scope ? { ...row.scope, token: row.name ?? '' } : null,
    };
  }
}

function callerOf(row: Row, address: string): Caller {
  return {
    userId: row.user_id,
    email: row.email,
    globalRole: row.global_role,
    teamRoles: new Map(row.team_roles ?? []),
    rights: null,
    scope: null,
    sessionId: null,
    apiTokenId: null,
    mustResetPassword: row.force_password_reset,
    address,
  };
}
