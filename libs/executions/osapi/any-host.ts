import { ReasonCode } from '#libs/protocol/index';
import { type TargetRow } from '../executions.repository.js';

/** How busy a host is. */
export interface Load {
  readonly id: number;
  /** What it runs at once. */
  readonly slots: number;
  /** What runs or waits there; PostgreSQL's count, so text. */
  readonly busy: string | number;
}

/** The host with most of its slots free, by chance among equals; null when there is none. */
export function least(loads: readonly Load[], random: () => number): number | null {
  const share = ({ busy, slots }: Load): number => Number(busy) / slots;
  const lowest = Math.min(...loads.map(share));
  const free = loads.filter((load) => share(load) === lowest);
  return free[Math.floor(random() * free.length)]?.id ?? null;
}

/**
 * Whether the work of this target may go to another host: `may` only where it is certain that nothing has started, `stays` when it
 * started or ended in a way that is about the work, `unknown` while its agent, or its reviewers, have not said.
 * @param notHere agents' reasons that are about the agent
 */
export function mayMove(target: TargetRow, notHere: readonly ReasonCode[]): 'may' | 'stays' | 'unknown' {
  const { state, reason, started_at } = target;
  if (started_at !== null) return 'stays';
  if (state === 'queued') return 'may';
  if (state === 'dispatched' || state === 'waiting_approval') return 'unknown';
  const never =
    (state === 'failed_to_start' && reason !== null && notHere.includes(reason)) ||
    (state === 'expired' && reason === ReasonCode.hostOffline) ||
    (state === 'cancelled' && reason === ReasonCode.hostRemoved);
  return never ? 'may' : 'stays';
}
