import { type LiveQueryRequest, type MusterApi } from '../api/muster-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, UsageError } from '../errors.js';
import { LiveQuery } from '../query/live-query.js';

export interface QueryOptions extends ConnectionOptions {
  readonly queryName?: string;
  readonly hosts?: readonly string[];
  readonly labels?: readonly string[];
  readonly teams?: readonly string[];
  readonly all?: boolean;
  readonly aggregate?: string;
  readonly json?: boolean;
  readonly csv?: boolean;
  /** Seconds. */
  readonly timeout?: number;
  readonly exit?: boolean;
  readonly waitOffline?: boolean;
  readonly hostSeconds?: number;
  readonly hostRows?: number;
}

/** The label that every host is in. */
const EVERYBODY = 'All Hosts';

/** @returns 0 when every host that was online answered; 1 when not; 130 after Ctrl-C */
export function query(context: Context, sql: string | undefined, options: QueryOptions): Promise<number> {
  check(sql, options);
  return withApi(context, options, async (api) => {
    const request = await requestOf(api, sql, options);
    const campaign = await api.runQuery(request);
    return new LiveQuery(context, api, campaign, options).run();
  });
}

/** @throws UsageError */
function check(sql: string | undefined, options: QueryOptions): void {
  const { queryName, hosts = [], labels = [], teams = [] } = options;
  if ((sql?.trim() ? 1 : 0) + (queryName === undefined ? 0 : 1) !== 1)
    throw new UsageError('say what to ask in one way: SQL, or --query-name NAME');
  if (!options.all && hosts.length + labels.length + teams.length === 0)
    throw new UsageError('say whom to ask: --hosts, --labels or --teams with names, or --all');
  if (options.json && options.csv) throw new UsageError('--json or --csv: one of them');
  if (options.exit && options.waitOffline) throw new UsageError('--exit or --wait-offline: one of them');
}

async function requestOf(
  api: MusterApi,
  sql: string | undefined,
  options: QueryOptions,
): Promise<LiveQueryRequest> {
  const { queryName, hosts = [], labels = [], teams = [] } = options;
  const what =
    queryName === undefined ? { sql } : { queryId: await savedQueryId(api, queryName, options.teams ?? []) };
  return {
    ...what,
    hosts,
    labels: options.all ? [...labels, EVERYBODY] : labels,
    teams,
    aggregate: options.aggregate,
    hostSeconds: options.hostSeconds,
    hostRows: options.hostRows,
  };
}

/** One for all hosts; otherwise one of the teams that are asked. */
async function savedQueryId(api: MusterApi, name: string, teams: readonly string[]): Promise<number> {
  const teamIds = await api.idsOf(teams.map((identifier) => ({ type: 'team', identifier })));
  for (const teamId of [undefined, ...teamIds]) {
    const found = await api.savedQueries(name, teamId);
    const saved = found.find((each) => each.name.toLowerCase() === name.toLowerCase());
    if (saved) return saved.id;
  }
  const where = teams.length > 0 ? ', neither for all hosts nor of these teams' : ' for all hosts';
  throw new CliError(`there is no saved query ${name}${where}`);
}
