import { Injectable } from '@nestjs/common';
import { type Act, type Caller, require, type TokenLimits } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, type Transaction, violated } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { createApiToken, hashToken } from '../tokens.js';
import { type CreateApiTokenDto } from './api-tokens.dto.js';
import { scopeOf } from './scope.js';
import { expiryOf, rightsOf } from './terms.js';
import { TokenScopes } from './token-scopes.js';

/** An API token without the token. */
export interface ApiTokenRow {
  readonly id: number;
  readonly user_id: number;
  readonly name: string;
  readonly rights: Act[] | null;
  readonly scope: TokenLimits | null;
  readonly expires_at: Date | null;
  readonly created_at: Date;
  readonly used_at: Date | null;
}

const COLUMNS = 'id, user_id, name, rights, scope, expires_at, created_at, used_at';

const SQL = {
  ofUser: { text: `SELECT ${COLUMNS} FROM api_tokens WHERE user_id = $1 ORDER BY id` },
  byId: { text: `SELECT ${COLUMNS} FROM api_tokens WHERE id = $1` },
  insert: {
    text: `INSERT INTO api_tokens (user_id, name, token_hash, rights, expires_at, scope) VALUES ($1, $2, $3, $4, $5, $6)
           RETURNING ${COLUMNS}`,
  },
  delete: { text: 'DELETE FROM api_tokens WHERE id = $1' },
  teams: { text: 'SELECT id FROM teams WHERE id = ANY($1::int[])' },
};

/** API tokens: for programs, with the rights of their owner or fewer. */
@Injectable()
export class ApiTokensService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
    private readonly scopes: TokenScopes,
  ) {}

  /** @throws DomainError forbidden (those of another user, for others than admins) */
  async list(caller: Caller, userId: number): Promise<ApiTokenRow[]> {
    requireOwn(caller, userId);
    return this.database.query<ApiTokenRow>(SQL.ofUser, [userId]);
  }

  /**
   * A token of the caller's own. What a token makes is worth no more than itself: neither in rights nor in reach nor in
   * time.
   * @throws DomainError invalid (`name`, `rights`, `scope`, expiry); forbidden (more than the caller has); already_exists (name)
   */
  async create(caller: Caller, dto: CreateApiTokenDto): Promise<{ row: ApiTokenRow; token: string }> {
    if (dto.name.trim() === '')
      throw new DomainError('invalid', { name: 'name', reason: 'must not be empty' });
    const rights = rightsOf(caller, dto.rights);
    const scope = scopeOf(caller, dto.scope);
    const limit = caller.apiTokenId === null ? null : (await this.find(caller.apiTokenId)).expires_at;
    const expiresAt = expiryOf(dto, limit, new Date());
    const token = createApiToken();
    const [rightsText, scopeText] = [rights, scope].map((value) => value && JSON.stringify(value));
    const values = [caller.userId, dto.name, hashToken(token), rightsText, expiresAt, scopeText];
    return this.database.transaction(async (tx) => {
      await this.checkTeams(tx, dto.scope?.teams ?? []);
      await this.scopes.tell(tx, dto.scope?.labels ?? []);
      const [row] = await tx.query<ApiTokenRow>(SQL.insert, values).catch((error: unknown) => {
        if (violated(error) !== 'api_tokens_user_name') throw error;
        const reason = `API token "${dto.name}" already exists`;
        throw new DomainError('already_exists', { name: 'name', reason });
      });
      if (!row) throw new Error('INSERT … RETURNING gave no row');
      const details = { token_id: row.id, name: row.name, rights, scope, expires_at: expiresAt };
      await this.audit.record(tx, doneBy(caller, 'created_api_token', details));
      return { row, token };
    });
  }

  /** @throws DomainError not_found; forbidden (another user's, for others than admins) */
  async delete(caller: Caller, id: number): Promise<void> {
    const token = await this.find(id);
    requireOwn(caller, token.user_id);
    await this.database.transaction(async (tx) => {
      await tx.query(SQL.delete, [id]);
      const details = { token_id: id, name: token.name, user_id: token.user_id };
      await this.audit.record(tx, doneBy(caller, 'deleted_api_token', details));
    });
  }

  private async checkTeams(tx: Transaction, teams: readonly number[]): Promise<void> {
    if (teams.length === 0) return;
    const known = new Set((await tx.query<{ id: number }>(SQL.teams, [teams])).map(({ id }) => id));
    const unknown = teams.filter((id) => !known.has(id));
    if (unknown.length > 0)
      throw new DomainError('invalid', {
        name: 'scope.teams',
        reason: `there is no team ${unknown.join(', ')}`,
      });
  }

  private async find(id: number): Promise<ApiTokenRow> {
    const [row] = await this.database.query<ApiTokenRow>(SQL.byId, [id]);
    if (!row) throw notFound('ApiToken', id);
    return row;
  }
}

function requireOwn(caller: Caller, userId: number): void {
  if (userId !== caller.userId) require(caller, 'session:manage', null);
}
