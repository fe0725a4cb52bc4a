import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { HostRights, type RightsHost } from '../rights/host-rights.service.js';
import { DrainingChanges } from './draining-changes.js';

const SQL = {
  lock: {
    name: 'host_draining_lock',
    text: 'SELECT team_id AS "teamId", hostname FROM hosts WHERE id = $1 FOR NO KEY UPDATE',
  },
  drain: {
    name: 'host_drain',
    text: 'UPDATE hosts SET draining_since = now() WHERE id = $1 AND draining_since IS NULL RETURNING id',
  },
  undrain: {
    name: 'host_undrain',
    text: 'UPDATE hosts SET draining_since = NULL WHERE id = $1 AND draining_since IS NOT NULL RETURNING id',
  },
};

/**
 * Takes hosts out of service and back. A draining host is given nothing new: what is queued waits, also across restarts; what is in
 * flight there goes on; live queries are answered.
 */
@Injectable()
export class DrainingService {
  constructor(
    private readonly database: Database,
    private readonly rights: HostRights,
    private readonly changes: DrainingChanges,
    private readonly audit: Audit,
  ) {}

  /** @throws DomainError forbidden; not_found; conflict: it is draining already */
  drain(caller: Caller, hostId: number): Promise<void> {
    return this.set(caller, hostId, true);
  }

  /** What waits for the host is sent after this. @throws DomainError forbidden; not_found; conflict: it is not draining */
  undrain(caller: Caller, hostId: number): Promise<void> {
    return this.set(caller, hostId, false);
  }

  private async set(caller: Caller, hostId: number, draining: boolean): Promise<void> {
    await this.database.transaction(async (tx) => {
      // The team must not change between the question who may and the change.
      const [host] = await tx.query<RightsHost & { hostname: string }>(SQL.lock, [hostId]);
      require(caller, 'agent:drain', host?.teamId ?? null);
      if (!host) throw notFound('Host', hostId);
      await this.rights.require(caller, 'agent:drain', [{ id: hostId, teamId: host.teamId }]);
      const [changed] = await tx.query<{ id: number }>(draining ? SQL.drain : SQL.undrain, [hostId]);
      if (!changed)
        throw new DomainError(
          'conflict',
          draining
            ? `agent ${host.hostname} is draining or cordoned already`
            : `agent ${host.hostname} is not in draining or cordoned state`,
        );
      await this.changes.tell(tx, hostId, draining);
      const details = { host_id: hostId, host_display_name: host.hostname, team_id: host.teamId };
      const act = draining ? 'drained_host' : 'undrained_host';
      await this.audit.record(tx, { ...doneBy(caller, act, details), hostId });
    });
  }
}
