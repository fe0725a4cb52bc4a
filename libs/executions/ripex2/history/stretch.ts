import { type FoundRun } from './found-runs.js';
import { type Reach } from './series.js';

export const FIRST_ID = 0;
export const LAST_ID = Number.MAX_SAFE_INTEGER;

/** Which part of what is found (`reference/sources/ripex2-script-execution-get.md`, Pagination). */
export interface HistoryPage {
  /** Positive: so many that follow; negative: that precede. */
  readonly limit: number;
  /** Exclusive; null: from the lowest, or the highest. */
  readonly id: number | null;
}

/** Where a page lies: ids beyond `from`, in this direction, short of `end`. */
export interface Stretch {
  readonly descending: boolean;
  readonly from: number;
  /** Exclusive. */
  readonly end: number;
  readonly limit: number;
}

export function stretchOf({ limit, id }: HistoryPage): Stretch {
  const descending = limit < 0;
  return {
    descending,
    from: id ?? (descending ? LAST_ID : FIRST_ID),
    end: descending ? FIRST_ID : LAST_ID,
    limit: Math.abs(limit),
  };
}

/** Series that have runs on this side of where the page begins. */
export function withRunsIn(reach: readonly Reach[], { descending, from }: Stretch): Reach[] {
  return reach.filter((one) => (descending ? one.first < from : one.last > from));
}

/** Orders series by how far from where a page begins their runs begin, roughly. */
export function byDistance(stretch: Stretch): (a: Reach, b: Reach) => number {
  return (a, b) => distance(a, stretch) - distance(b, stretch);
}

function distance({ first, last }: Reach, { descending, from }: Stretch): number {
  return descending ? -Math.min(last, from) : Math.max(first, from);
}

/** Sorted by their distance, so many that none of them begins far behind the first: contents of an instance mostly follow each other. */
export function nearestOf(walks: readonly Reach[], stretch: Stretch): number {
  const [first] = walks;
  if (!first) return 0;
  const begin = distance(first, stretch);
  const end = stretch.descending ? -Math.max(first.first, stretch.end) : Math.min(first.last, stretch.end);
  const far = walks.findIndex((one) => distance(one, stretch) > (begin + end) / 2);
  return far === -1 ? walks.length : Math.max(far, 1);
}

/** How many of them begin within so many ids of the nearest. */
export function countWithin(walks: readonly Reach[], ids: number, stretch: Stretch): number {
  const begins = walks.map((one) => distance(one, stretch));
  const nearest = begins.reduce((least, begin) => Math.min(least, begin), LAST_ID);
  return begins.filter((begin) => begin <= nearest + ids).length;
}

/** The part of a stretch in which these series have runs. */
export function within(stretch: Stretch, reach: readonly Reach[]): Stretch {
  const lowest = reach.reduce((least, { first }) => Math.min(least, first), LAST_ID) - 1;
  const highest = reach.reduce((most, { last }) => Math.max(most, last), FIRST_ID) + 1;
  const { descending, from, end } = stretch;
  return descending
    ? { ...stretch, from: Math.min(from, highest), end: Math.max(end, lowest) }
    : { ...stretch, from: Math.max(from, lowest), end: Math.min(end, highest) };
}

/** Of all these the page's, the highest id first. */
export function firstOf(runs: readonly FoundRun[], { descending, limit }: Stretch): FoundRun[] {
  const sorted = [...runs].sort((a, b) => b.id - a.id);
  return descending ? sorted.slice(0, limit) : sorted.slice(-limit);
}
