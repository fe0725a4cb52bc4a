import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { containing, Database, type Transaction } from '#libs/platform/database/index';
import { isUuid, type ListOptions } from '#libs/platform/http/index';
import { HostCuts, startOfWalk } from './cuts/host-cuts.repository.js';
import { isListKey, type ListKey, orderOf } from './cuts/list-keys.js';
import { type Host } from './host.entity.js';
import { HostTotals, totalOfHosts } from './host-totals.repository.js';

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
  | 'drainingSince'
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
  /** In this label; null: in any or none. */
  readonly labelId: number | null;
}

interface OrderKey {
  readonly sql: string;
  readonly type: string;
  /** How an answer shows what comes after this value; microseconds are not shown. */
  readonly after: (parameter: string) => string;
}

const TIME = { type: 'timestamptz', after: (p: string) => `>= ${p}::timestamptz + interval '1 ms'` };
const exactly = (type: string): Omit<OrderKey, 'sql'> => ({ type, after: (p) => `> ${p}::${type}` });

/** API order keys and what they stand for; all but the last have an index that ends with the id (migration 1790200000000). */
const ORDER_KEYS: Readonly<Record<string, OrderKey>> = {
  id: { sql: 'id', ...exactly('int') },
  hostname: { sql: 'hostname', ...exactly('text') },
  display_name: { sql: 'hostname', ...exactly('text') },
  uuid: { sql: 'uuid', ...exactly('uuid') },
  created_at: { sql: 'created_at', ...TIME },
  last_enrolled_at: { sql: 'enrolled_at', ...TIME },
  // Who is connected is seen now: later than all others. Sorted anew each time: an index would cost every agent that comes and goes.
  seen_time: { sql: `(CASE WHEN online THEN 'infinity'::timestamptz ELSE seen_at END)`, ...TIME },
};
export const HOST_ORDER_KEYS = Object.keys(ORDER_KEYS);

const COLUMNS = `h.id, h.team_id AS "teamId", t.name AS "teamName", h.uuid, h.hostname, h.facts, h.labels, h.agent_version AS "agentVersion",
  h.scripts_enabled AS "scriptsEnabled", h.online, h.draining_since AS "drainingSince", h.seen_at AS "seenAt", h.enrolled_at AS "enrolledAt", h.facts_at AS "factsAt",
  h.created_at AS "createdAt", h.updated_at AS "updatedAt"`;

/** From this offset on a walk begins at a cut. */
const DEEP = 200;
/** Sorting so many takes a millisecond; in an order's index they may be far apart. */
const FEW = 2_000;

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
  allNamed: {
    name: 'hosts_all_named',
    text: `SELECT n AS name, h.id FROM unnest($1::text[]) n JOIN hosts h ON h.hostname = n
           UNION SELECT n, h.id FROM unnest($1::text[]) n JOIN hosts h ON h.hardware_serial = n WHERE n <> ''
           UNION SELECT n, h.id FROM unnest($2::text[]) n JOIN hosts h ON h.uuid = n::uuid`,
  },
};

/** Reads of hosts. */
@Injectable()
export class HostListRepository {
  constructor(
    private readonly database: Database,
    private readonly hostTotals: HostTotals,
    private readonly cuts: HostCuts,
  ) {}

  async find(id: number): Promise<HostRow | null> {
    const [row] = await this.database.query<HostRow>(SQL.byId, [id]);
    return row ?? null;
  }

  /** Whoever bears this hostname, serial or uuid; at most 20, by id. @param uuid null when the name is none */
  named(name: string, uuid: string | null): Promise<{ id: number; teamId: number | null }[]> {
    return this.database.query(SQL.named, [name, uuid]);
  }

  /** Whoever bears one of these hostnames, serials or uuids; every pair of a name and a host once. */
  allNamed(names: readonly string[]): Promise<{ name: string; id: number }[]> {
    return this.database.query(SQL.allNamed, [names, names.filter(isUuid)]);
  }

  /**
   * One page. Its ids come from one index that is in the right order and holds what is filtered by; a page far down costs a
   * walk along it from the nearest cut, and no look at the hosts on the way; rows are read for the page alone. Where presence
   * matters there are no cuts, and rows are read on the way too. A text is looked for in one pass over the index that holds all
   * texts; a small team costs less to sort than to find in an order, and so does a label.
   */
  async page(filter: HostFilter, options: ListOptions): Promise<HostRow[]> {
    const key = ORDER_KEYS[options.orderKey ?? 'id'];
    if (!key) throw new Error(`no order key ${options.orderKey}`);
    const sorted = filter.match !== '' || filter.labelId !== null || (await this.areFew(filter.teams));
    const isDeep = options.offset >= DEEP && options.after === null && isKnown(filter);
    if (isDeep && !sorted && isListKey(key.sql) && !this.cuts.areBehind)
      return this.deepPage(filter, key.sql, options);
    const { conditions, values } = conditionsOf(filter, sorted ? 'by team' : 'in order');
    if (options.after !== null) {
      const parameter = `$${values.push(options.after)}`;
      conditions.push(
        `${key.sql} ${options.descending ? `< ${parameter}::${key.type}` : key.after(parameter)}`,
      );
    }
    const [limit, offset] = [`$${values.push(options.limit)}::int`, `$${values.push(options.offset)}::int`];
    const found = `SELECT id, ${key.sql} AS key FROM hosts ${where(conditions)}`;
    // OFFSET 0 keeps the planner from walking in order, with a look at each host.
    const matching = sorted ? `SELECT * FROM (${found} OFFSET 0) found` : found;
    const direction = options.descending ? 'DESC' : 'ASC';
    const order = key.sql === 'id' ? `id ${direction}` : `key ${direction}, id ${direction}`;
    return this.rowsOf('', `${matching} ORDER BY ${order} LIMIT ${limit} OFFSET ${offset}`, 'ASC', values);
  }

