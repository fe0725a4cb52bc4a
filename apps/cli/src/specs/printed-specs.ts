import { type Fields, isFields } from './document.js';

/*
 * What the server tells about an object, as the spec that makes the same object: without ids, times, counts and whatever else
 * cannot be applied.
 */

const QUERY_KEYS = [
  'name',
  'description',
  'query',
  'interval',
  'observer_can_run',
  'platform',
  'min_osquery_version',
  'automations_enabled',
  'logging',
  'discard_data',
];
const POLICY_KEYS = ['name', 'description', 'query', 'resolution', 'platform', 'critical'];
const PACK_KEYS = ['name', 'description', 'platform', 'disabled', 'targets', 'queries'];
const LABEL_KEYS = [
  'name',
  'description',
  'query',
  'platform',
  'label_type',
  'label_membership_type',
  'hosts',
];
/** Settings that can be changed. */
const CONFIG_KEYS = {
  org_info: ['org_name', 'org_logo_url'],
  server_settings: ['server_url', 'scripts_disabled', 'live_query_disabled'],
};
/** Settings that are empty until they are given, and cannot be made so again. */
const NEVER_EMPTY = ['org_name', 'server_url'];

/** @param team its name; empty: for all hosts */
export function querySpec(query: Fields, team: string): Fields {
  return { ...pick(query, QUERY_KEYS), team, ...labels(query, 'labels_include_any') };
}

/** @param team its name; empty: for all hosts */
export function policySpec(policy: Fields, team: string): Fields {
  return {
    ...pick(policy, POLICY_KEYS),
    team,
    ...labels(policy, 'labels_include_any'),
    ...labels(policy, 'labels_exclude_any'),
  };
}

export function packSpec(pack: Fields): Fields {
  return pick(pack, PACK_KEYS);
}

export function labelSpec(label: Fields): Fields {
  return pick(label, LABEL_KEYS);
}

/** Without the secrets: what is not there stays as it is when it is applied. */
export function teamSpec(team: Fields): Fields {
  return { team: { name: team['name'], agent_options: team['agent_options'] ?? null } };
}

export function configSpec(config: Fields): Fields {
  const sections = Object.entries(CONFIG_KEYS).map(([section, keys]) => {
    const settings = isFields(config[section]) ? config[section] : {};
    const given = keys.filter((key) => !(NEVER_EMPTY.includes(key) && settings[key] === ''));
    return [section, pick(settings, given)] as const;
  });
  return Object.fromEntries(sections);
}

export function secretsSpec(secrets: readonly Fields[]): Fields {
  return { secrets: secrets.map(({ secret, created_at }) => ({ secret, created_at })) };
}

/** Of users with a role: without one, nothing could be applied. */
export function rolesSpec(users: readonly Fields[]): Fields {
  const roles = users.map(({ email, global_role, teams }) => [
    String(email),
    { global_role: global_role ?? null, teams: maps(teams).map(({ name, role }) => ({ team: name, role })) },
  ]);
  return { roles: Object.fromEntries(roles) as Fields };
}

export function maps(value: unknown): Fields[] {
  return (Array.isArray(value) ? (value as unknown[]) : []).filter(isFields);
}

/** What is absent, or null, is left out. */
function pick(from: Fields, keys: readonly string[]): Fields {
  return Object.fromEntries(
    keys.flatMap((key) => (from[key] === undefined || from[key] === null ? [] : [[key, from[key]]])),
  );
}

/** By their names, where there are any. */
function labels(from: Fields, key: string): Fields {
  const value = from[key];
  if (!Array.isArray(value) || value.length === 0) return {};
  return { [key]: (value as unknown[]).map((label) => (isFields(label) ? label['name'] : label)) };
}
