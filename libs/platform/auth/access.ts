/** Fleet's five roles; a user holds one of them globally, or one per team. */
export const ROLES = ['admin', 'maintainer', 'observer', 'observer_plus', 'gitops'] as const;
export type GlobalRole = (typeof ROLES)[number];

const everyone: readonly GlobalRole[] = ROLES;
const readers: readonly GlobalRole[] = ['admin', 'maintainer', 'observer', 'observer_plus'];
const operators: readonly GlobalRole[] = ['admin', 'maintainer'];

/**
 * Who may do what: the one table. Rows follow the matrix of Fleet's contract (`reference/fleet.md`, 2.5) and,
 * outside Fleet's routes, the table of rights in the interface document.
 */
export const ACTS = {
  /** `/me`, `/version`, `/logout`, own sessions. */
  'self:use': everyone,
  'config:read': everyone,
  /** Other users' login sessions. */
  'session:manage': ['admin'],
  'host:list': readers,
  'host:identify': everyone,
  'script:run': operators,
  'script_result:read': readers,
  'execution:read': readers,
  'execution:cancel': operators,
} as const satisfies Record<string, readonly GlobalRole[]>;
export type Act = keyof typeof ACTS;

/** May a holder of this global role do that? */
export function roleAllows(role: GlobalRole | null, act: Act): boolean {
  return role !== null && (ACTS[act] as readonly GlobalRole[]).includes(role);
}
