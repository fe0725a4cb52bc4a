import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { notFound } from '#libs/platform/errors/index';

const SQL = {
  lock: {
    name: 'reenrolment_lock',
    text: 'SELECT team_id AS "teamId", hostname FROM hosts WHERE id = $1 FOR NO KEY UPDATE',
  },
  allow: {
    name: 'reenrolment_allow',
    text: `UPDATE hosts SET reenroll_until = now() + make_interval(secs => $2) WHERE id = $1 RETURNING reenroll_until AS until`,
  },
  withdraw: {
    name: 'reenrolment_withdraw',
    text: 'UPDATE hosts SET reenroll_until = NULL WHERE id = $1 AND reenroll_until > now() RETURNING id',
  },
};

/** Operators' word that a machine may enroll again as its host, without the host's key. */
@Injectable()
export class ReenrolmentsService {
  constructor(
    private readonly database: Database,
    private readonly audit: Audit,
  ) {}

  /**
   * Once, within so many seconds; a later word takes the place of an earlier one.
   * @returns when it expires
   * @throws DomainError forbidden, not_found
   */
  allow(caller: Caller, hostId: number, seconds: number): Promise<Date> {
    return this.database.transaction(async (tx) => {
      const details = await this.lock(tx, caller, hostId);
      const [row] = await tx.query<{ until: Date }>(SQL.allow, [hostId, seconds]);
      if (!row) throw notFound('Host', hostId);
      const expires = { ...details, expires_at: row.until.toISOString() };
      await this.audit.record(tx, { ...doneBy(caller, 'allowed_reenrolment', expires), hostId });
      return row.until;
    });
  }

  /** Takes it back; nothing happens where nothing was allowed. @throws DomainError forbidden, not_found */
  withdraw(caller: Caller, hostId: number): Promise<void> {
    return this.database.transaction(async (tx) => {
      const details = await this.lock(tx, caller, hostId);
      const [withdrawn] = await tx.query(SQL.withdraw, [hostId]);
      if (withdrawn)
        await this.audit.record(tx, { ...doneBy(caller, 'withdrew_reenrolment', details), hostId });
    });
  }

  private async lock(tx: Transaction, caller: Caller, hostId: number): Promise<Record<string, unknown>> {
    const [host] = await tx.query<{ teamId: number | null; hostname: string }>(SQL.lock, [hostId]);
    require(caller, 'host:reenroll', host?.teamId ?? null);
    if (!host) throw notFound('Host', hostId);
    return { host_id: hostId, host_display_name: host.hostname, team_id: host.teamId };
  }
}