  /** From the last cut before the page; in descending order the page is the same, its offset counted from the end. */
  private deepPage(filter: HostFilter, key: ListKey, options: ListOptions): Promise<HostRow[]> {
    const { conditions, values } = conditionsOf(filter, 'in order');
    const teams = filter.teams === null ? null : `$${values.push(filter.teams)}`;
    const [limit, offset] = [`$${values.push(options.limit)}::int`, `$${values.push(options.offset)}::int`];
    const wanted = options.descending
      ? `SELECT greatest(0, total - ${offset} - ${limit}) AS first, greatest(0, least(${limit}, total - ${offset})) AS hosts FROM (${totalOfHosts(teams)}) n`
      : `SELECT ${offset} AS first, ${limit} AS hosts`;
    const host = orderOf(key, 'id').map(({ column }) => column);
    const cut = orderOf(key, 'host_id').map(
      ({ column, least }) => `coalesce((SELECT ${column} FROM start), ${least})`,
    );
    conditions.push(`(${host.join(', ')}) > (${cut.join(', ')})`);
    return this.rowsOf(
      `wanted AS MATERIALIZED (${wanted}),
       start AS MATERIALIZED (${startOfWalk(key, '(SELECT first FROM wanted)', teams)}),`,
      `SELECT id FROM hosts ${where(conditions)} ORDER BY ${host.join(', ')}
       LIMIT (SELECT hosts FROM wanted) OFFSET (SELECT first FROM wanted) - coalesce((SELECT before FROM start), 0)`,
      options.descending ? 'DESC' : 'ASC',
      values,
    );
  }

  /** @param found SQL: the ids of the page; @param by what stands before it in the statement */
  private rowsOf(
    by: string,
    found: string,
    direction: 'ASC' | 'DESC',
    values: readonly unknown[],
  ): Promise<HostRow[]> {
    const text = `WITH ${by} page AS MATERIALIZED (SELECT id, row_number() OVER () AS place FROM (${found}) p)
      SELECT ${COLUMNS} FROM page JOIN hosts h ON h.id = page.id LEFT JOIN teams t ON t.id = h.team_id ORDER BY page.place ${direction}`;
    return this.database.query(named('host_page', text), values);
  }

  /** Whether these teams have so few hosts together that sorting them is cheap. */
  private async areFew(teams: readonly number[] | null): Promise<boolean> {
    return teams !== null && (await this.hostTotals.of(teams)) <= FEW;
  }

  async count(filter: HostFilter): Promise<number> {
    if (isKnown(filter)) return this.hostTotals.of(filter.teams);
    const { conditions, values } = conditionsOf(filter);
    const text = `SELECT count(*)::int AS count FROM hosts ${where(conditions)}`;
    const [row] = await this.database.query<{ count: number }>(named('host_count', text), values);
    return row?.count ?? 0;
  }

  /** In order. */
  async ids(
    filter: HostFilter,
    { limit = null, tx = this.database }: { limit?: number | null; tx?: Transaction | Database } = {},
  ): Promise<number[]> {
    const { conditions, values } = conditionsOf(filter);
    const cut = limit === null ? '' : `LIMIT $${values.push(limit)}::int`;
    const text = `SELECT id FROM hosts ${where(conditions)} ORDER BY id ${cut}`;
    return (await tx.query<{ id: number }>(named('host_ids', text), values)).map((row) => row.id);
  }
}

/**
 * @param way `in order`: worded so that only the index that gives the order seems to fit; `by team`: read from the index
 *   that begins with the team
 */
function conditionsOf(
  { teams, status, match, labelId }: HostFilter,
  way: 'in order' | 'by team' = 'by team',
): { conditions: string[]; values: unknown[] } {
  const values: unknown[] = [];
  const conditions: string[] = [];
  if (teams !== null && way === 'in order')
    conditions.push(`coalesce(team_id, 0) = ANY($${values.push(teams)}::int[])`);
  // 0 stands alone: nobody's roles are for no team.
  else if (teams?.includes(0)) conditions.push('team_id IS NULL');
  // For a list of unknown length the planner expects ten teams, and reads all hosts instead of one team's.
  else if (teams?.length === 1) conditions.push(`team_id = $${values.push(teams[0])}`);
  else if (teams !== null) conditions.push(`team_id = ANY($${values.push(teams)}::int[])`);
  if (status !== null) conditions.push(`online = $${values.push(status === 'online')}`);
  if (match !== '') conditions.push(`search LIKE lower($${values.push(containing(match))}::text)`);
  if (labelId !== null)
    conditions.push(
      `EXISTS (SELECT 1 FROM label_membership m WHERE m.label_id = $${values.push(labelId)} AND m.host_id = hosts.id)`,
    );
  return { conditions, values };
}

/** Whether nothing but teams is asked for: how many hosts those have need not be counted. */
function isKnown({ status, match, labelId }: HostFilter): boolean {
  return status === null && match === '' && labelId === null;
}

function where(conditions: readonly string[]): string {
  return conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : '';
}

/** Texts differ by what is asked for, not by values: each is planned once per connection. */
function named(kind: string, text: string): { name: string; text: string } {
  return { name: `${kind}_${createHash('sha1').update(text).digest('base64url').slice(0, 12)}`, text };
}
