/**
 * ```
 * waiting_approval → ready → queued → dispatched → running ──────────────→ finished
 *    │                 │       │          │           ├→ terminating → timed_out | killed
 *    └→ denied         │       │          │           └→ lost
 *                      └───────┴──────────┴→ expired | cancelled   (dispatched: only on the agent's word)
 *                                         └→ failed_to_start
 * ```
 * Back from `queued` to `ready` goes what a halted rollout holds back.
 * A fast run goes from `dispatched` to its end in one step; a lease that ends turns whatever is in flight into `lost`.
 */
export const TARGET_STATES = [
  'waiting_approval',
  'ready',
  'queued',
  'dispatched',
  'running',
  'terminating',
  'finished',
  'timed_out',
  'killed',
  'failed_to_start',
  'lost',
  'expired',
  'cancelled',
  'denied',
] as const;
export type TargetState = (typeof TARGET_STATES)[number];

export const FINAL_STATES = [
  'finished',
  'timed_out',
  'killed',
  'failed_to_start',
  'lost',
  'expired',
  'cancelled',
  'denied',
] as const;
export type FinalState = (typeof FINAL_STATES)[number];

/** Sent to an agent, or about to be; the row is bound to one attempt. */
export const IN_FLIGHT_STATES = ['dispatched', 'running', 'terminating'] as const;

/** Nothing has left the server yet: these end by the server's word alone. */
export const UNSENT_STATES = ['waiting_approval', 'ready', 'queued'] as const;

/**
 * How a target comes to be; `dispatched` when its host is free at that very moment, `failed_to_start` when its host cannot run
 * this, `denied` when the caller may not run it there, but on others.
 */
export const FIRST_STATES: readonly TargetState[] = [
  'waiting_approval',
  'ready',
  'queued',
  'dispatched',
  'failed_to_start',
  'denied',
];

/** From → to. Everything not named here is forbidden; `finalState` ends have no way out. */
export const TRANSITIONS: Readonly<Record<TargetState, readonly TargetState[]>> = {
  waiting_approval: ['ready', 'queued', 'denied', 'expired', 'cancelled'],
  ready: ['queued', 'expired', 'cancelled'],
  queued: ['ready', 'dispatched', 'expired', 'cancelled'],
  dispatched: [
    'running',
    'terminating',
    'finished',
    'timed_out',
    'killed',
    'failed_to_start',
    'lost',
    'expired',
    'cancelled',
  ],
  running: ['terminating', 'finished', 'timed_out', 'killed', 'failed_to_start', 'lost'],
  terminating: ['finished', 'timed_out', 'killed', 'failed_to_start', 'lost', 'expired', 'cancelled'],
  finished: [],
  timed_out: [],
  killed: [],
  failed_to_start: [],
  lost: [],
  expired: [],
  cancelled: [],
  denied: [],
};

const final: ReadonlySet<string> = new Set(FINAL_STATES);

/** True when nothing will change about the target any more. */
export function isFinal(state: TargetState): state is FinalState {
  return final.has(state);
}

/** `'a','b'` for SQL texts built from the lists above; never from input. */
export function sqlList(states: readonly TargetState[]): string {
  return states.map((s) => `'${s}'`).join(',');
}
