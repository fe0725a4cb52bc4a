import { fitPlan, isGradual, type RolloutPlan } from './plan.js';

/** How a rollout begins. */
export interface Opening {
  /** For the hosts that can be reached. */
  readonly plan: RolloutPlan;
  readonly state: 'running' | 'halted';
  readonly reason: string | null;
  readonly wave: 0 | 1;
  /** Targets on hosts with greater ids wait for their wave; 0: all of them do. */
  readonly uptoHost: number;
  readonly released: number;
  /** Hosts on which it cannot start: they fail before anything is sent. */
  readonly failures: number;
}

/**
 * The beginning of a plan on these hosts, which are reached in the order of their ids. Those that cannot run it are of no
 * wave, so that the first wave tells something, and have failed from the start.
 * @returns null where waves make no difference: one host, nothing to hold back
 */
export function opening(
  plan: RolloutPlan,
  hostIds: readonly number[],
  isUnable: (hostId: number) => boolean,
): Opening | null {
  const able = hostIds.filter((id) => !isUnable(id)).sort((a, b) => a - b);
  const fitting = fitPlan(plan, able.length);
  if (hostIds.length < 2 || able.length === 0 || !isGradual(fitting)) return null;
  const failures = hostIds.length - able.length;
  const { maxFailures } = plan;
  if (maxFailures !== null && failures > maxFailures) {
    const reason = haltReason(failures, maxFailures);
    return { plan: fitting, state: 'halted', reason, wave: 0, uptoHost: 0, released: 0, failures };
  }
  const released = fitting.waves[0] ?? 0;
  const uptoHost = able[released - 1] ?? 0;
  return { plan: fitting, state: 'running', reason: null, wave: 1, uptoHost, released, failures };
}

/** For people. */
export function haltReason(failures: number, maxFailures: number): string {
  const hosts = failures === 1 ? '1 host has' : `${failures} hosts have`;
  return `${hosts} failed, and max_failures is ${maxFailures}: nothing more is sent until this is resumed`;
}
