import { type NamedChange, type SpecChange, type SpecsApi, type SpecSet } from '../api/specs-api.js';
import { CliError } from '../errors.js';
import {
  DocumentError,
  type Fields,
  identity,
  isFields,
  isListed,
  keyOf,
  type Kind,
  KINDS,
  LISTS,
  type SpecDocument,
  withPlace,
} from './document.js';

/** A document, and what applying it would do. */
export interface Change extends SpecDocument, SpecChange {}

/**
 * What applying the documents would do, in the order in which they are applied; nothing is changed. Of the server's kinds the server says
 * it, having checked them; settings and roles are compared here.
 * @throws CliError telling what the server would refuse; DocumentError where roles are for an e-mail that nobody has
 */
export async function planOf(
  api: SpecsApi,
  documents: readonly SpecDocument[],
  force: boolean,
): Promise<Change[]> {
  const ordered = KINDS.flatMap((kind) => documents.filter((document) => document.kind === kind));
  const told = new Map((await diff(api, ordered, force)).map((change) => [keyOf(change), change]));
  const has = (kind: Kind): boolean => ordered.some((each) => each.kind === kind);
  const config = has('config') ? await api.config() : {};
  const users = has('user_roles') ? rolesByEmail(await api.users()) : new Map<string, Roles>();
  return ordered.map((document) => {
    const change =
      document.kind === 'config'
        ? changeOf(differences(document.spec, config))
        : document.kind === 'user_roles'
          ? changeOf(roleDifferences(document, users))
          : told.get(keyOf(document));
    return { ...document, change: change?.change ?? 'changed', fields: change?.fields ?? [] };
  });
}

async function diff(
  api: SpecsApi,
  documents: readonly SpecDocument[],
  force: boolean,
): Promise<NamedChange[]> {
  const of = (kind: Kind): SpecDocument[] => documents.filter((each) => each.kind === kind);
  const lists = KINDS.filter(isListed).flatMap((kind) => {
    const specs = of(kind).map(({ spec }) => spec);
    return specs.length === 0 ? [] : [[LISTS[kind], specs] as const];
  });
  const [secret] = of('enroll_secret');
  const set: SpecSet = { ...Object.fromEntries(lists), ...(secret && { enroll_secret: secret.spec }) };
  if (Object.keys(set).length === 0) return [];
  try {
    return await api.diff(set, force);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const message = KINDS.filter(isListed).reduce(
      (text, kind) => withPlace(text, LISTS[kind], of(kind)),
      error.message,
    );
    throw new CliError(`${message}; nothing was changed`, error.exitCode);
  }
}

function changeOf(fields: readonly string[]): SpecChange {
  return { change: fields.length === 0 ? 'unchanged' : 'changed', fields };
}

/** Paths of the values that are not the same: `server_settings.server_url`. */
export function differences(wanted: Fields, present: Fields, path = ''): string[] {
  return Object.entries(wanted).flatMap(([key, value]) => {
    const now = present[key];
    if (isFields(value) && isFields(now)) return differences(value, now, `${path}${key}.`);
    return same(value, now) ? [] : [`${path}${key}`];
  });
}

/** Whatever the order of keys is. */
function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one, sorted) === JSON.stringify(other, sorted);
}

function sorted(_key: string, value: unknown): unknown {
  if (!isFields(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

interface Roles {
  readonly globalRole: string | null;
  /** `team: role`, sorted. */
  readonly teams: readonly string[];
}

function rolesByEmail(users: readonly Fields[]): Map<string, Roles> {
  return new Map(users.map((user) => [identity(String(user['email'])), rolesOf(user, 'name')]));
}

function roleDifferences({ name, spec, place }: SpecDocument, users: ReadonlyMap<string, Roles>): string[] {
  const now = users.get(identity(name));
  if (!now) throw new DocumentError(place, `no user has the e-mail ${name}`);
  const wanted = rolesOf(spec, 'team');
  return [
    ...(wanted.globalRole === now.globalRole ? [] : ['global_role']),
    ...(same(wanted.teams, now.teams) ? [] : ['teams']),
  ];
}

function rolesOf(from: Fields, teamKey: string): Roles {
  const { global_role: globalRole, teams } = from;
  const each = (Array.isArray(teams) ? (teams as unknown[]) : []).filter(isFields);
  return {
    globalRole: typeof globalRole === 'string' ? globalRole : null,
    teams: each.map((team) => `${identity(String(team[teamKey]))}: ${String(team['role'])}`).sort(),
  };
}
