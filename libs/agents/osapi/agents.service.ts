import { Injectable } from '@nestjs/common';
import { type Caller, may, teamsWhere } from '#libs/platform/auth/index';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { DrainingService } from '../draining/draining.service.js';
import { HostLoad } from '../draining/host-load.js';
import { HostListRepository, type HostRow } from '../host-list.repository.js';
import { HostRights } from '../rights/host-rights.service.js';
import { toAgentInfo } from './agent-view.js';
import { type AgentInfoDto, type AgentListDto, type AgentTimelineEventDto } from './agents.dto.js';

const MAX_NAME = 255;
const ALL = 1_000_000;
const EVENTS = { drained_host: 'drain', undrained_host: 'undrain' } as const;

const SQL = {
  timeline: {
    name: 'host_draining_timeline',
    text: `SELECT at, act, email FROM audit WHERE host_id = $1 AND act IN ('drained_host', 'undrained_host')
           ORDER BY id DESC LIMIT 50`,
  },
};

/** Hosts as osapi's agents: looked at, taken out of service, put back. */
@Injectable()
export class OsapiAgentsService {
  constructor(
    private readonly database: Database,
    private readonly hosts: HostListRepository,
    private readonly rights: HostRights,
    private readonly load: HostLoad,
    private readonly draining: DrainingService,
  ) {}

  /** Those that the caller may see, by id. @param limit of one page; absent: all */
  async list(caller: Caller, limit = ALL, offset = 0): Promise<AgentListDto> {
    const filter = { teams: teamsWhere(caller, 'agent:read'), status: null, match: '', labelId: null };
    const order = { page: 0, orderKey: null, descending: false, after: null, match: '' };
    if (caller.scope?.labels) {
      const all = await this.hosts.page(filter, { ...order, limit: ALL, offset: 0 });
      const seen = await this.visible(caller, all);
      return { agents: await this.described(seen.slice(offset, offset + limit)), total: seen.length };
    }
    const [page, total] = await Promise.all([
      this.hosts.page(filter, { ...order, limit, offset }),
      this.hosts.count(filter),
    ]);
    return { agents: await this.described(page), total };
  }

  /** @throws as `find` */
  async get(caller: Caller, name: string): Promise<AgentInfoDto> {
    const host = await this.find(caller, name);
    const [[agent], timeline] = await Promise.all([this.described([host]), this.timelineOf(host)]);
    if (!agent) throw new Error('a host has no description');
    return { ...agent, timeline };
  }

  /** @returns its hostname @throws as `find`; forbidden; conflict: it is draining already */
  async drain(caller: Caller, name: string): Promise<string> {
    const { id, hostname } = await this.find(caller, name);
    await this.draining.drain(caller, id);
    return hostname;
  }

  /** @returns its hostname @throws as `find`; forbidden; conflict: it is not draining */
  async undrain(caller: Caller, name: string): Promise<string> {
    const { id, hostname } = await this.find(caller, name);
    await this.draining.undrain(caller, id);
    return hostname;
  }

  /**
   * By hostname or uuid (also serial number); by id when nothing bears that name.
   * @throws DomainError malformed; not_found, also for a host that the caller may not see; conflict: several bear that name
   */
  private async find(caller: Caller, name: string): Promise<HostRow> {
    if (name.length > MAX_NAME)
      throw new DomainError('malformed', {
        name: 'hostname',
        reason: `must have at most ${MAX_NAME} characters`,
      });
    const named = await this.visible(caller, await this.hosts.named(name, isUuid(name) ? name : null));
    if (named.length > 1) {
      const ids = named.map(({ id }) => id).join(', ');
      throw new DomainError('conflict', {
        name: 'hostname',
        reason: `several agents answer to "${name}": ids ${ids}. Use the id or machine id of the one you mean.`,
      });
    }
    const id = named[0]?.id ?? (/^\d{1,9}$/.test(name) ? Number(name) : null);
    const host = id === null ? null : await this.hosts.find(id);
    if (!host || (await this.visible(caller, [host])).length === 0)
      throw new DomainError('not_found', `agent not found: ${name}`);
    return host;
  }

  /** Whoever may drain a host knows of it. */
  private async visible<T extends { id: number; teamId: number | null }>(
    caller: Caller,
    hosts: readonly T[],
  ): Promise<T[]> {
    const acts = (['agent:read', 'agent:drain'] as const).filter((act) =>
      hosts.some(({ teamId }) => may(caller, act, teamId)),
    );
    const refused = await Promise.all(acts.map((act) => this.rights.refusals(caller, act, hosts)));
    return hosts.filter(({ id }) => refused.some((refusals) => !refusals.has(id)));
  }

  private async described(hosts: readonly HostRow[]): Promise<AgentInfoDto[]> {
    const draining = hosts.filter(({ drainingSince }) => drainingSince !== null);
    const busy = await this.load.busyAmong(draining.map(({ id }) => id));
    const now = new Date();
    return hosts.map((host) => toAgentInfo(host, busy.has(host.id), now));
  }

  private async timelineOf({ id, hostname }: HostRow): Promise<AgentTimelineEventDto[]> {
    const rows = await this.database.query<{ at: Date; act: keyof typeof EVENTS; email: string }>(
      SQL.timeline,
      [id],
    );
    return rows.map(({ at, act, email }) => ({
      timestamp: at.toISOString(),
      event: EVENTS[act],
      hostname,
      message: `by ${email}`,
    }));
  }
}
