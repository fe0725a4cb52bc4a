import { Injectable } from '@nestjs/common';
import { decodePublicKey } from '#libs/protocol/index';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, type SignerKey, SignerKeys } from '#libs/platform/auth/index';
import { Database, violated } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { type AddOperatorKeyDto, type OperatorKeyDto } from './operator-keys.dto.js';

interface OperatorKeyRow {
  readonly id: string;
  readonly user_id: number;
  readonly email: string;
  readonly name: string;
  readonly public_key: Buffer;
  readonly created_at: Date;
  readonly revoked_at: Date | null;
}

const SELECT = `SELECT k.id, k.user_id, u.email, k.name, k.public_key, k.created_at, k.revoked_at
  FROM operator_keys k JOIN users u ON u.id = k.user_id`;
const MOST_KEYS = 100;

const SQL = {
  all: { text: `${SELECT} ORDER BY k.user_id, k.created_at, k.id` },
  ofUser: { text: `${SELECT} WHERE k.user_id = $1 ORDER BY k.created_at, k.id` },
  byId: { text: `${SELECT} WHERE k.id = $1` },
  good: {
    name: 'operator_keys_good',
    text: `${SELECT} WHERE k.id = ANY($1::text[]) AND k.revoked_at IS NULL`,
  },
  // Taken by one user it can be no other's: a signature is one person's word.
  insert: { text: 'INSERT INTO operator_keys (id, user_id, name, public_key) VALUES ($1, $2, $3, $4)' },
  revoke: {
    text: 'UPDATE operator_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id',
  },
};

/** The public keys of people who sign what they ask for. What hosts believe stands in their own policies, and not here. */
@Injectable()
export class OperatorKeysService extends SignerKeys {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {
    super();
  }

  async find(ids: readonly string[]): Promise<ReadonlyMap<string, SignerKey>> {
    if (ids.length === 0) return new Map();
    const rows = await this.database.query<OperatorKeyRow>(SQL.good, [ids]);
    return new Map(
      rows.map(({ id, user_id, email, public_key }) => [
        id,
        { id, userId: user_id, email, publicKey: public_key },
      ]),
    );
  }

  /** One's own; for administrators everybody's. */
  async list(caller: Caller): Promise<OperatorKeyDto[]> {
    const rows = may(caller, 'session:manage', null)
      ? await this.database.query<OperatorKeyRow>(SQL.all)
      : await this.database.query<OperatorKeyRow>(SQL.ofUser, [caller.userId]);
    return rows.map(toDto);
  }

  /** @throws DomainError not_found (also of another user's, for others than administrators) */
  async get(caller: Caller, id: string): Promise<OperatorKeyDto> {
    const [row] = await this.database.query<OperatorKeyRow>(SQL.byId, [id]);
    if (!row || (row.user_id !== caller.userId && !may(caller, 'session:manage', null)))
      throw notFound('Key', id);
    return toDto(row);
  }

  /**
   * Registers a key of the caller's own.
   * @throws DomainError invalid (`public_key`, `name`); already_exists (the name, or the key)
   */
  async add(caller: Caller, { name, public_key }: AddOperatorKeyDto): Promise<OperatorKeyDto> {
    const key = decodePublicKey(public_key);
    if (key === null) {
      const reason = 'must be an Ed25519 public key: its 32 bytes as base64, or PEM';
      throw new DomainError('invalid', { name: 'public_key', reason });
    }
    const own = await this.database.query<OperatorKeyRow>(SQL.ofUser, [caller.userId]);
    if (own.length >= MOST_KEYS)
      throw new DomainError('invalid', {
        name: 'name',
        reason: `there are ${MOST_KEYS} keys of yours already`,
      });
    await this.database.transaction(async (tx) => {
      await tx.query(SQL.insert, [key.id, caller.userId, name, key.publicKey]).catch((error: unknown) => {
        if (violated(error) === 'operator_keys_user_name')
          throw taken('name', `you have a key "${name}" already; choose another name, or revoke that one`);
        if (violated(error) === 'operator_keys_pkey')
          throw taken(
            'public_key',
            'this key is registered already, or was and has been revoked; make a new one',
          );
        throw error;
      });
      await this.audit.record(tx, doneBy(caller, 'added_signing_key', { key_id: key.id, name }));
    });
    return this.get(caller, key.id);
  }

  /**
   * The server takes no more signatures of it. Hosts believe what stands in their policies.
   * @throws as `get`; conflict when it is revoked already
   */
  async revoke(caller: Caller, id: string): Promise<void> {
    const { name, user_id } = await this.get(caller, id);
    await this.database.transaction(async (tx) => {
      const revoked = await tx.query(SQL.revoke, [id]);
      if (revoked.length === 0) throw new DomainError('conflict', `the key ${id} has been revoked already`);
      await this.audit.record(tx, doneBy(caller, 'revoked_signing_key', { key_id: id, name, user_id }));
    });
  }
}

function taken(name: string, reason: string): DomainError {
  return new DomainError('already_exists', { name, reason });
}

function toDto(row: OperatorKeyRow): OperatorKeyDto {
  return {
    ...row,
    public_key: row.public_key.toString('base64'),
    created_at: row.created_at.toISOString(),
    revoked_at: row.revoked_at?.toISOString() ?? null,
  };
}
