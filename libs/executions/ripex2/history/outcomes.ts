/*
 * What became of a run, as the one number that the history's indexes are walked by: the same as PostgreSQL's `instance_outcome`
 * (migration 1790910000000).
 */

export const RUN_STATES = ['running', 'terminating', 'finished', 'killed'] as const;
export type RunState = (typeof RUN_STATES)[number];

const RUNNING = -101;
const TERMINATING = -102;
/** Ended, and nobody knows how. */
const UNKNOWN = -103;
/** Between these are signals: -9 is a run that ended by signal 9. */
const LEAST_SIGNAL = -100;
/** Of a run that was killed and exited by itself meanwhile, before its exit code. */
const KILLED = 1_073_741_824;
/** Before an exit code below zero. */
const BELOW_ZERO = -1_000;

/** @returns exitCode null while it runs, and when nobody knows */
export function toOutcome(outcome: number): { state: RunState; exitCode: number | null } {
  if (outcome === RUNNING) return { state: 'running', exitCode: null };
  if (outcome === TERMINATING) return { state: 'terminating', exitCode: null };
  if (outcome === UNKNOWN) return { state: 'killed', exitCode: null };
  if (outcome >= KILLED) return { state: 'killed', exitCode: outcome - KILLED };
  if (outcome >= 0) return { state: 'finished', exitCode: outcome };
  if (outcome >= LEAST_SIGNAL) return { state: 'killed', exitCode: outcome };
  return { state: 'finished', exitCode: outcome - BELOW_ZERO };
}

/** Which outcomes are looked for. */
export type WantedOutcomes =
  | { readonly kind: 'all' }
  /** These, and, with `killed`, all with which a run was killed. */
  | { readonly kind: 'these'; readonly outcomes: readonly number[]; readonly killed: boolean }
  /** All but those of these states, of which `finished` is none: most runs, as a rule. */
  | { readonly kind: 'without'; readonly states: readonly RunState[] };

/**
 * @param exitCodes null: any, and none
 * @param states null: any
 */
export function wantedOutcomes(
  exitCodes: readonly number[] | null,
  states: readonly RunState[] | null,
): WantedOutcomes {
  if (exitCodes !== null) {
    const among = (outcome: number): boolean => states === null || states.includes(toOutcome(outcome).state);
    return {
      kind: 'these',
      outcomes: [...new Set(exitCodes.flatMap(outcomesOf))].filter(among),
      killed: false,
    };
  }
  const others = states === null ? [] : RUN_STATES.filter((state) => !states.includes(state));
  if (states === null || others.length === 0) return { kind: 'all' };
  if (states.includes('finished')) return { kind: 'without', states: others };
  return {
    kind: 'these',
    outcomes: [
      ...(states.includes('running') ? [RUNNING] : []),
      ...(states.includes('terminating') ? [TERMINATING] : []),
    ],
    killed: states.includes('killed'),
  };
}

/** The same as `passing`, of one outcome. */
export function passes(wanted: WantedOutcomes, outcome: number): boolean {
  if (wanted.kind === 'all') return true;
  const { state } = toOutcome(outcome);
  if (wanted.kind === 'without') return !wanted.states.includes(state);
  return wanted.outcomes.includes(outcome) || (wanted.killed && state === 'killed');
}

/**
 * SQL over an outcome, a condition that is true for those that are wanted; null: all are.
 * @param parameter takes a list of outcomes, gives its place
 */
export function passing(
  wanted: WantedOutcomes,
  parameter: (value: readonly number[], type: string) => string,
  outcome = 'outcome',
): string | null {
  if (wanted.kind === 'all') return null;
  if (wanted.kind === 'without') return withoutStates(wanted.states, outcome);
  // A set is hashed: compared with a list, each run would be compared with each member.
  const these = `(${outcome} IN (SELECT unnest(${parameter(wanted.outcomes, 'int[]')}))) IS TRUE`;
  return wanted.killed
    ? `(${these} OR (${withoutStates(['running', 'terminating', 'finished'], outcome)}))`
    : these;
}

const KILLED_OUTCOMES = `(outcome BETWEEN ${LEAST_SIGNAL} AND -1 OR outcome = ${UNKNOWN} OR outcome >= ${KILLED})`;

/** SQL over an outcome: it is of none of these states. */
function withoutStates(states: readonly RunState[], outcome: string): string {
  const conditions = {
    running: `outcome <> ${RUNNING}`,
    terminating: `outcome <> ${TERMINATING}`,
    killed: `NOT ${KILLED_OUTCOMES}`,
    finished: `(outcome IN (${RUNNING}, ${TERMINATING}) OR ${KILLED_OUTCOMES})`,
  };
  return states
    .map((state) => conditions[state])
    .join(' AND ')
    .replaceAll('outcome', outcome);
}

/** The two stretches of outcomes in which those of killed runs lie; running and terminating lie there, too. */
const KILLED_STRETCHES = [
  [UNKNOWN, -1],
  [KILLED, 2_147_483_647],
] as const;

/** Between which outcomes, both ends inclusive, those that are wanted lie, and perhaps others. */
export function stretchesOf(wanted: WantedOutcomes): readonly (readonly [least: number, most: number])[] {
  if (wanted.kind !== 'these') return [[-2_147_483_648, 2_147_483_647]];
  const single = wanted.outcomes.map((outcome) => [outcome, outcome] as const);
  if (!wanted.killed) return single;
  const beside = single.filter(
    ([outcome]) => !KILLED_STRETCHES.some(([least, most]) => outcome >= least && outcome <= most),
  );
  return [...KILLED_STRETCHES, ...beside];
}

/** Whether none but runs that have not ended are wanted: there are few of them, however long the history is. */
export function areInFlight(
  wanted: WantedOutcomes,
): wanted is Extract<WantedOutcomes, { readonly kind: 'these' }> {
  return (
    wanted.kind === 'these' &&
    !wanted.killed &&
    wanted.outcomes.every((outcome) => outcome === RUNNING || outcome === TERMINATING)
  );
}

/** Whether all killed runs are wanted and no others: they have an index of their own. */
export function areKilled(wanted: WantedOutcomes): boolean {
  return wanted.kind === 'these' && wanted.killed && wanted.outcomes.length === 0;
}

/** Every outcome that is told with this exit code. */
function outcomesOf(code: number): number[] {
  if (code >= 0) return code < KILLED ? [code, KILLED + code] : [];
  return [code + BELOW_ZERO, ...(code >= LEAST_SIGNAL ? [code] : [])].filter(
    (outcome) => outcome >= -2_147_483_648,
  );
}
