/** What can be asked for, as policies tell it apart. */
export const POLICY_KINDS = ['script', 'command', 'shell', 'exec_session', 'instance'] as const;
export type PolicyKind = (typeof POLICY_KINDS)[number];

/** Holds when everything in it does; what is absent is not asked. */
export interface PolicyCondition {
  readonly kinds?: readonly PolicyKind[];
  /** More hosts than this would run it. */
  readonly more_than_hosts?: number;
  /** One of the hosts is in one of these: agents' labels as `key:value` (a value reaches all under it), others by name. */
  readonly labels?: readonly string[];
  /** True: it runs as root, or as whoever the agent runs as. False: as somebody else. */
  readonly run_as_root?: boolean;
}

/** A request, as far as policies look at it. */
export interface PolicySubject {
  readonly kind: PolicyKind;
  /** The account that it asks to run as; undefined: the agent's. */
  readonly user?: string | undefined;
  /** The hosts that would run it, or may come to. */
  readonly hostIds: readonly number[];
  /** On how many of them it would run. */
  readonly hostCount: number;
}

/** Whether the condition can hold, before anything is known of the hosts but their number. */
export function mayHold(condition: PolicyCondition, { kind, user, hostCount }: PolicySubject): boolean {
  const { kinds, more_than_hosts: most, run_as_root: root } = condition;
  return (
    (kinds === undefined || kinds.includes(kind)) &&
    (most === undefined || hostCount > most) &&
    (root === undefined || root === isRoot(user))
  );
}

/** An agent's own account counts as root: as a rule it is, and who is not sure asks. */
function isRoot(user: string | undefined): boolean {
  return user === undefined || user === '' || user === 'root' || /^0+$/.test(user);
}
