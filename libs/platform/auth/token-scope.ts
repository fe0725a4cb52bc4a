import { type Act, reachesAnyTeam } from './access.js';

/** What an API token is limited to beyond its rights; each null: not limited in this. An empty list allows nothing. */
export interface TokenLimits {
  /** Ids of teams: it reaches their hosts and what else belongs to them, and nothing of no team. */
  readonly teams: readonly number[] | null;
  /** Hosts in one of these: agents' own labels as `key:value` (a value reaches all under it: `web` also `web.dev`), others by name. */
  readonly labels: readonly string[] | null;
  /** What may be run: see `allowed-commands.ts`. */
  readonly commands: readonly string[] | null;
}

/** The limits of the token in use. */
export interface TokenScope extends TokenLimits {
  /** The token's name, for words of refusal. */
  readonly token: string;
}

/** About no host: every token may. */
const OPEN: ReadonlySet<Act> = new Set(['self:use', 'config:read', 'label:read']);

/** Every route of these asks `HostRights` about every host that it touches: they keep each kind of limit. */
const HOST_BY_HOST: ReadonlySet<Act> = new Set([
  'command:execute',
  'shell:execute',
  'script:execute',
  'execution:read',
  'execution:cancel',
  'agent:read',
  'agent:drain',
]);

/** No way around a list of commands: reading, and running a job again, for which its command is asked for anew. */
const NO_NEW_COMMAND: ReadonlySet<Act> = new Set([
  'job:read',
  'job:write',
  'host:list',
  'host:identify',
  'script_result:read',
  'activity:read',
  'team:read',
]);

/**
 * Whether a token with these limits is let in to an act at all. The rule, in one place:
 * - limited to teams: everything that belongs to one of them, as far as its owner and its rights go; what belongs to no team, or to
 *   everybody, is out of reach; so are live queries, whose results are their owner's whatever team their hosts are in;
 * - limited to labels: only acts that ask about each host;
 * - limited to commands: the same, and what runs nothing new; scripts are on no list (`HostRights` refuses them).
 */
export function scopeAdmits(scope: TokenScope | null, act: Act): boolean {
  if (scope === null || OPEN.has(act)) return true;
  if (scope.labels !== null) return HOST_BY_HOST.has(act);
  if (scope.commands !== null) return HOST_BY_HOST.has(act) || NO_NEW_COMMAND.has(act);
  return !act.startsWith('live_query:') && !reachesAnyTeam(act);
}

/** Whether what belongs to this team (null: to none) lies within the limits; the act is admitted. */
export function scopeReaches(scope: TokenScope | null, act: Act, teamId: number | null): boolean {
  if (scope === null || scope.teams === null || OPEN.has(act)) return true;
  return teamId !== null && scope.teams.includes(teamId);
}

/** An agent's own label, as `--label` takes them; anything else names one of the server's labels. */
const AGENT_LABEL = /^([A-Za-z0-9_-]{1,64}):([A-Za-z0-9_.-]{1,256})$/;

/** null: it names one of the server's labels. */
export function agentLabel(label: string): { key: string; value: string } | null {
  const [, key, value] = AGENT_LABEL.exec(label) ?? [];
  return key === undefined || value === undefined ? null : { key, value };
}

/** Whether every host in `label` is in one of `limits` for certain: it is one of them, or an agents' label under one. */
export function labelWithin(label: string, limits: readonly string[]): boolean {
  return limits.some(
    (limit) => label === limit || (agentLabel(limit) !== null && label.startsWith(`${limit}.`)),
  );
}
