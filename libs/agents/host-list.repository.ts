import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '#libs/platform/database/index';
import { type ListOptions } from '#libs/platform/http/index';
import { type Host } from './host.entity.js';

/** A host as answers show it, its team's name beside it. */
export type HostRow = Pick<
  Host,
  | 'id'
  | 'teamId'
  | 'uuid'
  | 'hostname'
  | 'facts'
  | 'labels'
  | 'agentVersion'
  | 'scriptsEnabled'
  | 'online'
  | 'seenAt'
  | 'enrolledAt'
  | 'factsAt'
  | 'createdAt'
  | 'updatedAt'
> & { readonly teamName: string | null };

/** Which hosts are meant; all conditions together. */
export interface HostFilter {
  /** Of these teams, 0 for none; null: of whatever team. */
  readonly teams: readonly number[] | null;
  readonly status: 'online' | 'offline' | null;
  /** Part of hostname, serial, uuid or primary address, whatever the case; empty: any. */
  readonly match: string;
}

interface OrderKey {
  readonly sql: string;
  readonly type: string;
  /** How an answer shows what comes after this value; microseconds are not shown. */
  readonly after: (parameter: string) => string;
}

const TIME = { type: 'timestamptz', after: (p: string) => `>= ${p}::timestamptz + interval '1 ms'` };
const exactly = (type: string): Omit<OrderKey, 'sql'> => ({ type, after: (p) => `> ${p}::${type}` });

/** API order keys and what they stand for; each has an index that ends with the id (migration 1790200000000). */
const ORDER_KEYS: Readonly<Record<string, OrderKey>> = {
  id: { sql: 'id', ...exactly('int') },
  hostname: { sql: 'hostname', ...exactly('text') },
  display_name: { sql: 'hostname', ...exactly('text') },
  uuid: { sql: 'uuid', ...exactly('uuid') },
  created_at: { sql: 'created_at', ...TIME },
  last_enrolled_at: { sql: 'enrolled_at', ...TIME },
  // Who is connected is seen now: later than all others.
  seen_time: { sql: `(CASE WHEN online THEN 'infinity'::timestamptz ELSE seen_at END)`, ...TIME },
};
export const HOST_ORDER_KEYS = Object.keys(ORDER_KEYS);

const COLUMNS = `h.id, h.team_id AS "teamId", t.name AS "teamName", h.uuid, h.hostname, h.facts, h.labels, h.agent_version AS "agentVersion",
  h.scripts_enabled AS "scriptsEnabled", h.online, h.seen_at AS "seenAt", h.enrolled_at AS "enrolledAt", h.facts_at AS "factsAt",
  h.created_at AS "createdAt", h.updated_at AS "updatedAt"`;

const SQL = {
  byId: {
    name: 'host_by_id',
    text: `SELECT ${COLUMNS} FROM hosts h LEFT JOIN teams t ON t.id = h.team_id WHERE h.id = $1`,
  },
  // Each name has an index of its own.
  named: {
    name: 'hosts_named',
    text: `SELECT id, team_id AS "teamId" FROM hosts WHERE hostname = $1
           UNION SELECT id, team_id FROM hosts WHERE hardware_serial = $1 AND $1 <> ''
           UNION SELECT id, team_id FROM hosts WHERE uuid = $2::uuid
           ORDER BY id LIMIT 20`,
  },
};

/** Reads of hosts. */
@Injectable()
export class HostListRepository {
  constructor(private readonly database: Database) {}

  async find(id: number): Promise<HostRow | null> {
    const [row] = await this.database.query<HostRow>(SQL.byId, [id]);
    return row ?? null;
  }

  /** Whoever bears this hostname, serial or uuid; at most 20, by id. @param uuid null when the name is none */
  named(name: string, uuid: string | null): Promise<{ id: number; teamId: number | null }[]> {
    return this.database.query(SQL.named, [name, uuid]);
  }

  /**
   * One page. Its ids come from one index that is in the right order and holds what is filtered by, so that a page far
   * down costs a walk along the index (8 ms for 100,000 hosts) and no look at the hosts on the way; rows are read for
   * the page alone. A text is looked for in one pass over the index that holds all texts.
   */
  page(filter: HostFilter, options: ListOptions): Promise<HostRow[]> {
    const key = ORDER_KEYS[options.orderKey ?? 'id'];
    if (!key) throw new Error(`no order key ${options.orderKey}`);
    const { conditions, values } = conditionsOf(filter);
    const direction = options.descending ? 'DESC' : 'ASC';
    if (options.after !== null) {
      const parameter = `$${values.push(options.after)}`;
      conditions.push(
        `${key.sql} ${options.descending ? `< ${parameter}::${key.type}` : key.after(parameter)}`,
      );
    }
    const [limit, offset] = [`$${values.push(options.limit)}`, `$${values.push(options.offset)}`];
    const matching =
      filter.match === ''
        ? `SELECT id, ${key.sql} AS key FROM hosts ${where(conditions)}`
        : // OFFSET 0 keeps the planner from walking in order, with a look at each host.
          `SELECT * FROM (SELECT id, ${key.sql} AS key FROM hosts ${where(conditions)} OFFSET 0) found`;
    const order = key.sql === 'id' ? `id ${direction}` : `key ${direction}, id ${direction}`;
    const text = `WITH page AS MATERIALIZED (SELECT id, row_number() OVER () AS place FROM (${matching} ORDER BY ${order} LIMIT ${limit} OFFSET ${offset}) p)
      SELECT ${COLUMNS} FROM page JOIN hosts h ON h.id = page.id LEFT JOIN teams t ON t.id = h.team_id ORDER BY page.place`;
    return this.database.query(named('host_page', text), values);
  }

  async count(filter: HostFilter): Promise<number> {
    const { conditions, values } = conditionsOf(filter);
    const text = `SELECT count(*)::int AS count FROM hosts ${where(conditions)}`;
    const [row] = await this.database.query<{ count: number }>(named('host_count', text), values);
    return row?.count ?? 0;
  }

  /** The ids of all. */
  async ids(tx: Transaction, filter: HostFilter): Promise<number[]> {
    const { conditions, values } = conditionsOf(filter);
    const text = `SELECT id FROM hosts ${where(conditions)} ORDER BY id`;
    return (await tx.query<{ id: number }>(named('host_ids', text), values)).map((row) => row.id);
  }
}

/** Worded so that they are read from the index that gives the order, and no other one seems to fit. */
function conditionsOf({ teams, status, match }: HostFilter): { conditions: string[]; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = [];
  if (teams !== null) conditions.push(`coalesce(team_id, 0) = ANY($${values.push(teams)}::int[])`);
  if (status !== null) conditions.push(`online = $${values.push(status === 'online')}`);
  if (match !== '')
    conditions.push(`search LIKE lower($${values.push(`%${match.replace(/[\\%_]/g, '\\$&')}%`)}::text)`);
  return { conditions, values };
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
}

/** Texts differ by what is asked for, not by values: each is planned once per connection. */
function named(kind: string, text: string): { name: string; text: string } {
  return { name: `${kind}_${createHash('sha1').update(text).digest('base64url').slice(0, 12)}`, text };
}
