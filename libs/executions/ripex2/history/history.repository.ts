import { Injectable } from '@nestjs/common';
import { Database } from '#libs/platform/database/index';
import { DomainError } from '#libs/platform/errors/index';
import { type FoundRun, type FoundRuns, type RunRow, toRuns } from './found-runs.js';
import {
  areInFlight,
  areKilled,
  passes,
  type RunState,
  stretchesOf,
  type WantedOutcomes,
  wantedOutcomes,
} from './outcomes.js';
import { type Reach } from './series.js';
import { RunNames } from './run-names.js';
import { SQL } from './statements.js';
import {
  byDistance,
  countWithin,
  FIRST_ID,
  firstOf,
  type HistoryPage,
  LAST_ID,
  nearestOf,
  type Stretch,
  stretchOf,
  within,
  withRunsIn,
} from './stretch.js';
import {
  type Look,
  lookAtRuns,
  mergeWalks,
  NO_FILTER,
  pairsOf,
  type Ready,
  type WalkFilter,
  type WalkKey,
  walkKilled,
} from './walks.js';

/** What is looked for. */
export interface HistoryFilter {
  /** Which series; null: all of them. */
  readonly series: 'current' | readonly Reach[] | null;
  readonly exitCodes: readonly number[] | null;
  readonly states: readonly RunState[] | null;
  readonly hostId: number | null;
  /** Of hosts of these teams; null: of all. */
  readonly teams: readonly number[] | null;
}

/** How much is looked at before another way is taken; tests make all of it small. */
export interface WalkBudget {
  /** Runs of all hosts that are looked at one by one, when the first of them promise enough. */
  readonly look: (limit: number) => number;
  /** The first of them. */
  readonly probe: number;
  /** Runs of one host that are looked at one by one. */
  readonly hostLook: number;
  /** Walks that are merged without a look before; in the first merge of many are four times as many, in each further one four times more. */
  readonly walks: number;
  /** Walks by series and outcome, and on one host. */
  readonly pairs: number;
}

export const BUDGET: WalkBudget = {
  look: (limit) => 6 * limit + 500,
  probe: 300,
  hostLook: 20_000,
  walks: 64,
  pairs: 2_000,
};

/** Entries of an index that can be read in the time in which one more walk is begun. */
const WALK_COST = 20;

/** The share of the runs from which on outcomes are looked at on the way rather than walked along. */
const MOST = 0.1;

/** How often a page is read when names change meanwhile. */
const TRIES = 10;

/** The page's runs as far as they were found, and how to go on. */
interface Looked {
  readonly runs: FoundRun[];
  /** The first run that was not looked at; null: this is all there is, or all that is wanted. */
  readonly beyond: number | null;
  /** Of the current series, when these are wanted. */
  readonly reach: Reach[];
  /** Among those that any run has had; null: most of them are wanted. */
  readonly outcomes: number[] | null;
  /** Shares of the first runs: on hosts of the teams, of the series, with the outcomes. */
  readonly inTeams: number;
  readonly inSeries: number;
  readonly inOutcomes: number;
}

interface LookedRow
  extends FoundRuns, Pick<Looked, 'beyond' | 'outcomes' | 'inTeams' | 'inSeries' | 'inOutcomes'> {
  readonly reach: readonly [number[] | null, number[], number[]] | null;
}

/** Reads of the history of script instances: pages of any filter, by walks along indexes. */
@Injectable()
export class HistoryRepository {
  /** @see BUDGET */
  budget = BUDGET;

  constructor(
    private readonly database: Database,
    private readonly names: RunNames,
  ) {}

  /** The runs on the page, the highest id first. */
  page(filter: HistoryFilter, page: HistoryPage): Promise<RunRow[]> {
    return this.told(() => this.find(filter, stretchOf(page)));
  }

  /** The highest id first; those that are gone are left out. */
  async rows(ids: readonly number[]): Promise<RunRow[]> {
    if (ids.length === 0) return [];
    return this.told(async () => {
      const [found] = await this.database.query<FoundRuns>(SQL.rows, [ids]);
      return found ? toRuns(found) : [];
    });
  }

