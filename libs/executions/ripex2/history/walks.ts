import { type Statement } from '#libs/platform/database/index';
import { passing, stretchesOf, type WantedOutcomes } from './outcomes.js';
import { CURRENT_SERIES, findingRuns, outcomesWithin, reachColumns, TOLD_COLUMNS } from './statements.js';
import { type Stretch } from './stretch.js';

/*
 * Statements that walk along indexes of the history, and tell the runs that they find. A page is the first so many runs of one walk, or of several
 * that are merged: one per instance and content, say. Conditions compare rows, `(series_id, id) < (7, 1234)`, so that one index alone fits
 * whatever the planner believes about the table; and that index holds all that is told of a run.
 */

/** What the walks of one merge have in common: the index's columns before the id. */
export type WalkKey = 'series_id' | 'outcome' | 'host_id';

/** What is looked at on the way. */
export interface WalkFilter {
  readonly series: 'current' | readonly number[] | null;
  readonly outcomes: WantedOutcomes;
  /** Of hosts of these teams. */
  readonly teams: readonly number[] | null;
}

export const NO_FILTER: WalkFilter = { series: null, outcomes: { kind: 'all' }, teams: null };

/** A statement and what it is to be run with. */
export interface Ready {
  readonly statement: Statement;
  readonly values: readonly unknown[];
}

type Parameter = (value: unknown, type: string) => string;

/** Walks are read so much farther than how dense they are at first promises. */
const MARGIN = 1.5;

/**
 * The first `limit` runs of all walks together. Each walk gives a few at first; how far these reach says which walks have to be read on, how far, and
 * how much each of them has to give. Those that do not go on as they began are read on once more; then there may be more than `limit`.
 * @param walks values of the keys, a column each
 */
export function mergeWalks(
  keys: readonly WalkKey[],
  walks: readonly (readonly number[])[],
  { descending, from, end, limit }: Stretch,
  filter: WalkFilter,
): Ready {
  const count = walks[0]?.length ?? 0;
  const values: unknown[] = [...walks];
  const parameter: Parameter = (value, type) => `$${values.push(value)}::${type}`;
  const [$from, $end] = [parameter(from, 'bigint'), parameter(end, 'bigint')];
  const $limit = parameter(limit, 'int');
  const conditions = conditionsOf(filter, parameter);
  const direction = descending ? 'DESC' : 'ASC';
  const [before, after, nearest, farthest] = descending ? ['<', '>', 'max', 'min'] : ['>', '<', 'min', 'max'];
  const columns = [...keys, 'id'];
  const row = `(${columns.join(', ')})`;
  const order = columns.map((column) => `${column} ${direction}`).join(', ');
  const all = `unnest(${keys.map((_, index) => `$${index + 1}::int[]`).join(', ')}) AS w(${keys.join(', ')})`;
  const at = (walk: string, id: string): string =>
    `(${[...keys.map((key) => `${walk}.${key}`), id].join(', ')})`;
  const some = (walk: string, beyond: string, short: string, most: string): string =>
    `LATERAL (SELECT ${TOLD_COLUMNS} FROM instance_runs WHERE ${[`${row} ${before} ${at(walk, beyond)}`, `${row} ${after} ${at(walk, short)}`, ...conditions].join(' AND ')}
     ORDER BY ${order} LIMIT ${most}) run`;
  if (count === 1)
    return {
      statement: named(
        findingRuns(`r AS (SELECT run.* FROM ${all} CROSS JOIN ${some('w', $from, $end, $limit)})`),
      ),
      values,
    };
  const few = Math.min(limit, Math.ceil((1.25 * limit) / count) + 4);
  const $few = parameter(few, 'int');
  const limitth = (found: string): string =>
    `SELECT coalesce((SELECT id FROM ${found} ORDER BY id ${direction} OFFSET ${$limit} - 1 LIMIT 1), ${$end}) AS id`;
  const readOn = (walk: string, bound: string, most: string): string =>
    `${walk} CROSS JOIN ${some(walk, `${walk}.last`, `(SELECT id FROM ${bound})`, most)}`;
  const key = keys.join(', ');
  // Those that gave as many as they were asked for, and would have given more short of the bound, are read on.
  const text = findingRuns(
    `first AS MATERIALIZED (SELECT run.* FROM ${all} CROSS JOIN ${some('w', $from, $end, $few)}),
    bound AS MATERIALIZED (${limitth('first')}),
    given AS MATERIALIZED (SELECT ${key}, count(*) AS count, ${nearest}(id) AS begin, ${farthest}(id) AS last FROM first GROUP BY ${key}),
    longer AS MATERIALIZED (SELECT *, 1 / greatest(abs((SELECT ${nearest}(begin) FROM given) - last), 1)::float8 AS density
      FROM given WHERE count = ${$few} AND last ${after} (SELECT id FROM bound)),
    farther AS MATERIALIZED (SELECT *, least(${$limit}, ceil(${$few} / 4.0 + greatest(0, ${MARGIN} * ${$limit} * density / (SELECT sum(density) FROM longer) - ${$few})))::int AS most FROM longer),
    second AS MATERIALIZED (SELECT run.*, most FROM ${readOn('farther', 'bound', 'most')}),
    closer AS MATERIALIZED (${limitth('(SELECT id FROM first UNION ALL SELECT id FROM second) found')}),
    longest AS MATERIALIZED (SELECT ${key}, ${farthest}(id) AS last FROM second GROUP BY ${key}
      HAVING count(*) = max(most) AND ${farthest}(id) ${after} (SELECT id FROM closer)),
    r AS (SELECT * FROM first WHERE id ${after}= (SELECT id FROM closer)
      UNION ALL SELECT ${TOLD_COLUMNS} FROM second WHERE id ${after}= (SELECT id FROM closer)
      UNION ALL SELECT run.* FROM ${readOn('longest', 'closer', $limit)})`,
  );
  return { statement: named(text), values };
}

