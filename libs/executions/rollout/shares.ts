/** The largest number of hosts in a plan. */
export const MAX_COUNT = 1_000_000;
export const MAX_PAUSE_SECONDS = 7 * 24 * 60 * 60;
/** Steps of a ramp. */
export const MAX_STEPS = 100;

/** So many hosts, or so many thousandths of a percent of all of them. */
export type Share =
  { readonly unit: 'hosts'; readonly amount: number } | { readonly unit: 'percent'; readonly amount: number };

const ALL = 100_000;
const NUMBER = /^\d{1,7}$/;
const PERCENT = /^(\d{1,3}(?:\.\d{1,3})?) ?%$/;

/**
 * Reads `5`, `"5"`, `"5%"`, `"0.5 %"`; null when it is nothing of that kind.
 * @param least the smallest number of hosts that is allowed; with 1 there is no 0 % either
 */
export function readShare(value: unknown, least: number): Share | null {
  if (typeof value === 'number' || (typeof value === 'string' && NUMBER.test(value))) {
    const amount = Number(value);
    return Number.isInteger(amount) && amount >= least && amount <= MAX_COUNT
      ? { unit: 'hosts', amount }
      : null;
  }
  const percent = typeof value === 'string' ? PERCENT.exec(value)?.[1] : undefined;
  if (percent === undefined) return null;
  // In whole numbers: 0.1 of 30 hosts would be a little more than three.
  const amount = Math.round(Number(percent) * 1_000);
  return amount >= least && amount <= ALL ? { unit: 'percent', amount } : null;
}

/** How many of `hosts` that is; what is not a whole number goes that way. */
export function countOf({ unit, amount }: Share, hosts: number, rounding: 'up' | 'down'): number {
  if (unit === 'hosts') return amount;
  return Math[rounding === 'up' ? 'ceil' : 'floor']((hosts * amount) / ALL);
}