  /** Id of the newest run of any of these series. @param hostId null: on any host */
  async last(
    series: readonly Reach[],
    hostId: number | null,
    teams: readonly number[] | null,
  ): Promise<number | null> {
    if (series.length === 0) return null;
    if (hostId !== null) {
      const rows = await this.database.query<{ id: number }>(SQL.lastOnHost, [
        hostId,
        series.map(({ id }) => id),
      ]);
      return rows.length === 0 ? null : Math.max(...rows.map(({ id }) => id));
    }
    const filter = { series, exitCodes: null, states: null, hostId, teams };
    return (await this.find(filter, stretchOf({ limit: -1, id: null })))[0]?.id ?? null;
  }

  /**
   * With the names that they had when they were found.
   * @throws DomainError unavailable: names change faster than a page is read
   */
  private async told(find: () => Promise<FoundRun[]>): Promise<RunRow[]> {
    for (let tries = 0; tries < TRIES; tries++) {
      const rows = await this.names.tell(await find());
      if (rows !== null) return rows;
    }
    throw new DomainError(
      'unavailable',
      'Scripts and hosts change faster than they can be read; try again.',
      {
        retryAfter: 1,
      },
    );
  }

  private async find(filter: HistoryFilter, whole: Stretch): Promise<FoundRun[]> {
    const { hostId, teams } = filter;
    const outcomes = wantedOutcomes(filter.exitCodes, filter.states);
    if (outcomes.kind === 'these' && outcomes.outcomes.length === 0 && !outcomes.killed) return [];
    const reach = Array.isArray(filter.series) ? withRunsIn(filter.series as readonly Reach[], whole) : null;
    if (reach?.length === 0) return [];
    const stretch = reach ? within(whole, reach) : whole;
    const series = reach ? reach.map(({ id }) => id) : (filter.series as 'current' | null);
    const onTheWay: WalkFilter = { series, outcomes, teams };
    if (hostId !== null) return this.onHost(hostId, onTheWay, stretch);
    if (areInFlight(outcomes))
      return this.merge(['outcome'], [outcomes.outcomes], stretch, {
        ...onTheWay,
        outcomes: NO_FILTER.outcomes,
      });
    if (teams === null && this.isFew(reach, outcomes, series))
      return this.exactly(reach, outcomes, stretch, NO_FILTER, null);
    // Most often what is wanted is right here.
    const near = await this.look(null, stretch, this.near(stretch), onTheWay);
    if (near.beyond === null) return near.runs;
    const there = series === 'current' ? withRunsIn(near.reach, whole) : reach;
    if (there?.length === 0) return [];
    const ahead = there ? within(whole, there) : stretch;
    return teams === null
      ? this.exactly(there, outcomes, ahead, NO_FILTER, near)
      : this.inTeams(teams, near, there, onTheWay, ahead);
  }

  /** Whether walks along what is wanted alone are so few that no look is needed before. */
  private isFew(
    reach: readonly Reach[] | null,
    outcomes: WantedOutcomes,
    series: WalkFilter['series'],
  ): boolean {
    if (series === null) return outcomes.kind === 'these';
    if (reach === null || outcomes.kind === 'without') return false;
    if (outcomes.kind === 'all') return reach.length <= this.budget.walks;
    return !outcomes.killed && reach.length * outcomes.outcomes.length <= this.budget.walks;
  }