/** The first `limit` of all killed runs, along their own index. */
export function walkKilled({ descending, from, end, limit }: Stretch, filter: WalkFilter): Ready {
  const values: unknown[] = [];
  const parameter: Parameter = (value, type) => `$${values.push(value)}::${type}`;
  const [$from, $end] = [parameter(from, 'bigint'), parameter(end, 'bigint')];
  const $limit = parameter(limit, 'int');
  const killed = 'instance_killed(outcome)';
  const [direction, before, after] = descending ? ['DESC', '<', '>'] : ['ASC', '>', '<'];
  const conditions = [
    killed,
    `(${killed}, id) ${before} (true, ${$from})`,
    `(${killed}, id) ${after} (true, ${$end})`,
    ...conditionsOf(filter, parameter),
  ].join(' AND ');
  const text = findingRuns(
    `r AS (SELECT ${TOLD_COLUMNS} FROM instance_runs WHERE ${conditions} ORDER BY ${killed} ${direction}, id ${direction} LIMIT ${$limit})`,
  );
  return { statement: named(text), values };
}

/** Keys of walks along each of these series with each of these outcomes. */
export function pairsOf(
  series: readonly number[],
  outcomes: readonly number[],
): [series: number[], outcomes: number[]] {
  const pairs = series.flatMap((id) => outcomes.map((outcome) => [id, outcome] as const));
  return [pairs.map(([id]) => id), pairs.map(([, outcome]) => outcome)];
}

/** The first runs have to promise so many times the page: a budget that does not fill it after all was looked at in vain. */
const HOPE = 1.25;

/** How many runs are looked at. */
export interface Look {
  /** At most. */
  readonly budget: number;
  /** None when too few of the first so many pass for the budget to fill the page; as many as the budget: they are looked at in any case. */
  readonly probe: number;
}

/**
 * The first runs among the next `budget` ones, of one host or of all, that pass the filter. Further columns of the statement's row: `beyond`, the first
 * run that was not looked at, null when the page is full or there is none; and unless it is null `reach`, that of the current series if these
 * are looked for, `outcomes`, those of the wanted stretches that any run has had, unless most outcomes are wanted, and which shares of the probe pass:
 * `inTeams` of the hosts, `inSeries` of the series, `inOutcomes` of the outcomes.
 */
