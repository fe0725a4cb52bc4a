import { type MusterApi } from '../api/muster-api.js';
import { type SpecsApi } from '../api/specs-api.js';
import { CliError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { type Column } from '../terminal/table.js';
import { type Fields, identity, isFields } from './document.js';
import {
  configSpec,
  labelSpec,
  maps,
  packSpec,
  policySpec,
  querySpec,
  rolesSpec,
  secretsSpec,
  teamSpec,
} from './printed-specs.js';
import { type PrintedDocument } from './write-documents.js';

/** One object: its row of the table, and what can be applied again. */
export interface Item {
  readonly name: string;
  readonly row: readonly string[];
  /** Absent: it can be looked at only. */
  readonly document?: PrintedDocument;
}

export interface Listing {
  readonly columns: readonly Column[];
  readonly items: readonly Item[];
  /** All of them in one document: instead of those of the items. */
  readonly document?: (items: readonly Item[]) => PrintedDocument;
}

export interface ListingOptions {
  /** A team's name. */
  readonly team?: string;
  /** Only this one is wanted: the server may be asked for it alone. */
  readonly name?: string;
}

export const NO_TEAM = 'No team';

/** What people call one of a kind, and how all of it is read. */
export const LISTINGS: Readonly<
  Record<
    string,
    { readonly one: string; read: (api: MusterApi, options: ListingOptions) => Promise<Listing> }
  >
> = {
  queries: { one: 'query', read: ({ specs }, options) => queries(specs, options) },
  labels: { one: 'label', read: ({ specs }, options) => labels(specs, options) },
  packs: { one: 'pack', read: ({ specs }) => packs(specs) },
  policies: { one: 'policy', read: ({ specs }, options) => policies(specs, options) },
  script_instances: { one: 'script_instance', read: ({ specs }, options) => instances(specs, options) },
  teams: { one: 'team', read: ({ specs }) => teams(specs) },
  enroll_secrets: { one: 'enroll_secret', read: ({ specs }) => enrollSecrets(specs) },
  config: { one: 'config', read: ({ specs }) => config(specs) },
  user_roles: { one: 'user', read: ({ specs }) => userRoles(specs) },
  hosts: { one: 'host', read: hosts },
};

async function queries(api: SpecsApi, { team }: ListingOptions): Promise<Listing> {
  const found = await ofTeams(api, team, [{ name: '' }], (teamId) => api.queries(teamId));
  return {
    columns: columnsOf('NAME:16 TEAM:8 INTERVAL PLATFORM:8 QUERY:20'),
    items: found.map(({ raw, team: name }) => ({
      name: text(raw, 'name'),
      row: [text(raw, 'name'), name, text(raw, 'interval'), text(raw, 'platform'), text(raw, 'query')],
      document: { kind: 'query', spec: querySpec(raw, name) },
    })),
  };
}

async function instances(api: SpecsApi, { team }: ListingOptions): Promise<Listing> {
  const found = await ofTeams(api, team, [{ name: '' }], (teamId) => api.scriptInstances(teamId));
  return {
    columns: columnsOf('NAME:16 TEAM:8 ENABLED START:12 STOP:12'),
    items: found.map(({ raw }) => ({
      name: `${text(raw, 'script')}/${text(raw, 'name')}`,
      row: [
        `${text(raw, 'script')}/${text(raw, 'name')}`,
        text(raw, 'team'),
        raw['enabled'] === true ? 'yes' : 'no',
        triggerText(raw['start_trigger']),
        triggerText(raw['stop_trigger']),
      ],
      document: { kind: 'script_instance', spec: raw },
    })),
  };
}

function triggerText(trigger: unknown): string {
  return isFields(trigger) ? [text(trigger, 'type'), text(trigger, 'setting')].filter(Boolean).join(' ') : '';
}

async function policies(api: SpecsApi, { team }: ListingOptions): Promise<Listing> {
  const all = [{ name: '' }, { name: NO_TEAM, id: 0 }];
  const found = await ofTeams(api, team, all, (teamId) => api.policies(teamId));
  return {
    columns: columnsOf('NAME:16 TEAM:8 PASSING FAILING PLATFORM:8 QUERY:16'),
    items: found.map(({ raw, team: name }) => ({
      name: text(raw, 'name'),
      row: [
        text(raw, 'name'),
        name,
        ...['passing_host_count', 'failing_host_count', 'platform', 'query'].map((key) => text(raw, key)),
      ],
      document: { kind: 'policy', spec: policySpec(raw, name) },
    })),
  };
}

async function labels(api: SpecsApi, { name }: ListingOptions): Promise<Listing> {
  const found = await api.specs('labels');
  return {
    columns: columnsOf('NAME:16 TYPE MEMBERS PLATFORM:8 QUERY:20'),
    items: found.map((raw) => {
      const builtin = raw['label_type'] === 'builtin';
      const type = builtin ? 'builtin' : 'regular';
      return {
        name: text(raw, 'name'),
        row: [
          text(raw, 'name'),
          type,
          text(raw, 'label_membership_type'),
          text(raw, 'platform'),
          text(raw, 'query'),
        ],
        // Every server has the built-in ones, and none lets them be changed.
        ...((!builtin || name !== undefined) && { document: { kind: 'label', spec: labelSpec(raw) } }),
      };
    }),
  };
}

async function packs(api: SpecsApi): Promise<Listing> {
  const found = await api.specs('packs');
  return {
    columns: columnsOf('NAME:16 DISABLED PLATFORM:8 QUERIES TARGETS:20'),
    items: found.map((raw) => {
      const targets = isFields(raw['targets']) ? raw['targets'] : {};
      const names = [targets['labels'], targets['teams']].flatMap((each) =>
        Array.isArray(each) ? (each as unknown[]) : [],
      );
      return {
        name: text(raw, 'name'),
        row: [
          text(raw, 'name'),
          raw['disabled'] === true ? 'yes' : 'no',
          text(raw, 'platform'),
          String(maps(raw['queries']).length),
          names.join(', '),
        ],
        document: { kind: 'pack', spec: packSpec(raw) },
      };
    }),
  };
}

async function teams(api: SpecsApi): Promise<Listing> {
  const found = await api.teams();
  return {
    columns: columnsOf('ID NAME:16 HOSTS USERS DESCRIPTION:20'),
    items: found.map(({ id, name, raw }) => ({
      name,
      row: [String(id), name, ...['host_count', 'user_count', 'description'].map((key) => text(raw, key))],
      document: { kind: 'team', spec: teamSpec(raw) },
    })),
  };
}

async function enrollSecrets(api: SpecsApi): Promise<Listing> {
  const found = await api.enrollSecrets();
  return {
    columns: columnsOf('SECRET CREATED:10'),
    items: found.map((raw) => ({
      name: text(raw, 'secret'),
      // A table is for looking at, maybe by several; --yaml and --json have the whole.
      row: [`${text(raw, 'secret').slice(0, 4)}…`, text(raw, 'created_at')],
    })),
    document: () => ({ kind: 'enroll_secret', spec: secretsSpec(found) }),
  };
}

async function config(api: SpecsApi): Promise<Listing> {
  const found = await api.config();
  return {
    columns: columnsOf('SETTING VALUE:20'),
    items: leaves(found).map(([name, value]) => ({ name, row: [name, value] })),
    document: () => ({ kind: 'config', spec: configSpec(found) }),
  };
}

async function userRoles(api: SpecsApi): Promise<Listing> {
  const found = await api.users();
  const bearers = found.filter((user) => user['global_role'] || maps(user['teams']).length > 0);
  return {
    columns: columnsOf('EMAIL:16 GLOBAL TEAMS:20'),
    items: found.map((user) => ({
      name: text(user, 'email'),
      row: [
        text(user, 'email'),
        text(user, 'global_role'),
        maps(user['teams'])
          .map((team) => `${text(team, 'name')}: ${text(team, 'role')}`)
          .join(', '),
      ],
    })),
    document: (items) => ({
      kind: 'user_roles',
      spec: rolesSpec(bearers.filter((user) => items.some(({ name }) => name === user['email']))),
    }),
  };
}

async function hosts(api: MusterApi, { team, name }: ListingOptions): Promise<Listing> {
  const teamId = team === undefined ? undefined : await teamIdOf(api.specs, team);
  const found =
    name === undefined ? await api.hosts(teamId === undefined ? {} : { teamId }) : [await api.host(name)];
  return {
    columns: columnsOf('ID HOSTNAME:12 STATUS TEAM:4 OS:8 IP:15'),
    items: found.map((host) => ({
      name: name ?? host.hostname,
      row: [String(host.id), host.hostname, host.status, host.team, host.os, host.ip],
      document: { kind: 'host', spec: host.raw },
    })),
  };
}

interface OfTeam {
  readonly team: string;
  readonly raw: Fields;
}

/**
 * What belongs to one team, or to all of them and to `others`.
 * @param others what is not a team but is asked for like one; without an id: what belongs to none
 */
async function ofTeams(
  api: SpecsApi,
  team: string | undefined,
  others: readonly { readonly name: string; readonly id?: number }[],
  read: (teamId: number | undefined) => Promise<Fields[]>,
): Promise<OfTeam[]> {
  const known = await api.teams();
  const wanted = team === undefined ? [...others, ...known] : [...others, ...known].filter(isNamed(team));
  if (wanted.length === 0) throw new CliError(`there is no team "${team}"`);
  const found: OfTeam[] = [];
  for (const { name, id } of wanted) {
    try {
      found.push(...(await read(id)).map((raw) => ({ team: name, raw })));
    } catch (error) {
      // Who has roles on teams only may see less: that is all there is for them.
      if (team !== undefined || !(error instanceof ApiError) || error.status !== 403) throw error;
    }
  }
  return found;
}

async function teamIdOf(api: SpecsApi, team: string): Promise<number> {
  if (['none', identity(NO_TEAM)].includes(identity(team))) return 0;
  const found = (await api.teams()).find(isNamed(team));
  if (!found) throw new CliError(`there is no team "${team}"`);
  return found.id;
}

function isNamed(name: string): (each: { readonly name: string }) => boolean {
  return (each) => each.name !== '' && identity(each.name) === identity(name);
}

/** `NAME:16 ID`: a title may become as narrow as its number says. */
function columnsOf(titles: string): Column[] {
  return titles.split(' ').map((each) => {
    const [title = '', least] = each.split(':');
    return { title, ...(least !== undefined && { least: Number(least) }) };
  });
}

function text(from: Fields, key: string): string {
  const value = from[key];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : '';
}

/** `server_settings.server_url` and its value, of all settings. */
function leaves(from: Fields, path = ''): [string, string][] {
  return Object.entries(from).flatMap(([key, value]): [string, string][] =>
    isFields(value) && Object.keys(value).length > 0
      ? leaves(value, `${path}${key}.`)
      : [[`${path}${key}`, typeof value === 'string' ? value : JSON.stringify(value)]],
  );
}
