import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';

export interface GlobalSecret {
  readonly secret: string;
  readonly createdAt: Date;
}

const SQL = {
  all: {
    name: 'enroll_secrets_global',
    text: `SELECT secret, created_at AS "createdAt" FROM enroll_secrets WHERE team_id IS NULL ORDER BY created_at, secret`,
  },
  drop: {
    name: 'enroll_secrets_drop',
    text: 'DELETE FROM enroll_secrets WHERE team_id IS NULL AND secret <> ALL($1::text[])',
  },
  // Those that stay keep their date; what belongs to a team comes back as a row too few.
  add: {
    name: 'enroll_secrets_add',
    text: `INSERT INTO enroll_secrets (secret) SELECT s FROM unnest($1::text[]) s
           ON CONFLICT (secret) DO UPDATE SET secret = excluded.secret WHERE enroll_secrets.team_id IS NULL
           RETURNING 1 AS stored`,
  },
};

/** The secrets with which hosts enroll into no team. */
@Injectable()
export class EnrollSecrets {
  constructor(private readonly database: Database) {}

  /** Oldest first. */
  all(tx?: Transaction): Promise<GlobalSecret[]> {
    return (tx ?? this.database).query(SQL.all);
  }

  /**
   * These and no others from now on; hosts that have enrolled are not affected.
   * @param secrets each once
   * @returns false: one of them belongs to a team
   */
  async replace(tx: Transaction, secrets: readonly string[]): Promise<boolean> {
    const [, stored] = await Promise.all([tx.query(SQL.drop, [secrets]), tx.query(SQL.add, [secrets])]);
    return stored.length === secrets.length;
  }
}
