import { Injectable } from '@nestjs/common';
import { Audit, doneBy } from '#libs/platform/audit/index';
import { type Caller, may, require, teamsWhere } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid, type ListOptions } from '#libs/platform/http/index';
import { type HostFilter, HostListRepository, type HostRow } from './host-list.repository.js';
import { HostRemovals } from './host-removals.js';

/** What has to be known of a host before something is run on it. */
export interface RunnableHost {
  readonly id: number;
  /** null: its agent has not said yet. */
  readonly scriptsEnabled: boolean | null;
  readonly online: boolean;
  /** null: of no team. */
  readonly teamId: number | null;
  /** osquery's word: debian, darwin, windows… */
  readonly platform: string;
}

/** What a caller asks for in a list. */
export interface HostQuery {
  /** 0: of no team. */
  readonly teamId?: number | undefined;
  readonly status?: 'online' | 'offline' | null | undefined;
  readonly match?: string | undefined;
  /** In this label. */
  readonly labelId?: number | null | undefined;
}

/** Columns of a RunnableHost, for statements with `h` as the host. */
export const RUNNABLE_COLUMNS = `h.id, h.scripts_enabled AS "scriptsEnabled", h.online, h.team_id AS "teamId", h.facts->>'platform' AS platform`;
const RUNNABLE = `SELECT ${RUNNABLE_COLUMNS} FROM hosts h`;

const SQL = {
  runnable: { name: 'host_runnable', text: `${RUNNABLE} WHERE id = $1` },
  allRunnable: { name: 'hosts_runnable', text: `${RUNNABLE} WHERE id = ANY($1::int[]) ORDER BY id` },
  lock: {
    name: 'host_lock',
    text: `SELECT team_id AS "teamId", hostname, hardware_serial AS "hardwareSerial" FROM hosts WHERE id = $1 FOR UPDATE`,
  },
  remove: { name: 'host_remove', text: 'DELETE FROM hosts WHERE id = $1' },
};

/** Hosts by id, by name, in lists; each caller sees those that they may. */
@Injectable()
export class HostsService {
  constructor(
    private readonly database: Database,
    private readonly rows: HostListRepository,
    private readonly removals: HostRemovals,
    private readonly audit: Audit,
  ) {}

  /** null when there is no such host. */
  async runnable(id: number): Promise<RunnableHost | null> {
    const [row] = await this.database.query<RunnableHost>(SQL.runnable, [id]);
    return row ?? null;
  }

  /** Those of them that exist, in order of their ids. */
  allRunnable(ids: readonly number[]): Promise<RunnableHost[]> {
    return this.database.query<RunnableHost>(SQL.allRunnable, [ids]);
  }

  /** At most `limit` of the hosts that match, in order of their ids; for callers whose right to the team is known. */
  async matching(query: HostQuery & { readonly teamId: number }, limit: number): Promise<RunnableHost[]> {
    return this.allRunnable(await this.rows.ids(conditionsIn([query.teamId], query), { limit }));
  }

  /** @throws DomainError forbidden, not_found */
  async get(caller: Caller, id: number): Promise<HostRow> {
    const host = await this.rows.find(id);
    require(caller, 'host:list', host?.teamId ?? null);
    if (!host) throw notFound('Host', id);
    return host;
  }

  /**
   * By hostname, uuid or hardware serial; by id when nothing bears that name.
   * @param caller only hosts that they may name count
   * @throws DomainError not_found, for callers with team roles forbidden instead; conflict when several hosts answer
   *   to it, with their ids
   */
  async identify(identifier: string, caller: Caller): Promise<HostRow> {
    const mine = (host: { teamId: number | null }): boolean => may(caller, 'host:identify', host.teamId);
    const uuid = isUuid(identifier) ? identifier : null;
    const named = (await this.rows.named(identifier, uuid)).filter(mine);
    if (named.length > 1) {
      const ids = named.map((h) => h.id).join(', ');
      throw new DomainError(
        'conflict',
        `several hosts answer to "${identifier}": ids ${ids}. Use the id or uuid of the one you mean.`,
      );
    }
    const id = named[0]?.id ?? (/^\d{1,9}$/.test(identifier) ? Number(identifier) : null);
    const host = id === null ? null : await this.rows.find(id);
    if (host && mine(host)) return host;
    require(caller, 'host:identify', null);
    throw notFound('Host', identifier);
  }

  list(caller: Caller, query: HostQuery, options: ListOptions): Promise<HostRow[]> {
    return this.rows.page(filterOf(caller, query), options);
  }

  count(caller: Caller, query: HostQuery): Promise<number> {
    return this.rows.count(filterOf(caller, query));
  }

  /**
   * The host, its node key and what it was still to do are gone; what it did stays in the ledger. An agent that still
   * runs there and has an enroll secret comes back as a new host.
   * @throws DomainError forbidden, not_found
   */
  async remove(caller: Caller, id: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const [host] = await tx.query<{ teamId: number | null; hostname: string; hardwareSerial: string }>(
        SQL.lock,
        [id],
      );
      require(caller, 'host:delete', host?.teamId ?? null);
      if (!host) throw notFound('Host', id);
      await tx.query(SQL.remove, [id]);
      await this.removals.tell(tx, id, caller.email);
      const details = {
        host_id: id,
        host_display_name: host.hostname,
        host_serial: host.hardwareSerial,
        team_id: host.teamId,
      };
      await this.audit.record(tx, { ...doneBy(caller, 'deleted_host', details), hostId: id });
    });
  }
}

/** What the query asks for, as far as the caller may list it: other teams' hosts are not there for them. */
export function filterOf(caller: Caller, query: HostQuery): HostFilter {
  const { teamId } = query;
  const allowed = teamsWhere(caller, 'host:list');
  let teams = allowed;
  if (teamId !== undefined) teams = allowed === null || allowed.includes(teamId) ? [teamId] : [];
  return conditionsIn(teams, query);
}

function conditionsIn(
  teams: readonly number[] | null,
  { status = null, match = '', labelId = null }: HostQuery,
): HostFilter {
  return { teams, status, match, labelId };
}
