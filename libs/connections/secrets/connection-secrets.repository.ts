import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { type SecretChanges } from './secret-fields.js';
import { SecretsKeys } from './secrets-keys.js';

const SQL = {
  names: { name: 'secret_names', text: 'SELECT name FROM connection_secrets WHERE connection_id = $1' },
  all: {
    name: 'secrets_of_connection',
    text: 'SELECT name, sealed, key_id AS "keyId" FROM connection_secrets WHERE connection_id = $1 ORDER BY name',
  },
  put: {
    name: 'secrets_put',
    text: `INSERT INTO connection_secrets (connection_id, name, sealed, key_id)
           SELECT $1, s.name, s.sealed, $4 FROM unnest($2::text[], $3::bytea[]) AS s(name, sealed)
           ON CONFLICT (connection_id, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id, updated_at = now()`,
  },
  remove: {
    name: 'secrets_remove',
    text: 'DELETE FROM connection_secrets WHERE connection_id = $1 AND name = ANY($2::text[])',
  },
};

/** Secrets of connections: sealed on the way in, opened on the way to an agent and nowhere else. */
@Injectable()
export class ConnectionSecrets {
  constructor(
    private readonly database: Database,
    private readonly keys: SecretsKeys,
  ) {}

  async names(tx: Transaction, connectionId: string): Promise<ReadonlySet<string>> {
    const rows = await tx.query<{ name: string }>(SQL.names, [connectionId]);
    return new Set(rows.map(({ name }) => name));
  }

  async change(tx: Transaction, connectionId: string, { set, removed }: SecretChanges): Promise<void> {
    if (removed.length > 0) await tx.query(SQL.remove, [connectionId, removed]);
    if (set.size === 0) return;
    const sealed = [...set].map(([name, secret]) => this.keys.seal({ connectionId, name }, secret).sealed);
    await tx.query(SQL.put, [connectionId, [...set.keys()], sealed, this.keys.current]);
  }

  /** @throws DomainError refused: one of them cannot be opened, and why */
  async open(connectionId: string): Promise<ReadonlyMap<string, Buffer>> {
    const rows = await this.database.query<{ name: string; sealed: Buffer; keyId: string }>(SQL.all, [
      connectionId,
    ]);
    return new Map(rows.map((row) => [row.name, this.keys.open({ connectionId, name: row.name }, row)]));
  }
}
