import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { Database } from '#libs/platform/database/index';
import { DomainError, notFound } from '#libs/platform/errors/index';
import { isUuid, type ListOptions } from '#libs/platform/http/index';
import { Host } from './host.entity.js';

/** API order keys and the properties they stand for. */
const ORDER_COLUMNS = {
  id: 'id',
  hostname: 'hostname',
  display_name: 'hostname',
  created_at: 'createdAt',
  last_enrolled_at: 'enrolledAt',
  seen_time: 'seenAt',
  uuid: 'uuid',
} as const satisfies Record<string, keyof Host>;
export const HOST_ORDER_KEYS = Object.keys(ORDER_COLUMNS);

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

const RUNNABLE = {
  name: 'host_runnable',
  text: `SELECT id, scripts_enabled AS "scriptsEnabled", online, team_id AS "teamId", facts->>'platform' AS platform FROM hosts WHERE id = $1`,
};

/** Hosts by id, by name, in lists. */
@Injectable()
export class HostsService {
  constructor(
    @InjectRepository(Host) private readonly hosts: Repository<Host>,
    private readonly database: Database,
  ) {}

  /** null when there is no such host. */
  async runnable(id: number): Promise<RunnableHost | null> {
    const [row] = await this.database.query<RunnableHost>(RUNNABLE, [id]);
    return row ?? null;
  }

  /** @throws DomainError not_found */
  async get(id: number): Promise<Host> {
    const host = await this.hosts.findOneBy({ id });
    if (!host) throw notFound('Host', id);
    return host;
  }

  find(id: number): Promise<Host | null> {
    return this.hosts.findOneBy({ id });
  }

  /**
   * By hostname, uuid or hardware serial; by id when nothing bears that name.
   * @throws DomainError not_found; conflict when several hosts answer to it, with their ids
   */
  async identify(identifier: string): Promise<Host> {
    const named = await this.hosts.find({
      where: [
        { hostname: identifier },
        ...(identifier === '' ? [] : [{ hardwareSerial: identifier }]),
        ...(isUuid(identifier) ? [{ uuid: identifier.toLowerCase() }] : []),
      ],
      order: { id: 'ASC' },
      take: 20,
    });
    if (named.length > 1) {
      const ids = named.map((h) => h.id).join(', ');
      throw new DomainError(
        'conflict',
        `several hosts answer to "${identifier}": ids ${ids}. Use the id or uuid of the one you mean.`,
      );
    }
    const [host] = named;
    if (host) return host;
    const byId = /^\d{1,9}$/.test(identifier) ? await this.find(Number(identifier)) : null;
    if (!byId) throw notFound('Host', identifier);
    return byId;
  }

  list(options: ListOptions, status?: 'online' | 'offline'): Promise<Host[]> {
    const query = this.hosts.createQueryBuilder('host');
    if (status) query.andWhere('host.online = :online', { online: status === 'online' });
    if (options.match !== '') {
      const pattern = `%${options.match.replace(/[\\%_]/g, '\\$&')}%`;
      query.andWhere(
        `(host.hostname ILIKE :pattern OR host.hardware_serial ILIKE :pattern OR host.uuid::text ILIKE :pattern OR host.facts->>'primary_ip' ILIKE :pattern)`,
        { pattern },
      );
    }
    const key = ORDER_COLUMNS[(options.orderKey ?? 'id') as keyof typeof ORDER_COLUMNS];
    const direction = options.descending ? 'DESC' : 'ASC';
    if (options.after !== null) {
      query.andWhere(`host.${key} ${options.descending ? '<' : '>'} :after`, { after: options.after });
    }
    query.orderBy(`host.${key}`, direction);
    if (key !== 'id') query.addOrderBy('host.id', direction);
    return query.limit(options.limit).offset(options.offset).getMany();
  }
}
