import { Injectable, Logger, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { SecretsKeys } from './secrets-keys.js';

const BATCH = 100;

const SQL = {
  // Of another key than these, one row per key.
  unknown: {
    text: `SELECT key_id AS "keyId", count(*)::int AS secrets FROM connection_secrets WHERE NOT key_id = ANY($1::text[]) GROUP BY key_id ORDER BY key_id`,
  },
  old: {
    text: `SELECT connection_id AS "connectionId", name, sealed, key_id AS "keyId" FROM connection_secrets
           WHERE key_id = ANY($1::text[]) AND (connection_id, name) > ($2::uuid, $3) ORDER BY connection_id, name LIMIT ${BATCH} FOR UPDATE`,
  },
  reseal: {
    text: `UPDATE connection_secrets s SET sealed = n.sealed, key_id = $4
           FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS n(connection_id, name, sealed)
           WHERE s.connection_id = n.connection_id AND s.name = n.name`,
  },
};

interface Row {
  readonly connectionId: string;
  readonly name: string;
  readonly sealed: Buffer;
  readonly keyId: string;
}

/**
 * At the start: what an older key has sealed is sealed anew with the first one, so that the older one can be dropped afterwards;
 * what no key opens is said.
 */
@Injectable()
export class SecretsRotation implements OnApplicationBootstrap {
  private readonly logger = new Logger('Secrets');

  constructor(
    private readonly database: Database,
    private readonly keys: SecretsKeys,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.resealOld();
    const unknown = await this.database.query<{ keyId: string; secrets: number }>(SQL.unknown, [
      this.keys.known,
    ]);
    for (const { keyId, secrets } of unknown)
      this.logger.error(
        'secrets of connections are sealed with a key that is not in MUSTER_SECRETS_KEY or secrets.key',
        {
          key_id: keyId,
          secrets,
        },
      );
  }

  private async resealOld(): Promise<void> {
    const old = this.keys.known.filter((id) => id !== this.keys.current);
    if (old.length === 0) return;
    let resealed = 0;
    for (let after = { connectionId: '00000000-0000-0000-0000-000000000000', name: '' }; ;) {
      const { rows, done } = await this.resealBatch(old, after);
      resealed += done;
      const last = rows.at(-1);
      if (!last || rows.length < BATCH) break;
      after = last;
    }
    if (resealed > 0)
      this.logger.log('sealed secrets of connections with the newest key', { secrets: resealed });
  }

  private resealBatch(
    old: readonly string[],
    after: { connectionId: string; name: string },
  ): Promise<{ rows: readonly Row[]; done: number }> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.query<Row>(SQL.old, [old, after.connectionId, after.name]);
      const fresh = rows.flatMap((row) => this.resealed(row));
      if (fresh.length > 0)
        await tx.query(SQL.reseal, [
          fresh.map(({ connectionId }) => connectionId),
          fresh.map(({ name }) => name),
          fresh.map(({ sealed }) => sealed),
          this.keys.current,
        ]);
      return { rows, done: fresh.length };
    });
  }

  /** None when it cannot be opened: it stays as it is, and says so when it is asked for. */
  private resealed(row: Row): Row[] {
    try {
      const { keyId, sealed } = this.keys.seal(row, this.keys.open(row, row));
      return [{ ...row, keyId, sealed }];
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      this.logger.error(error.message, { connection_id: row.connectionId });
      return [];
    }
  }
}
