import { Injectable } from '@nestjs/common';
import { HostRights, HostsService } from '#libs/agents/index';
import { type Caller, may, teamsWhere } from '#libs/platform/auth/index';
import { Database, type Statement } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { candidatesOf, InstancesRepository, meantBy, type StoredInstance } from '#libs/scripts/index';
import { type Reach } from './history/series.js';
import { type ExecutionsParams, type InstanceParams } from './rpc-params.js';

/** A host that a method is limited to. */
export interface RpcHost {
  readonly id: number;
  readonly hostname: string;
  readonly online: boolean;
  readonly teamId: number | null;
}

/** Whose runs are read. */
export interface RpcScope {
  /** null: of all hosts that the caller may read. */
  readonly host: RpcHost | null;
  /** The teams whose hosts these are; null: all. */
  readonly teams: readonly number[] | null;
}

/** What bears one of these names: scripts, and what is in the history. @param which of the series: SQL */
const named = (which: string): string =>
  `SELECT (SELECT coalesce(json_agg(json_build_object('name', s.name, 'instances', (
       SELECT coalesce(json_agg(i.name), '[]') FROM script_instances i WHERE i.script_id = s.id))), '[]')
     FROM scripts s WHERE coalesce(s.team_id, 0) = $1 AND lower(s.name) = ANY($2::text[])) AS scripts,
   (SELECT json_build_array(array_agg(id), array_agg(script_name), array_agg(instance_name), array_agg(current), array_agg(first_run), array_agg(last_run))
     FROM instance_series WHERE ${which}) AS series`;

const SQL = {
  scripts: {
    name: 'rpc_scripts_named',
    text: `SELECT id, name FROM scripts WHERE coalesce(team_id, 0) = $1 AND lower(name) = ANY($2::text[])`,
  },
  named: {
    name: 'rpc_series_named',
    text: named('coalesce(team_id, 0) = $1 AND lower(script_name) = ANY($2::text[])'),
  },
  // Of scripts that are asked for whole, and of instances that are called so: each has had many contents.
  namedSo: {
    name: 'rpc_series_named_so',
    text: named(
      `coalesce(team_id, 0) = $1 AND lower(script_name) = ANY($2::text[])
        AND ((lower(script_name) IN (SELECT unnest($3::text[]))) IS TRUE OR (instance_name IN (SELECT unnest($4::text[]))) IS TRUE)`,
    ),
  },
  // All of the current ones are read; a set is hashed, where each name would be compared with each of a list.
  namedNow: {
    name: 'rpc_series_named_now',
    text: named(
      'current AND coalesce(team_id, 0) = $1 AND (lower(script_name) IN (SELECT unnest($2::text[]))) IS TRUE',
    ),
  },
};

/** Runs of one instance with one content. */
export interface NamedSeries extends Reach {
  /** In lower case. */
  readonly scriptName: string;
  readonly instanceName: string;
  /** The script says the same now. */
  readonly current: boolean;
}

/** What bears one of some names. */
interface Named {
  readonly scripts: readonly { readonly name: string; readonly instances: readonly string[] }[];
  readonly series: readonly NamedSeries[];
}

type SeriesColumns = readonly [
  ids: number[] | null,
  scriptNames: string[],
  instanceNames: string[],
  current: boolean[],
  first: number[],
  last: number[],
];

/** What names and hosts in a method's params mean, and whether the caller may. */
@Injectable()
export class RpcScopeService {
  constructor(
    private readonly database: Database,
    private readonly hosts: HostsService,
    private readonly rights: HostRights,
    private readonly instances: InstancesRepository,
  ) {}

  /** @throws DomainError not_found (no such host, or none that the caller may read); conflict (its name); forbidden (a token that is limited to labels) */
  async reading(caller: Caller, host: string | null | undefined): Promise<RpcScope> {
    const teams = teamsWhere(caller, 'execution:read');
    if (host !== null && host !== undefined) return { host: await this.host(caller, host), teams };
    if (caller.scope?.labels)
      throw new DomainError(
        'forbidden',
        `the token "${caller.scope.token}" is limited to labels: it reads the history of one host at a time, with host`,
      );
    return { host: null, teams };
  }

  /** By hostname, uuid or id. @throws as `reading` */
  async host(caller: Caller, identifier: string): Promise<RpcHost> {
    const unknown = new DomainError('not_found', { name: 'host', reason: `no host "${identifier}"` });
    const found = await this.hosts.identify(identifier, caller).catch((error: unknown) => {
      if (error instanceof DomainError && error.code === 'conflict')
        throw new DomainError('conflict', { name: 'host', reason: error.message });
      throw error instanceof DomainError && ['forbidden', 'not_found'].includes(error.code) ? unknown : error;
    });
    if (!may(caller, 'execution:read', found.teamId)) throw unknown;
    const { id, hostname, online, teamId } = found;
    if ((await this.rights.refusals(caller, 'execution:read', [{ id, teamId }])).size > 0) throw unknown;
    return { id, hostname, online, teamId };
  }

  /** One instance by the names of its script and its own. @throws DomainError invalid_unknown, naming the param */
  async instance(
    caller: Caller,
    { script_name, instance_name, team_id }: InstanceParams,
  ): Promise<StoredInstance> {
    const teamId = team_id ?? 0;
    const scripts = may(caller, 'execution:read', teamId === 0 ? null : teamId)
      ? await this.scripts(teamId, script_name, 'script_name')
      : [];
    const [script] = scripts;
    if (!script) throw unknownName('script_name', `no script "${script_name}"`);
    const instance = await this.instances.find(script.id, instance_name);
    if (!instance)
      throw unknownName('instance_name', `the script "${script_name}" has no instance "${instance_name}"`);
    return instance;
  }

