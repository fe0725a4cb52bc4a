import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '../database/index.js';

export interface AuditRecord {
  /** null: nobody that is known (a failed login, say). */
  readonly userId: number | null;
  readonly email: string | null;
  readonly address: string | null;
  readonly act: string;
  readonly outcome: 'done' | 'denied' | 'failed';
  readonly executionUuid?: string;
  /** The host that it was done to, where it was one. */
  readonly hostId?: number;
  /** Never a secret. */
  readonly details?: Record<string, unknown>;
}

/** Of one row of the record, in the order of `auditValues`; for statements that write it as one of their parts. */
export const AUDIT_COLUMNS = 'user_id, email, address, act, outcome, execution_uuid, host_id, details';

const INSERT = {
  name: 'audit_insert',
  text: `INSERT INTO audit (${AUDIT_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
};

/** The record of acts. */
@Injectable()
export class Audit {
  constructor(private readonly database: Database) {}

  /** Writes in the act's own transaction; alone only for acts that change nothing else (denials). */
  async record(tx: Transaction | null, record: AuditRecord): Promise<void> {
    await (tx ?? this.database).query(INSERT, auditValues(record));
  }
}

/** The values of `AUDIT_COLUMNS`. */
export function auditValues(record: AuditRecord): unknown[] {
  const { userId, email, address, act, outcome, executionUuid = null, hostId = null, details = {} } = record;
  return [userId, email, address, act, outcome, executionUuid, hostId, JSON.stringify(details)];
}
