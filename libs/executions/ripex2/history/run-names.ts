import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import {
  type FoundRun,
  type RunHost,
  type RunRow,
  type RunSeries,
  type StartTerm,
  type Trigger,
} from './found-runs.js';
import { SQL } from './statements.js';

/** Hosts, series or terms; beyond that they are forgotten. */
const MOST_KEPT = 50_000;

/** What `SQL.names` gives. */
interface NamesRow {
  readonly version: string;
  readonly hosts: readonly (readonly [id: number, hostname: string])[];
  readonly series: readonly (readonly [
    id: number,
    teamId: number | null,
    scriptName: string,
    instanceName: string,
    current: boolean,
    alike: boolean,
  ])[];
  readonly terms: readonly (readonly [id: number, term: unknown])[];
}

/** By their ids what runs refer to; null: it is gone. */
interface Names {
  readonly version: string;
  readonly hosts: Map<number, RunHost | null>;
  readonly series: Map<number, RunSeries | null>;
  /** Of all versions: terms never change. */
  readonly terms: Map<number, unknown>;
}

/**
 * What runs refer to, kept from page to page: reading it took longer than finding the runs. PostgreSQL says with every page of which version the names
 * are that it sees (migration 1790951000000), and no page is told with others.
 */
@Injectable()
export class RunNames {
  private kept: Names = { version: '', hosts: new Map(), series: new Map(), terms: new Map() };

  constructor(private readonly database: Database) {}

  /** The same runs with their names, without those whose series is gone; null: names have changed since the runs were found. */
  async tell(runs: readonly FoundRun[]): Promise<RunRow[] | null> {
    const version = runs[0]?.version;
    if (version === undefined) return [];
    if (runs.some((run) => run.version !== version)) return null;
    const names = this.of(version);
    const missing = missingOf(runs, names);
    if (missing !== null) {
      const [row] = await this.database.query<NamesRow>(SQL.names, missing);
      if (!row) return null;
      const read = row.version === version ? names : this.of(row.version);
      add(read, row, missing);
      this.kept = read;
      if (read !== names) return null;
    }
    return runs.flatMap((run) => toRow(run, names) ?? []);
  }

  private of(version: string): Names {
    const { kept } = this;
    const terms = kept.terms.size > MOST_KEPT ? new Map<number, unknown>() : kept.terms;
    const isGood =
      kept.version === version &&
      terms === kept.terms &&
      kept.hosts.size <= MOST_KEPT &&
      kept.series.size <= MOST_KEPT;
    return isGood ? kept : { version, hosts: new Map(), series: new Map(), terms };
  }
}

type Missing = readonly [hosts: number[], series: number[], terms: number[]];

function missingOf(runs: readonly FoundRun[], names: Names): Missing | null {
  const hosts = new Set<number>();
  const series = new Set<number>();
  const terms = new Set<number>();
  for (const { hostId, seriesId, startTerm, stopTerm } of runs) {
    if (!names.hosts.has(hostId)) hosts.add(hostId);
    if (!names.series.has(seriesId)) series.add(seriesId);
    if (!names.terms.has(startTerm)) terms.add(startTerm);
    if (stopTerm !== null && !names.terms.has(stopTerm)) terms.add(stopTerm);
  }
  return hosts.size + series.size + terms.size === 0 ? null : [[...hosts], [...series], [...terms]];
}

function add(names: Names, row: NamesRow, [hosts, series]: Missing): void {
  for (const id of hosts) names.hosts.set(id, null);
  for (const id of series) names.series.set(id, null);
  for (const [id, hostname] of row.hosts) names.hosts.set(id, { hostname });
  for (const [id, teamId, scriptName, instanceName, current, alike] of row.series)
    names.series.set(id, { id, teamId, scriptName, instanceName, current, alike });
  for (const [id, term] of row.terms) names.terms.set(id, term);
}

function toRow(run: FoundRun, names: Names): RunRow | null {
  const series = names.series.get(run.seriesId);
  if (!series) return null;
  return {
    id: run.id,
    host: names.hosts.get(run.hostId) ?? null,
    series,
    outcome: run.outcome,
    startedMs: run.startedMs,
    durationMs: run.durationMs,
    start: names.terms.get(run.startTerm) as StartTerm,
    stop: run.stopTerm === null ? null : (names.terms.get(run.stopTerm) as Trigger),
  };
}
