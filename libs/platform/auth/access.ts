/** Fleet's five roles; a user holds one of them globally, or one per team, never both. */
export const ROLES = ['admin', 'maintainer', 'observer', 'observer_plus', 'gitops'] as const;
export type Role = (typeof ROLES)[number];

/** Who may do something. */
interface Rule {
  /** Holders of one of these roles globally: on everything. */
  readonly global: readonly Role[];
  /** Holders of one of these roles on the team that the object belongs to; what belongs to no team is not theirs. */
  readonly team: readonly Role[];
  /** One of the team roles on whatever team is enough: the object belongs to everybody. */
  readonly anyTeam?: true;
  /** Holders of one of these roles on whatever team: on what belongs to no team. They are among those of `team`. */
  readonly noTeam?: readonly Role[];
}

const everyone: Rule = { global: ROLES, team: ROLES, anyTeam: true };
const readers: Rule = {
  global: ['admin', 'maintainer', 'observer', 'observer_plus'],
  team: ['admin', 'maintainer', 'observer', 'observer_plus'],
};
const operators: Rule = { global: ['admin', 'maintainer'], team: ['admin', 'maintainer'] };
const globalAdmin: Rule = { global: ['admin'], team: [] };

/**
 * Who may do what: the one table. Rows follow the matrix of Fleet's contract (`reference/fleet.md`, 2.5) and,
 * outside Fleet's routes, the table of rights in the interface document. The names are also the rights of API tokens.
 */
export const ACTS = {
  /** `/me`, `/version`, `/logout`, own sessions, own API tokens. */
  'self:use': everyone,
  'config:read': everyone,
  'config:write': { global: ['admin', 'gitops'], team: [] },
  /** Other users' login sessions and API tokens. */
  'session:manage': globalAdmin,
  /** Users of a team: its admins; all others, and global roles: global admins. */
  'user:manage': { global: ['admin'], team: ['admin'] },
  'user:roles': globalAdmin,
  'team:read': { global: ROLES, team: ROLES },
  'team:create': { global: ['admin', 'gitops'], team: [] },
  'team:write': { global: ['admin', 'gitops'], team: ['admin', 'gitops'] },
  'team:delete': globalAdmin,
  'host:list': readers,
  'host:identify': { global: ROLES, team: ROLES },
  'host:transfer': operators,
  'host:delete': operators,
  /** That a machine may enroll again as its host, without the host's key. */
  'host:reenroll': operators,
  'script:write': { global: ['admin', 'maintainer', 'gitops'], team: ['admin', 'maintainer', 'gitops'] },
  'script:read': readers,
  'script:execute': operators,
  'script_result:read': readers,
  /** A host's activities; the whole record is `audit:read`. */
  'activity:read': readers,
  'activity:cancel': operators,
  'audit:read': { global: readers.global, team: [] },
  /** The whole record with its seals: to verify it, and to take it away. */
  'audit:verify': globalAdmin,
  /** New SQL: any team's role will do; which hosts it reaches is asked apart. */
  'live_query:run_new': {
    global: ['admin', 'maintainer', 'observer_plus'],
    team: ['admin', 'maintainer', 'observer_plus'],
  },
  /** A saved query that observers may not run. */
  'live_query:run_saved': {
    global: ['admin', 'maintainer', 'observer_plus'],
    team: ['admin', 'maintainer', 'observer_plus'],
  },
  /** A saved query that observers may run; results of one's own campaigns. */
  'live_query:run': readers,
  /** Campaigns of others too. */
  'live_query:manage': globalAdmin,
  'label:read': everyone,
  'label:write': {
    global: ['admin', 'maintainer', 'gitops'],
    team: ['admin', 'maintainer'],
    anyTeam: true,
  },
  /** Saved queries; those of no team are there for everybody who works with queries. */
  'query:read': { global: ROLES, team: ROLES, noTeam: readers.team },
  'query:write': { global: ['admin', 'maintainer', 'gitops'], team: ['admin', 'maintainer', 'gitops'] },
  'pack:read': { global: ['admin', 'maintainer', 'gitops'], team: [] },
  'pack:write': { global: ['admin', 'maintainer', 'gitops'], team: [] },
  /** Policies; those for hosts of all teams are there for everybody. */
  'policy:read': { global: ROLES, team: ROLES, noTeam: ROLES },
  'policy:write': { global: ['admin', 'maintainer', 'gitops'], team: ['admin', 'maintainer', 'gitops'] },
  /** Secrets with which hosts enroll into no team. */
  'enroll_secret:read': { global: ['admin', 'maintainer'], team: [] },
  'enroll_secret:write': { global: ['admin', 'maintainer', 'gitops'], team: [] },
  /** What applying specs would do; of which kinds is asked apart. */
  'spec:diff': everyone,
  'execution:read': readers,
  'execution:cancel': operators,
  /** A program with its arguments; a line for a shell is a right of its own. */
  'command:execute': operators,
  'shell:execute': operators,
  /** What ran as a job is read by whom executions are; running it again asks for the right to what it runs, too. */
  'job:read': readers,
  'job:write': operators,
  'agent:read': readers,
  /** Whether a host is given anything new to run. */
  'agent:drain': { global: ['admin'], team: ['admin'] },
  /** Goes on with a rollout that was halted. */
  'execution:resume': operators,
  /** Connections and guard rails; whoever may run something through a connection may read what it is. */
  'connection:read': operators,
  'connection:write': { global: ['admin'], team: ['admin'] },
  /** Exec sessions: to start one through a connection, to read what was run and what came of it, to end another's. */
  'session:execute': operators,
  'session:read': readers,
  'session:kill': operators,
  /** Whoever is among the reviewers, whatever their role; which reviews those are is asked apart. */
  'review:decide': everyone,
  /** Reviews of one's own requests, and those where one is among the reviewers. */
  'review:read': everyone,
  /** What has to be approved before it runs; policies for hosts of all teams are there for everybody who can look at what waits. */
  'approval_policy:read': { ...readers, noTeam: readers.team },
  'approval_policy:write': { global: ['admin'], team: ['admin'] },
} as const satisfies Record<string, Rule>;
export type Act = keyof typeof ACTS;
export const ACT_NAMES = Object.keys(ACTS) as Act[];

/** May a holder of this global role do that? */
export function roleAllows(role: Role | null, act: Act): boolean {
  return role !== null && ACTS[act].global.some((allowed) => allowed === role);
}

/** May a holder of this role on a team do that with what belongs to the team? */
export function teamRoleAllows(role: Role | undefined, act: Act): boolean {
  return role !== undefined && ACTS[act].team.some((allowed) => allowed === role);
}

/** May a holder of this role on some team do that with what belongs to no team? */
export function teamRoleAllowsGlobally(role: Role, act: Act): boolean {
  return ((ACTS[act] as Rule).noTeam ?? []).includes(role);
}

/** Whether a team role counts on whatever team it is held. */
export function reachesAnyTeam(act: Act): boolean {
  return (ACTS[act] as Rule).anyTeam === true;
}
