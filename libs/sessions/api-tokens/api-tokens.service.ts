import { Injectable } from '@nestjs/common';
import { type Act, type Caller, require } from '#libs/platform/auth/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { Database, violated } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { createApiToken, hashToken } from '../tokens.js';
import { type CreateApiTokenDto } from './api-tokens.dto.js';
import { expiryOf, rightsOf } from './terms.js';

/** An API token without the token. */
export interface ApiTokenRow {
  readonly id: number;
  readonly user_id: number;
  readonly name: string;
  readonly rights: Act[] | null;
  readonly expires_at: Date | null;
  readonly created_at: Date;
  readonly used_at: Date | null;
}

const COLUMNS = 'id, user_id, name, rights, expires_at, created_at, used_at';

const SQL = {
  ofUser: { text: `SELECT ${COLUMNS} FROM api_tokens WHERE user_id = $1 ORDER BY id` },
  byId: { text: `SELECT ${COLUMNS} FROM api_tokens WHERE id = $1` },
  insert: {
    text: `INSERT INTO api_tokens (user_id, name, token_hash, rights, expires_at) VALUES ($1, $2, $3, $4, $5)
           RETURNING ${COLUMNS}`,
  },
  delete: { text: 'DELETE FROM api_tokens WHERE id = $1' },
};

/** API tokens: for programs, with the rights of their owner or fewer. */
@Injectable()
export class ApiTokensService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /** @throws DomainError forbidden (those of another user, for others than admins) */
  async list(caller: Caller, userId: number): Promise<ApiTokenRow[]> {
    requireOwn(caller, userId);
    return this.database.query<ApiTokenRow>(SQL.ofUser, [userId]);
  }

  /**
   * A token of the caller's own. What a token makes is worth no more than itself: neither in rights nor in time.
   * @throws DomainError invalid (`name`, `rights`, expiry); forbidden (more rights than the caller's); already_exists (name)
   */
  async create(caller: Caller, dto: CreateApiTokenDto): Promise<{ row: ApiTokenRow; token: string }> {
    if (dto.name.trim() === '')
      throw new DomainError('invalid', { name: 'name', reason: 'must not be empty' });
    const rights = rightsOf(caller, dto.rights);
    const limit = caller.apiTokenId === null ? null : (await this.find(caller.apiTokenId)).expires_at;
    const expiresAt = expiryOf(dto, limit, new Date());
    const token = createApiToken();
    const values = [caller.userId, dto.name, hashToken(token), rights && JSON.stringify(rights), expiresAt];
    return this.database.transaction(async (tx) => {
      const [row] = await tx.query<ApiTokenRow>(SQL.insert, values).catch((error: unknown) => {
        if (violated(error) !== 'api_tokens_user_name') throw error;
        const reason = `API token "${dto.name}" already exists`;
        throw new DomainError('already_exists', { name: 'name', reason });
      });
      if (!row) throw new Error('INSERT … RETURNING gave no row');
      const details = { token_id: row.id, name: row.name, rights, expires_at: expiresAt };
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

  private async find(id: number): Promise<ApiTokenRow> {
    const [row] = await this.database.query<ApiTokenRow>(SQL.byId, [id]);
    if (!row) throw notFound('ApiToken', id);
    return row;
  }
}

function requireOwn(caller: Caller, userId: number): void {
  if (userId !== caller.userId) require(caller, 'session:manage', null);
}
