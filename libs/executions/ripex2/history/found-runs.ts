/** As it was recorded. */
export interface Trigger {
  readonly type: string;
  readonly setting?: string;
  readonly username?: string;
}

/** How a run was started. */
export interface StartTerm {
  readonly arguments: string[];
  readonly trigger: Trigger;
}

export interface RunHost {
  readonly hostname: string;
}

/** What the runs of a series have in common. */
export interface RunSeries {
  readonly id: number;
  readonly teamId: number | null;
  readonly scriptName: string;
  readonly instanceName: string;
  /** The script says the same now. */
  readonly current: boolean;
  /** Another script is called the same but for its extension. */
  readonly alike: boolean;
}

/** One run in the history. What many have in common is the same object for all of them, and never changes. */
export interface RunRow {
  readonly id: number;
  /** null: the host is gone. */
  readonly host: RunHost | null;
  readonly series: RunSeries;
  readonly outcome: number;
  readonly startedMs: number;
  readonly durationMs: number | null;
  readonly start: StartTerm;
  readonly stop: Trigger | null;
}

/** One run as it was found: what it refers to are numbers. */
export interface FoundRun {
  readonly id: number;
  readonly hostId: number;
  readonly seriesId: number;
  readonly outcome: number;
  readonly startedMs: number;
  readonly durationMs: number | null;
  readonly startTerm: number;
  readonly stopTerm: number | null;
  /** Of the names when it was found. */
  readonly version: string;
}

type Numbers = readonly number[];

/** What the text of `FoundRuns` holds; of no runs only one list, which is empty. */
type Columns = readonly [
  ids: Numbers,
  hostIds: Numbers,
  seriesIds: Numbers,
  outcomes: Numbers,
  starts: Numbers,
  durations: readonly (number | null)[],
  startTerms: Numbers,
  stopTerms: readonly (number | null)[],
];

/** What `findingRuns` gives. */
export interface FoundRuns {
  /** JSON of `Columns`. */
  readonly runs: string;
  readonly version: string;
}

/** @returns the highest id first */
export function toRuns({ runs, version }: FoundRuns): FoundRun[] {
  const [ids, hostIds, seriesIds, outcomes, starts, durations, startTerms, stopTerms] = JSON.parse(
    runs,
  ) as Columns;
  const found = ids.map((id, at): FoundRun => ({
    id,
    hostId: hostIds[at] ?? 0,
    seriesId: seriesIds[at] ?? 0,
    outcome: outcomes[at] ?? 0,
    startedMs: starts[at] ?? 0,
    durationMs: durations[at] ?? null,
    startTerm: startTerms[at] ?? 0,
    stopTerm: stopTerms[at] ?? null,
    version,
  }));
  return found.sort((a, b) => b.id - a.id);
}
