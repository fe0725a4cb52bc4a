import { type SavedQuery } from '../api/campaign-shapes.js';
import { type LiveQueryRequest, type MusterApi } from '../api/muster-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, UsageError } from '../errors.js';
import { LiveQuery } from '../query/live-query.js';
import { isSigned, type SigningOptions } from '../signing/options.js';
import { type Signable } from '../signing/signable.js';

export interface QueryOptions extends ConnectionOptions, SigningOptions {
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
/** What the server takes when nothing is said; what is signed says so. */
const HOST_SECONDS = 60;

/** @returns 0 when every host that was online answered; 1 when not; 130 after Ctrl-C */
export function query(context: Context, sql: string | undefined, options: QueryOptions): Promise<number> {
  check(sql, options);
  return withApi(context, options, async (api) => {
    const { request, text } = await requestOf(api, sql, options);
    const campaign = await api.runQuery(await signed(context, api, request, text, options));
    return new LiveQuery(context, api, campaign, options).run();
  });
}

/** @throws UsageError */
function check(sql: string | undefined, options: QueryOptions): void {
  const { queryName, hosts = [], labels = [], teams = [], sign } = options;
  if (sql === undefined && queryName === undefined && typeof sign === 'string')
    throw new UsageError(`--sign took "${sign}" for the name of a key: put the SQL before it`);
  if ((sql?.trim() ? 1 : 0) + (queryName === undefined ? 0 : 1) !== 1)
    throw new UsageError('say what to ask in one way: SQL, or --query-name NAME');
  if (!options.all && hosts.length + labels.length + teams.length === 0)
    throw new UsageError('say whom to ask: --hosts, --labels or --teams with names, or --all');
  if (options.json && options.csv) throw new UsageError('--json or --csv: one of them');
  if (options.exit && options.waitOffline) throw new UsageError('--exit or --wait-offline: one of them');
}

/** @returns the request, and the SQL that it stands for */
async function requestOf(
  api: MusterApi,
  sql = '',
  options: QueryOptions,
): Promise<{ request: LiveQueryRequest; text: string }> {
  const { queryName, hosts = [], labels = [], teams = [] } = options;
  const saved = queryName === undefined ? undefined : await savedQuery(api, queryName, teams);
  const request: LiveQueryRequest = {
    ...(saved ? { queryId: saved.id } : { sql }),
    hosts,
    labels: options.all ? [...labels, EVERYBODY] : labels,
    teams,
    aggregate: options.aggregate,
    hostSeconds: options.hostSeconds,
    hostRows: options.hostRows,
  };
  return { request, text: saved ? saved.sql : sql.trim() };
}

/** The request with what its caller has signed of it, for the hosts that it is about. */
async function signed(
  context: Context,
  api: MusterApi,
  request: LiveQueryRequest,
  text: string,
  options: QueryOptions,
): Promise<LiveQueryRequest> {
  if (!isSigned(options)) return request;
  const { signedFor } = await import('../signing/sign.js');
  const { hosts: names, labels, teams, hostSeconds = HOST_SECONDS } = request;
  const all = await api.idsOf([
    ...names.map((identifier) => ({ type: 'host' as const, identifier })),
    ...labels.map((identifier) => ({ type: 'label' as const, identifier })),
    ...teams.map((identifier) => ({ type: 'team' as const, identifier })),
  ]);
  const ids = {
    hosts: all.slice(0, names.length),
    labels: all.slice(names.length, names.length + labels.length),
    teams: all.slice(names.length + labels.length),
  };
  const { hosts } = await api.commands.previewQuery(ids);
  const what: Signable = {
    run: { kind: 'query', timeoutSeconds: hostSeconds },
    content: Buffer.from(text),
    stdin: null,
    hosts: hosts.filter(({ allowed }) => allowed),
  };
  const statement = await signedFor(context, options, what, {
    names,
    open: labels.length + teams.length > 0,
    // What a saved query says the server says.
    ownContent: request.queryId === undefined,
  });
  return { ...request, hostSeconds, statement };
}

/** One for all hosts; otherwise one of the teams that are asked. */
async function savedQuery(api: MusterApi, name: string, teams: readonly string[]): Promise<SavedQuery> {
  const teamIds = await api.idsOf(teams.map((identifier) => ({ type: 'team', identifier })));
  for (const teamId of [undefined, ...teamIds]) {
    const found = await api.savedQueries(name, teamId);
    const saved = found.find((each) => each.name.toLowerCase() === name.toLowerCase());
    if (saved) return saved;
  }
  const where = teams.length > 0 ? ', neither for all hosts nor of these teams' : ' for all hosts';
  throw new CliError(`there is no saved query ${name}${where}`);
}