export function lookAtRuns(
  hostId: number | null,
  { descending, from, end, limit }: Stretch,
  { budget, probe }: Look,
  filter: WalkFilter,
): Ready {
  const values: unknown[] = [];
  const parameter: Parameter = (value, type) => `$${values.push(value)}::${type}`;
  const [$from, $end] = [parameter(from, 'bigint'), parameter(end, 'bigint')];
  const [$limit, $budget] = [parameter(limit, 'int'), parameter(budget, 'int')];
  const [before, after, direction] = descending ? ['<', '>', 'DESC'] : ['>', '<', 'ASC'];
  const current = filter.series === 'current';
  // From where the current series begin to where they end: all that lies outside passes by.
  const [begin, finish] = descending
    ? [
        `least(${$from}, (SELECT max(last_run) + 1 FROM reach))`,
        `greatest(${$end}, (SELECT min(first_run) - 1 FROM reach))`,
      ]
    : [
        `greatest(${$from}, (SELECT min(first_run) - 1 FROM reach))`,
        `least(${$end}, (SELECT max(last_run) + 1 FROM reach))`,
      ];
  const stretch = current ? `${begin} AS begin, ${finish} AS finish` : `${$from} AS begin, ${$end} AS finish`;
  const $host = hostId === null ? null : parameter(hostId, 'int');
  const next = (columns: string): string =>
    $host === null
      ? `SELECT ${columns} FROM instance_runs WHERE id ${before} (SELECT begin FROM stretch) AND id ${after} (SELECT finish FROM stretch) ORDER BY id ${direction}`
      : `SELECT ${columns} FROM instance_runs WHERE (host_id, id) ${before} (${$host}, (SELECT begin FROM stretch)) AND (host_id, id) ${after} (${$host}, (SELECT finish FROM stretch))
         ORDER BY host_id ${direction}, id ${direction}`;
  const ofTeams = conditionsOf({ ...NO_FILTER, teams: filter.teams }, parameter);
  const ofSeries = conditionsOf(
    { ...NO_FILTER, series: filter.series },
    parameter,
    current ? 'SELECT id FROM reach' : undefined,
  );
  const ofOutcomes = conditionsOf({ ...NO_FILTER, outcomes: filter.outcomes }, parameter);
  const conditions = [...ofTeams, ...ofSeries, ...ofOutcomes];
  const all = (conditions: readonly string[]): string =>
    conditions.length === 0 ? 'true' : conditions.join(' AND ');
  const found = (size: string): string =>
    `r AS (SELECT * FROM (${next(TOLD_COLUMNS)} LIMIT ${size}) looked WHERE ${all(conditions)} LIMIT ${$limit})`;
  const beyond = (size: string): string =>
    `beyond AS MATERIALIZED (SELECT CASE WHEN (SELECT found FROM page) < ${$limit} THEN (${next('id')} OFFSET ${size} LIMIT 1) END AS id)`;
  const start = `${current ? `reach AS MATERIALIZED (${CURRENT_SERIES}), ` : ''}stretch AS MATERIALIZED (SELECT ${stretch})`;
  const unlessFull = (value: string): string =>
    `CASE WHEN (SELECT id FROM beyond) IS NOT NULL THEN ${value} END`;
  const told = `(SELECT id FROM beyond)::float8 AS beyond, ${current ? unlessFull(reachColumns('reach')) : 'NULL::json'} AS reach`;
  if (probe >= budget || conditions.length === 0)
    return {
      statement: named(
        findingRuns(
          `${start}, ${found($budget)}`,
          `${told}, NULL::json AS outcomes, 1 AS "inTeams", 1 AS "inSeries", 1 AS "inOutcomes"`,
          beyond($budget),
        ),
      ),
      values,
    };
  const $probe = parameter(probe, 'int');
  const size = '(SELECT size FROM size)';
  const share = (count: string): string => `(SELECT ${count}::float8 / greatest(looked, 1) FROM probe)`;
  const stretches = filter.outcomes.kind === 'these' ? stretchesOf(filter.outcomes) : null;
  const ends = (at: 0 | 1): string => parameter(stretches?.map((stretch) => stretch[at]) ?? [], 'int[]');
  const outcomes = stretches ? unlessFull(outcomesWithin(ends(0), ends(1))) : 'NULL::json';
  const text = findingRuns(
    `${start},
     probe AS MATERIALIZED (
       SELECT count(*) AS looked, count(*) FILTER (WHERE of_teams) AS of_teams, count(*) FILTER (WHERE of_series) AS of_series,
         count(*) FILTER (WHERE of_outcomes) AS of_outcomes, count(*) FILTER (WHERE of_teams AND of_series AND of_outcomes) AS passing
       FROM (SELECT ${all(ofTeams)} AS of_teams, ${all(ofSeries)} AS of_series, ${all(ofOutcomes)} AS of_outcomes
             FROM (${next('id, series_id, outcome, host_id')} LIMIT ${$probe}) looked OFFSET 0) judged
     ), size AS MATERIALIZED (
       SELECT CASE WHEN looked < ${$probe} OR passing * ${$budget} >= ${HOPE} * ${$limit} * ${$probe} THEN ${$budget} ELSE 0 END AS size FROM probe
     ), ${found(size)}`,
    `${told}, ${outcomes} AS outcomes, ${share('of_teams')} AS "inTeams", ${share('of_series')} AS "inSeries", ${share('of_outcomes')} AS "inOutcomes"`,
    beyond(size),
  );
  return { statement: named(text), values };
}

const among = (column: string, set: string): string => `(${column} IN (${set})) IS TRUE`;

/** Sets are hashed: joined with them, or compared with a list, each run would be compared with each member. */
function conditionsOf(
  { series, outcomes, teams }: WalkFilter,
  parameter: Parameter,
  current = 'SELECT id FROM instance_series WHERE current AND id > 0',
): string[] {
  const wanted = passing(outcomes, parameter);
  return [
    ...(series === null
      ? []
      : [
          among('series_id', series === 'current' ? current : `SELECT unnest(${parameter(series, 'int[]')})`),
        ]),
    ...(wanted === null ? [] : [wanted]),
    ...(teams === null
      ? []
      : [among('host_id', `SELECT id FROM hosts WHERE team_id = ANY(${parameter(teams, 'int[]')})`)]),
  ];
}

const names = new Map<string, string>();

/** There are few texts: each is planned once per connection. */
function named(text: string): Statement {
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = `history_walk_${names.size}`));
  return { name, text };
}