  /**
   * By walks on which nothing, or little, lies that is not wanted.
   * @param reach of the series; null: of all, which do not matter
   * @param teams what has to be looked at on the way
   * @param near what the first runs were like; null: the walks are few in any case
   */
  private async exactly(
    reach: readonly Reach[] | null,
    wanted: WantedOutcomes,
    stretch: Stretch,
    teams: WalkFilter,
    near: Looked | null,
  ): Promise<FoundRun[]> {
    if (wanted.kind === 'all' && reach !== null) return this.mergeByReach(reach, null, stretch, teams);
    // Not to find out which these are: nearly all.
    const areMost = near?.outcomes === null && near.inOutcomes >= MOST;
    if (reach !== null && areMost)
      return this.mergeByReach(reach, null, stretch, { ...teams, outcomes: wanted });
    if (reach === null && areKilled(wanted)) return this.read(walkKilled(stretch, teams), stretch);
    const outcomes =
      near?.outcomes?.filter((outcome) => passes(wanted, outcome)) ?? (await this.outcomesThatAre(wanted));
    if (outcomes.length === 0) return [];
    if (reach === null) return this.merge(['outcome'], [outcomes], stretch, teams);
    if (near === null) return this.mergeByReach(reach, outcomes, stretch, teams);
    const least = 1 / this.budget.probe;
    const inSeries = Math.max(near.inSeries, least);
    const inOutcomes = Math.max(near.inOutcomes, least);
    const { limit } = stretch;
    // Contents follow each other: those that begin behind the page are spared.
    const series = countWithin(reach, limit / (inSeries * inOutcomes), stretch);
    const pairs = series * outcomes.length;
    const costs = {
      pairs: pairs > this.budget.pairs ? Infinity : pairs * WALK_COST + limit,
      series: series * WALK_COST + limit / inOutcomes,
      outcomes: (areKilled(wanted) ? 1 : outcomes.length) * WALK_COST + limit / inSeries,
    };
    const cheapest = Math.min(...Object.values(costs));
    if (costs.pairs === cheapest) return this.mergeByReach(reach, outcomes, stretch, teams);
    if (costs.series === cheapest)
      return this.mergeByReach(reach, null, stretch, { ...teams, outcomes: wanted });
    const ofSeries = { ...teams, series: reach.map(({ id }) => id) };
    if (areKilled(wanted)) return this.read(walkKilled(stretch, ofSeries), stretch);
    return this.merge(['outcome'], [outcomes], stretch, ofSeries);
  }

  /**
   * By the walks of these series, or of each of them with each of these outcomes. Those whose runs come first are merged first: what they give is the bound
   * that spares most of the others, if not all.
   */
  private async mergeByReach(
    reach: readonly Reach[],
    outcomes: readonly number[] | null,
    stretch: Stretch,
    filter: WalkFilter,
  ): Promise<FoundRun[]> {
    const { descending, limit } = stretch;
    const waiting = [...reach].sort(byDistance(stretch));
    const perSeries = outcomes?.length ?? 1;
    let found: FoundRun[] = [];
    let { end } = stretch;
    let walks = 4 * this.budget.walks;
    for (let at = 0, least = 1; at < waiting.length; least *= 2, walks *= 4) {
      // Contents follow each other: as a rule the nearest have the page's runs, and the others are spared. Where that is no rule it is not tried for long.
      const most = Math.max(1, Math.floor(walks / perSeries));
      const size = Math.min(most, Math.max(least, nearestOf(waiting.slice(at), stretch)));
      const batch = waiting
        .slice(at, (at += size))
        .filter((one) => (descending ? one.last > end : one.first < end));
      const [nearest] = batch;
      if (!nearest) break;
      const before = found.filter(({ id }) => (descending ? id > nearest.last : id < nearest.first));
      const ids = batch.map(({ id }) => id);
      const rest = { ...stretch, end, limit: limit - before.length };
      const more =
        outcomes === null
          ? await this.merge(['series_id'], [ids], rest, filter)
          : await this.merge(['series_id', 'outcome'], pairsOf(ids, outcomes), rest, filter);
      found = firstOf([...found, ...more], stretch);
      if (found.length === limit) end = (descending ? found.at(-1) : found[0])?.id ?? end;
    }
    return found;
  }

  /** A host's runs one by one, as they stand in the index. */
  private async onHost(hostId: number, filter: WalkFilter, stretch: Stretch): Promise<FoundRun[]> {
    const { series, outcomes } = filter;
    const look = { budget: this.budget.hostLook, probe: this.budget.hostLook };
    const near = await this.look(hostId, stretch, look, filter);
    if (near.beyond === null) return near.runs;
    const ids = series === 'current' ? near.reach.map(({ id }) => id) : series;
    if (ids !== null && outcomes.kind === 'these' && !outcomes.killed) {
      const pairs = pairsOf(ids, outcomes.outcomes);
      const keys = [pairs[0].map(() => hostId), ...pairs];
      if (pairs[0].length <= this.budget.pairs)
        return this.merge(['host_id', 'series_id', 'outcome'], keys, stretch, NO_FILTER);
    }
    return this.lookOn(hostId, near, filter, stretch, look);
  }

