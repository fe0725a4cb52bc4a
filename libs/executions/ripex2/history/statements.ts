import { hasTwin } from '#libs/scripts/index';

/*
 * The statements of the history that are no walks. Lists come as columns: rows take several times as long to read.
 */

/** SQL for `WITH name AS MATERIALIZED (…)`: series, and between which ids their runs lie. */
export const CURRENT_SERIES = 'SELECT id, first_run, last_run FROM instance_series WHERE current AND id > 0';

/** SQL: the same as a value. */
export const reachColumns = (from: string): string =>
  `(SELECT array_to_json(ARRAY[array_agg(id), array_agg(first_run), array_agg(last_run)]) FROM ${from})`;

/** Of a run, as the indexes that are walked hold it, too. */
const TOLD = [
  'id',
  'host_id',
  'series_id',
  'outcome',
  'started_ms',
  'duration_ms',
  'start_term',
  'stop_term',
] as const;

/** SQL: the columns that a page's runs have. */
export const TOLD_COLUMNS = TOLD.join(', ');

/**
 * The runs of a page, a column each, as the text of JSON (arrays of numbers take less than `json_agg`'s general way), and the version of the names they
 * are told by. Ends a statement.
 * @param tables what `WITH` is to define before, `r` among it: the page's runs, `TOLD_COLUMNS`
 * @param more further columns
 * @param after what `WITH` is to define then; `found` of `page` is how many runs there are
 */
export function findingRuns(tables: string, more = 'NULL AS more', after?: string): string {
  return `WITH ${tables}, page AS MATERIALIZED (
      SELECT count(*) AS found, '[[' || concat_ws('],[', ${TOLD.map((column) => `array_to_string(array_agg(${column}), ',', 'null')`).join(', ')}) || ']]' AS runs FROM r
    )${after === undefined ? '' : `, ${after}`}
    SELECT runs, (SELECT version FROM history_names WHERE id = 1) AS version, ${more} FROM page`;
}

/** SQL for a value: the outcomes within some stretches that any run has had. One look for each of them, however many runs have it. */
export function outcomesWithin(least: string, most: string): string {
  return `(SELECT coalesce(array_to_json(array_agg(outcome)), '[]') FROM unnest(${least}, ${most}) AS within(least, most) CROSS JOIN LATERAL (
      WITH RECURSIVE o AS (
        (SELECT outcome FROM instance_outcomes WHERE outcome >= least AND outcome <= most ORDER BY outcome LIMIT 1)
        UNION ALL SELECT (SELECT n.outcome FROM instance_outcomes n WHERE n.outcome > o.outcome AND n.outcome <= most ORDER BY n.outcome LIMIT 1) FROM o WHERE o.outcome IS NOT NULL
      ) SELECT outcome FROM o WHERE outcome IS NOT NULL) there)`;
}

export const SQL = {
  outcomes: {
    name: 'history_outcomes',
    text: `SELECT ${outcomesWithin('$1::int[]', '$2::int[]')} AS outcomes`,
  },
  hostsOfTeams: {
    name: 'history_hosts_of_teams',
    text: `SELECT coalesce(array_to_json(array_agg(id)), '[]') AS ids FROM hosts WHERE team_id = ANY($1::int[])`,
  },
  rows: {
    name: 'history_rows',
    text: findingRuns(`r AS (SELECT ${TOLD_COLUMNS} FROM instance_runs WHERE id = ANY($1::bigint[]))`),
  },
  // With the version of which they are.
  names: {
    name: 'history_names',
    text: `SELECT (SELECT version FROM history_names WHERE id = 1) AS version,
             (SELECT coalesce(json_agg(json_build_array(id, hostname)), '[]') FROM hosts WHERE id = ANY($1::int[])) AS hosts,
             (SELECT coalesce(json_agg(json_build_array(id, team_id, script_name, instance_name, current, ${hasTwin('s.team_id', 's.script_name')})), '[]')
              FROM instance_series s WHERE id = ANY($2::int[])) AS series,
             (SELECT coalesce(json_agg(json_build_array(id, term)), '[]') FROM instance_terms WHERE id = ANY($3::int[])) AS terms`,
  },
  // The newest of each series on one host; ids of hosts and series stand first in the index.
  lastOnHost: {
    name: 'history_last_on_host',
    text: `SELECT max(r.id)::float8 AS id FROM unnest($2::int[]) AS s(id) JOIN instance_outcomes o ON o.series_id = s.id CROSS JOIN LATERAL (
             SELECT id FROM instance_runs WHERE (host_id, series_id, outcome, id) >= ($1::int, s.id, o.outcome, 0::bigint)
               AND (host_id, series_id, outcome, id) <= ($1::int, s.id, o.outcome, 9223372036854775807)
             ORDER BY host_id DESC, series_id DESC, outcome DESC, id DESC LIMIT 1) r GROUP BY s.id`,
  },
};