  /**
   * The series that a filter's instances mean, those of deleted scripts and instances among them.
   * @param outdated those too whose scripts have had other content since
   * @throws DomainError invalid_unknown: nothing bears the name, and nothing in the history does
   */
  async series(
    caller: Caller,
    wanted: WantedInstances,
    { teamId, outdated }: { readonly teamId: number; readonly outdated: boolean },
  ): Promise<NamedSeries[]> {
    if (wanted.length > 0 && !may(caller, 'execution:read', teamId === 0 ? null : teamId))
      throw unknownName('filter.instances[0].script_name', `no script "${wanted[0]?.script_name ?? ''}"`);
    const names = namesOf(wanted);
    // Mostly all names are known by what they say and what there is now; all contents of long ago need not be read for that.
    const whole = namesOf(wanted.filter(({ instance_names }) => !instance_names));
    const likely = outdated
      ? await this.named(
          SQL.namedSo,
          teamId,
          names,
          whole,
          wanted.flatMap((one) => one.instance_names ?? []),
        )
      : await this.named(SQL.namedNow, teamId, names);
    const known = meantIfKnown(wanted, likely);
    if (known !== null) return known;
    const meant = seriesMeant(wanted, await this.named(SQL.named, teamId, names));
    return outdated ? meant : meant.filter(({ current }) => current);
  }

  private async named(
    statement: Statement,
    teamId: number,
    ...names: readonly (readonly string[])[]
  ): Promise<Named> {
    const [row] = await this.database.query<{ scripts: Named['scripts']; series: SeriesColumns }>(statement, [
      teamId,
      ...names,
    ]);
    if (!row) return { scripts: [], series: [] };
    const [ids, scriptNames, instanceNames, current, first, last] = row.series;
    return {
      scripts: row.scripts,
      series: (ids ?? []).map((id, at) => ({
        id,
        scriptName: (scriptNames[at] ?? '').toLowerCase(),
        instanceName: instanceNames[at] ?? '',
        current: current[at] ?? false,
        first: first[at] ?? 0,
        last: last[at] ?? 0,
      })),
    };
  }

  /** At most one. @throws DomainError invalid_unknown: two scripts that only their extensions tell apart */
  private async scripts(
    teamId: number,
    name: string,
    field: string,
  ): Promise<{ id: number; name: string }[]> {
    const candidates = candidatesOf(name);
    const rows = await this.database.query<{ id: number; name: string }>(SQL.scripts, [teamId, candidates]);
    const script = theOne(rows, name, field);
    return script ? [script] : [];
  }
}

type WantedInstances = NonNullable<NonNullable<ExecutionsParams['filter']>['instances']>;

/** What scripts that these mean may be called. */
function namesOf(wanted: WantedInstances): string[] {
  return [...new Set(wanted.flatMap(({ script_name }) => candidatesOf(script_name)))];
}

/** The same; null when a name means nothing. */
function meantIfKnown(wanted: WantedInstances, named: Named): NamedSeries[] | null {
  try {
    return seriesMeant(wanted, named);
  } catch (error) {
    if (error instanceof DomainError) return null;
    throw error;
  }
}

/** @throws DomainError invalid_unknown: a name means nothing */
function seriesMeant(wanted: WantedInstances, { scripts, series: all }: Named): NamedSeries[] {
  const scriptsByName = new Map(scripts.map((one) => [one.name.toLowerCase(), one]));
  const seriesByName = new Map<string, NamedSeries[]>();
  for (const one of all) {
    const named = seriesByName.get(one.scriptName);
    if (named) named.push(one);
    else seriesByName.set(one.scriptName, [one]);
  }
  const found = new Map<number, NamedSeries>();
  for (const [index, { script_name, instance_names }] of wanted.entries()) {
    const at = `filter.instances[${index}]`;
    const candidates = candidatesOf(script_name);
    const called = candidates.flatMap((name) => scriptsByName.get(name) ?? []);
    const script = theOne(called, script_name, `${at}.script_name`);
    const names = script ? [script.name.toLowerCase()] : candidates;
    const series = names.flatMap((name) => seriesByName.get(name) ?? []);
    if (!script && series.length === 0) throw unknownName(`${at}.script_name`, `no script "${script_name}"`);
    for (const [place, name] of (instance_names ?? []).entries()) {
      if (!script?.instances.includes(name) && !series.some((one) => one.instanceName === name))
        throw unknownName(
          `${at}.instance_names[${place}]`,
          `the script "${script_name}" has no instance "${name}"`,
        );
    }
    const those = instance_names && new Set(instance_names);
    for (const one of series) if (!those || those.has(one.instanceName)) found.set(one.id, one);
  }
  return [...found.values()];
}

/** What a name means. @throws DomainError invalid_unknown: two scripts that only their extensions tell apart */
function theOne<Named extends { readonly name: string }>(
  scripts: readonly Named[],
  name: string,
  field: string,
): Named | null {
  const meant = meantBy(name, scripts);
  if (meant.length < 2) return meant[0] ?? null;
  const names = meant.map((one) => `"${one.name}"`).sort();
  throw unknownName(field, `there are ${names.join(' and ')}: say which`);
}

function unknownName(name: string, reason: string): DomainError {
  return new DomainError('invalid_unknown', { name, reason });
}
