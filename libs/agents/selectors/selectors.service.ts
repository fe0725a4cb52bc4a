import { Injectable } from '@nestjs/common';
import { type Act, type Caller, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Statement } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { isUuid, MAX_ID } from '#libs/platform/http/index';
import {
  compileSelector,
  gathered,
  HOST_COLUMNS,
  hostsOf,
  type NamedIds,
  type SelectedHost,
} from './compile-selector.js';
import { factNamed } from './facts.js';
import { comparisonsOf, parseSelector } from './parse-selector.js';
import { type Selector } from './selector.js';
import { FIELD, malformedSelector, SelectorProblem, unknownTarget } from './selector-error.js';

/** What a target means. */
export interface HostSelection {
  /** `any`: exactly one of the hosts, whichever; `one`: the host was named; `many`: all of them. */
  readonly mode: 'any' | 'one' | 'many';
  /** By id. */
  readonly hosts: readonly SelectedHost[];
}

const NO_TEAM = 'No team';

/** Some host, and no expression: letters, digits, dots, dashes, underscores. */
const NAME = /^[\p{L}\p{N}_.-]{1,255}$/u;
/** osapi's own form of labels: one, of whole segments. */
const PLAIN_LABEL = /^([A-Za-z0-9_-]+):([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*)$/;
const MACHINE_ID = /^[0-9a-f]{32}$/i;

const OF_TEAMS = '($1::int[] IS NULL OR h.team_id = ANY($1::int[]))';
const SQL = {
  all: {
    name: 'select_all_hosts',
    text: gathered(`SELECT ${HOST_COLUMNS} FROM hosts h ORDER BY h.id`),
  },
  ofTeams: {
    name: 'select_hosts_of_teams',
    text: gathered(`SELECT ${HOST_COLUMNS} FROM hosts h WHERE h.team_id = ANY($1::int[]) ORDER BY h.id`),
  },
  // Each name has an index of its own. Two dozen say as well as a thousand that the name is ambiguous.
  named: {
    name: 'select_named_hosts',
    text: gathered(`SELECT ${HOST_COLUMNS} FROM (SELECT id FROM hosts WHERE hostname = $2 UNION SELECT id FROM hosts WHERE uuid = $3::uuid
             UNION SELECT id FROM hosts WHERE id = $4::int) found
           CROSS JOIN LATERAL (SELECT * FROM hosts WHERE hosts.id = found.id OFFSET 0) h WHERE ${OF_TEAMS} ORDER BY h.id LIMIT 24`),
  },
  byIds: {
    name: 'select_hosts_by_ids',
    text: gathered(`SELECT ${HOST_COLUMNS} FROM hosts h WHERE h.id = ANY($1::int[]) ORDER BY h.id`),
  },
  names: {
    name: 'select_names',
    text: `SELECT 'label' AS kind, n AS name, l.id FROM unnest($1::text[]) n JOIN labels l ON lower(l.name) = lower(n)
           UNION ALL SELECT 'team', n, t.id FROM unnest($2::text[]) n JOIN teams t ON lower(t.name) = lower(n)`,
  },
};

/**
 * The teams whose hosts are there at all for a caller who selects hosts to do something on: those that they may read and those
 * that they may do it on; null: all hosts. Whoever runs something on a selector and whoever previews it pass the same, so that
 * `sample` and `limit` choose the same hosts.
 */
export function selectableTeams(caller: Caller, act: Act): number[] | null {
  const [read, acted] = [teamsWhere(caller, 'agent:read'), teamsWhere(caller, act)];
  return read === null || acted === null ? null : [...new Set([...read, ...acted])];
}

/** Which hosts a text means: a name, a label, or a selector (docs/selectors.md). */
@Injectable()
export class SelectorsService {
  constructor(private readonly database: Database) {}

  /**
   * `_any`: every host that is online and not draining, of which one is meant; `_all`, `key:value` and selectors: all that match;
   * a hostname, uuid or machine id: that host; a host id, when nothing bears it as a name.
   * @param teams hosts of these only, the others are not there; null: all hosts
   * @returns for `_any` and `_all` perhaps no host, otherwise one at least
   * @throws DomainError about `target`: malformed (with the place); invalid_unknown: no host, label or team of that name, or none
   *   that matches; conflict: several hosts of that hostname, with their ids
   */
  async resolve(text: string, teams: readonly number[] | null = null): Promise<HostSelection> {
    const target = text.trim();
    refuseUnreadable(target);
    if (target === '_all') return { mode: 'many', hosts: await this.all(teams) };
    if (target === '_any') {
      const hosts = await this.all(teams);
      return { mode: 'any', hosts: hosts.filter(({ online, draining }) => online && !draining) };
    }
    // What is true or false by itself is no name: whoever calls their host `online` is not to be taken for all of them.
    if (NAME.test(target) && !factNamed(target.toLowerCase()))
      return { mode: 'one', hosts: [await this.named(target, teams)] };
    const hosts = await this.matching(await selectorOf(target), teams);
    if (hosts.length === 0) throw unknownTarget(target, ': no host matches');
    return { mode: 'many', hosts };
  }

  /** Those of them that exist, by id. */
  byIds(ids: readonly number[]): Promise<SelectedHost[]> {
    return this.hosts(SQL.byIds, [ids]);
  }

  private all(teams: readonly number[] | null): Promise<SelectedHost[]> {
    return teams === null ? this.hosts(SQL.all, []) : this.hosts(SQL.ofTeams, [teams]);
  }

  private async named(name: string, teams: readonly number[] | null): Promise<SelectedHost> {
    const uuid = isUuid(name) || MACHINE_ID.test(name) ? name : null;
    const id = /^\d{1,10}$/.test(name) && Number(name) <= MAX_ID ? Number(name) : null;
    const found = await this.hosts(SQL.named, [teams, name, uuid, id]);
    const bearers = found.filter((host) => host.hostname === name || uuid !== null);
    const meant = bearers.length > 0 ? bearers : found;
    if (meant.length > 1) {
      const ids = meant.map((host) => host.id).join(', ');
      const reason = `several hosts answer to "${name}": ids ${ids}. Use the id or uuid of the one you mean.`;
      throw new DomainError('conflict', { name: FIELD, reason });
    }
    if (!meant[0]) throw unknownTarget(name);
    return meant[0];
  }

  private async matching(selector: Selector, teams: readonly number[] | null): Promise<SelectedHost[]> {
    const named = await this.namesIn(selector, teams);
    const { text, values } = compileSelector(selector, named, teams);
    // Without a name: there are as many texts as selectors, and connections keep what has one.
    return this.hosts({ text }, values);
  }

  private async hosts(statement: Statement, values: readonly unknown[]): Promise<SelectedHost[]> {
    return hostsOf(await this.database.query(statement, values));
  }

  /** A name that means nothing must not widen `not label = …` to all hosts. */
  private async namesIn(selector: Selector, teams: readonly number[] | null): Promise<NamedIds> {
    const namesOf = (kind: 'label' | 'team'): string[] =>
      comparisonsOf(selector)
        .filter(({ name }) => factNamed(name)?.named === kind)
        .flatMap(({ values }) => values.map(({ text }) => text));
    const wanted = { label: namesOf('label'), team: namesOf('team') };
    const ids = { label: new Map<string, number>(), team: new Map<string, number>() };
    if (wanted.label.length + wanted.team.length === 0) return ids;
    const rows = await this.database.query<{ kind: 'label' | 'team'; name: string; id: number }>(SQL.names, [
      wanted.label,
      wanted.team,
    ]);
    for (const { kind, name, id } of rows) {
      if (kind === 'label' || teams === null || teams.includes(id)) ids[kind].set(name, id);
    }
    if (teams === null && wanted.team.includes(NO_TEAM) && !ids.team.has(NO_TEAM)) ids.team.set(NO_TEAM, 0);
    for (const kind of ['label', 'team'] as const) {
      const unknown = wanted[kind].find((name) => !ids[kind].has(name));
      if (unknown !== undefined)
        throw new DomainError('invalid_unknown', { name: FIELD, reason: `there is no ${kind} "${unknown}"` });
    }
    return ids;
  }
}

async function selectorOf(target: string): Promise<Selector> {
  const [, key, value] = PLAIN_LABEL.exec(target) ?? [];
  // The usual case of osapi's clients needs no parser.
  if (key !== undefined && value !== undefined)
    return { clauses: [{ kind: 'where', condition: { kind: 'label', key, value } }] };
  return parseSelector(target);
}

/** @throws DomainError malformed */
function refuseUnreadable(target: string): void {
  if (target === '')
    throw new DomainError('malformed', {
      name: FIELD,
      reason: 'is empty; name a host, a label (group:web), _any or _all, or write a selector',
    });
  const nul = target.indexOf('\0');
  if (nul >= 0)
    throw malformedSelector(target, new SelectorProblem(nul, 'a NUL character means nothing here'));
}
