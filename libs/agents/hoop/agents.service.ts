import { Injectable } from '@nestjs/common';
import { type Caller, may, teamsWhere } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid } from '#libs/platform/http/index';
import { HostListRepository, type HostRow } from '../host-list.repository.js';
import { HostRights } from '../rights/host-rights.service.js';
import { type HoopAgentDto } from './agents.dto.js';

const MAX_NAME = 255;
/** hoop has no pages here. */
const ALL = 1_000_000;

/** Hosts as hoop's agents; those that the caller may not see are not there for them. */
@Injectable()
export class HoopAgentsService {
  constructor(
    private readonly hosts: HostListRepository,
    private readonly rights: HostRights,
  ) {}

  /** By id. @throws DomainError invalid */
  async list(caller: Caller, status: string | undefined): Promise<HoopAgentDto[]> {
    const filter = {
      teams: teamsWhere(caller, 'agent:read'),
      status: presenceOf(status),
      match: '',
      labelId: null,
    };
    const order = { page: 0, orderKey: null, descending: false, after: null, match: '' };
    const hosts = await this.hosts.page(filter, { ...order, limit: ALL, offset: 0 });
    return (await this.visible(caller, hosts)).map(toAgent);
  }

  /** By hostname or uuid. @throws DomainError malformed, not_found; conflict: several bear that name */
  async get(caller: Caller, nameOrId: string): Promise<HoopAgentDto> {
    if (nameOrId.length > MAX_NAME)
      throw new DomainError('malformed', `an agent's name has at most ${MAX_NAME} characters`);
    const named = await this.hosts.named(nameOrId, isUuid(nameOrId) ? nameOrId : null);
    const [one, ...others] = await this.visible(
      caller,
      named.filter(({ teamId }) => may(caller, 'agent:read', teamId)),
    );
    if (others.length > 0) {
      const found = await Promise.all([one, ...others].map((host) => this.hosts.find(host?.id ?? 0)));
      const ids = found.flatMap((host) => host?.uuid ?? []).join(', ');
      throw new DomainError('conflict', `several agents are called ${nameOrId}: use one of the ids ${ids}`);
    }
    const host = one ? await this.hosts.find(one.id) : null;
    if (!host) throw new DomainError('not_found', `agent ${nameOrId} not found`);
    return toAgent(host);
  }

  private async visible<T extends { id: number; teamId: number | null }>(
    caller: Caller,
    hosts: readonly T[],
  ): Promise<T[]> {
    const refused = await this.rights.refusals(caller, 'agent:read', hosts);
    return hosts.filter(({ id }) => !refused.has(id));
  }
}

/** @throws DomainError invalid */
function presenceOf(status: string | undefined): 'online' | 'offline' | null {
  switch (status?.toUpperCase()) {
    case undefined:
    case '':
      return null;
    case 'CONNECTED':
      return 'online';
    case 'DISCONNECTED':
      return 'offline';
    default:
      throw new DomainError('invalid', {
        name: 'status',
        reason: 'status must be CONNECTED or DISCONNECTED',
      });
  }
}

/** hoop's agent (`reference/hoop.md`, section 7). */
function toAgent({ uuid, hostname, online, labels, agentVersion, facts }: HostRow): HoopAgentDto {
  const system = facts.platform === 'darwin' || facts.platform === 'windows' ? facts.platform : 'linux';
  return {
    id: uuid,
    name: hostname,
    mode: 'standard',
    status: online ? 'CONNECTED' : 'DISCONNECTED',
    token: '',
    metadata: {
      hostname: facts.hostname ?? hostname,
      'machine-id': uuid,
      // Rows of agents that have not said hello yet lack most facts.
      'kernel-version': facts.kernel_version ?? '',
      version: agentVersion,
      platform: `${system}/${facts.arch ?? ''}`,
    },
    labels,
  };
}