  /**
   * Of hosts of some teams: along their walks, looking at what else is wanted; or along what else is wanted, looking at the hosts; or all runs one by
   * one. Which of it reads least is reckoned from the shares of the first runs.
   */
  private async inTeams(
    teams: readonly number[],
    near: Looked,
    reach: readonly Reach[] | null,
    filter: WalkFilter,
    stretch: Stretch,
  ): Promise<FoundRun[]> {
    const [row] = await this.database.query<{ ids: number[] }>(SQL.hostsOfTeams, [teams]);
    const hosts = row?.ids ?? [];
    if (hosts.length === 0) return [];
    const least = 1 / this.budget.probe;
    const [inTeams, wanted] = [
      Math.max(near.inTeams, least),
      Math.max(near.inSeries * near.inOutcomes, least),
    ];
    const missing = stretch.limit - near.runs.length;
    const byHosts = hosts.length * WALK_COST + missing / wanted;
    const byOthers = missing / inTeams;
    const oneByOne = missing / (wanted * inTeams);
    if (oneByOne < Math.min(byHosts, byOthers))
      return this.lookOn(null, near, filter, stretch, this.near(stretch));
    if (byHosts <= byOthers || (filter.series === null && filter.outcomes.kind === 'all'))
      return this.merge(['host_id'], [hosts], stretch, { ...filter, teams: null });
    return this.exactly(reach, filter.outcomes, stretch, { ...NO_FILTER, teams }, near);
  }

  /** Goes on where a look ended, each time twice as far. */
  private async lookOn(
    hostId: number | null,
    near: Looked,
    filter: WalkFilter,
    stretch: Stretch,
    { budget }: Look,
  ): Promise<FoundRun[]> {
    let { runs, beyond } = near;
    for (let size = 4 * budget; beyond !== null; size *= 2) {
      const from: number = stretch.descending ? beyond + 1 : beyond - 1;
      const limit = stretch.limit - runs.length;
      const next = await this.look(
        hostId,
        { ...stretch, from, limit },
        { budget: size, probe: size },
        filter,
      );
      runs = firstOf([...runs, ...next.runs], stretch);
      ({ beyond } = next);
    }
    return runs;
  }

  private merge(
    keys: readonly WalkKey[],
    walks: readonly (readonly number[])[],
    stretch: Stretch,
    filter: WalkFilter,
  ): Promise<FoundRun[]> {
    return this.read(mergeWalks(keys, walks, stretch, filter), stretch);
  }

  private async read({ statement, values }: Ready, stretch: Stretch): Promise<FoundRun[]> {
    const [found] = await this.database.query<FoundRuns>(statement, values);
    return found ? firstOf(toRuns(found), stretch) : [];
  }

  private near({ limit }: Stretch): Look {
    const { look, probe } = this.budget;
    return { budget: Math.max(limit, look(limit)), probe };
  }

  private async look(
    hostId: number | null,
    stretch: Stretch,
    look: Look,
    filter: WalkFilter,
  ): Promise<Looked> {
    const { statement, values } = lookAtRuns(hostId, stretch, look, filter);
    const [row] = await this.database.query<LookedRow>(statement, values);
    if (!row)
      return { runs: [], beyond: null, reach: [], outcomes: null, inTeams: 0, inSeries: 0, inOutcomes: 0 };
    const [ids, first, last] = row.reach ?? [null, [], []];
    const { beyond, outcomes, inTeams, inSeries, inOutcomes } = row;
    return {
      runs: toRuns(row),
      beyond,
      outcomes,
      reach: (ids ?? []).map((id, at) => ({ id, first: first[at] ?? FIRST_ID, last: last[at] ?? LAST_ID })),
      inTeams,
      inSeries,
      inOutcomes,
    };
  }

  /** Those that are wanted among those that any run has had. */
  private async outcomesThatAre(wanted: WantedOutcomes): Promise<number[]> {
    if (wanted.kind === 'these' && !wanted.killed) return [...wanted.outcomes];
    const stretches = stretchesOf(wanted);
    const [row] = await this.database.query<{ outcomes: number[] }>(SQL.outcomes, [
      stretches.map(([least]) => least),
      stretches.map(([, most]) => most),
    ]);
    const passing = (row?.outcomes ?? []).filter((outcome) => passes(wanted, outcome));
    return wanted.kind === 'these' ? [...new Set([...wanted.outcomes, ...passing])] : passing;
  }
}
