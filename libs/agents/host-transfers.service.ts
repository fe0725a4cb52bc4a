import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, require } from '#libs/platform/auth/index';
import { Database, type Transaction } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { HostMoves } from './host-moves.js';
import { HostListRepository } from './host-list.repository.js';
import { filterOf, type HostQuery } from './hosts.service.js';

/** The audit row names so many of the hosts; it counts all. */
const NAMED_IN_AUDIT = 100;

const SQL = {
  // Held until the commit: no host moves to a team that is being deleted.
  team: { name: 'transfer_team', text: 'SELECT name FROM teams WHERE id = $1 FOR KEY SHARE' },
  lock: {
    name: 'transfer_lock',
    text: 'SELECT id, team_id AS "teamId", hostname FROM hosts WHERE id = ANY($1::int[]) ORDER BY id FOR NO KEY UPDATE',
  },
  move: {
    name: 'transfer_move',
    text: 'UPDATE hosts SET team_id = $2, updated_at = now() WHERE id = ANY($1::int[]) AND team_id IS DISTINCT FROM $2',
  },
};

interface LockedHost {
  readonly id: number;
  readonly teamId: number | null;
  readonly hostname: string;
}

/** Moves hosts between teams: all that are asked for, or none. */
@Injectable()
export class HostTransfersService {
  constructor(
    private readonly database: Database,
    private readonly rows: HostListRepository,
    private readonly audit: Audit,
    private readonly moves: HostMoves,
  ) {}

  /**
   * @param teamId null or 0: to no team
   * @throws DomainError forbidden, not_found (a host), invalid_unknown (the team)
   */
  async transfer(caller: Caller, teamId: number | null, hostIds: readonly number[]): Promise<void> {
    const destination = teamId === 0 ? null : teamId;
    await this.database.transaction(async (tx) => {
      const teamName = await this.destination(tx, caller, destination);
      await this.move(tx, caller, { destination, teamName }, hostIds);
    });
  }

  /**
   * All hosts that the caller may list and that match.
   * @throws DomainError as `transfer`
   */
  async transferMatching(caller: Caller, teamId: number | null, query: HostQuery): Promise<void> {
    const destination = teamId === 0 ? null : teamId;
    await this.database.transaction(async (tx) => {
      const teamName = await this.destination(tx, caller, destination);
      const ids = await this.rows.ids(filterOf(caller, query), { tx });
      await this.move(tx, caller, { destination, teamName }, ids);
    });
  }

  private async destination(tx: Transaction, caller: Caller, teamId: number | null): Promise<string | null> {
    require(caller, 'host:transfer', teamId);
    if (teamId === null) return null;
    const [team] = await tx.query<{ name: string }>(SQL.team, [teamId]);
    if (!team)
      throw new DomainError('invalid_unknown', { name: 'team_id', reason: `there is no team ${teamId}` });
    return team.name;
  }

  private async move(
    tx: Transaction,
    caller: Caller,
    { destination, teamName }: { destination: number | null; teamName: string | null },
    hostIds: readonly number[],
  ): Promise<void> {
    const hosts = await tx.query<LockedHost>(SQL.lock, [hostIds]);
    const found = new Set(hosts.map((host) => host.id));
    const missing = hostIds.find((id) => !found.has(id));
    if (missing !== undefined) {
      require(caller, 'host:transfer', null);
      throw notFound('Host', missing);
    }
    for (const host of hosts) require(caller, 'host:transfer', host.teamId);
    if (hosts.length === 0) return;
    await tx.query(SQL.move, [hostIds, destination]);
    await this.moves.tell(tx, hostIds);
    const listed = hosts.slice(0, NAMED_IN_AUDIT);
    const details = {
      team_id: destination,
      team_name: teamName,
      hosts: hosts.length,
      host_ids: listed.map((host) => host.id),
      host_display_names: listed.map((host) => host.hostname),
    };
    await this.audit.record(tx, {
      ...doneBy(caller, 'transferred_hosts', details),
      ...(hosts.length === 1 && listed[0] && { hostId: listed[0].id }),
    });
  }
}
