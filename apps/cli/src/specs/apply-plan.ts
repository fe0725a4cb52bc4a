import { type ApplyOptions, type SpecsApi } from '../api/specs-api.js';
import { CliError } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { isListed, type Kind, KINDS, LISTS, withPlace } from './document.js';
import { Additions } from './needs.js';
import { type Change } from './plan.js';

/** Changes that are sent in one request: all of them are made, or none. */
export interface Step {
  readonly kind: Kind;
  readonly changes: readonly Change[];
}

/** A change that the server cannot check before another one is made. */
export interface Unchecked {
  readonly change: Change;
  readonly needs: Change;
}

export interface Failure {
  readonly step: Step;
  readonly error: CliError;
  /** The server said no, so nothing of the step was applied; otherwise nobody knows. */
  readonly refused: boolean;
}

export interface Applied {
  readonly done: readonly Step[];
  /** Why it ended early. */
  readonly failure?: Failure;
  /** What was not begun. */
  readonly left: readonly Step[];
}

/**
 * In Fleet's order: queries, labels, packs, settings, enroll secrets, teams, policies, roles. What is new, and named by something
 * that would come before it, comes first: a team by its queries.
 */
export function stepsOf(changes: readonly Change[]): Step[] {
  const additions = new Additions(changes);
  const first = new Set(
    changes.flatMap((change) => additions.neededBy(change).filter((needed) => isBefore(change, needed))),
  );
  const rest = changes.filter((each) => !first.has(each));
  return [...stepsByKind([...first], ['team', 'label']), ...stepsByKind(rest, KINDS)];
}

function stepsByKind(changes: readonly Change[], kinds: readonly Kind[]): Step[] {
  return kinds.flatMap((kind) => {
    const those = changes.filter((each) => each.kind === kind);
    return those.length === 0 ? [] : [{ kind, changes: those }];
  });
}

function isBefore(one: Change, other: Change): boolean {
  return KINDS.indexOf(one.kind) < KINDS.indexOf(other.kind);
}

/**
 * Sends everything as a dry run that the server can check without what is not there yet; nothing is changed.
 * @param all what else is to be applied: `changes` may need it
 * @returns what it could not check
 * @throws CliError with the first thing that the server refuses
 */
export async function check(
  api: SpecsApi,
  changes: readonly Change[],
  all: readonly Change[],
  force: boolean,
): Promise<Unchecked[]> {
  const additions = new Additions(all);
  const unchecked = changes.flatMap((change) => {
    const [needs] = additions.neededBy(change);
    return needs ? [{ change, needs }] : [];
  });
  const waiting = new Set(unchecked.map(({ change }) => change));
  const checkable = changes.filter((each) => !waiting.has(each));
  for (const step of stepsOf(checkable)) {
    const failure = await attempt(api, step, { dryRun: true, force });
    if (failure) throw failure.error;
  }
  // The rest has been checked together with what it needs, when it was compared.
  return unchecked.filter(({ change }) => !isListed(change.kind));
}

/**
 * Makes the changes, one step after the other, until one is refused.
 * @param begin is told before each step
 */
export async function applySteps(
  api: SpecsApi,
  steps: readonly Step[],
  force: boolean,
  begin: (step: Step) => void,
): Promise<Applied> {
  for (const [index, step] of steps.entries()) {
    begin(step);
    const failure = await attempt(api, step, { dryRun: false, force });
    if (failure) return { done: steps.slice(0, index), failure, left: steps.slice(index + 1) };
  }
  return { done: steps, left: [] };
}

async function attempt(api: SpecsApi, step: Step, options: ApplyOptions): Promise<Failure | undefined> {
  try {
    await send(api, step, options);
    return undefined;
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    const told = new CliError(
      `${step.kind}: ${withPlace(error.message, 'specs', step.changes)}`,
      error.exitCode,
    );
    return { step, error: told, refused: error instanceof ApiError && error.status < 500 };
  }
}

async function send(api: SpecsApi, { kind, changes }: Step, options: ApplyOptions): Promise<void> {
  const specs = changes.map(({ spec }) => spec);
  if (isListed(kind)) return api.apply(LISTS[kind], specs, options);
  if (kind === 'config') return api.applyConfig(specs[0], options);
  if (kind === 'enroll_secret') return api.applyEnrollSecret(specs[0], options);
  return api.applyRoles(Object.fromEntries(changes.map(({ name, spec }) => [name, spec])), options);
}
