import { type HostFilter, type MusterApi } from '../api/muster-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface HostsOptions extends ConnectionOptions {
  /** A team's name, or `none`. */
  readonly team?: string;
  readonly status?: 'online' | 'offline';
  readonly json?: boolean;
}

export interface TransferOptions extends ConnectionOptions {
  /** A team's name, or `none`. */
  readonly team: string;
}

export interface ReenrollOptions extends ConnectionOptions {
  /** Seconds. */
  readonly for?: number;
  /** Take it back. */
  readonly withdraw?: boolean;
}

const NO_TEAM = 'none';

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'HOSTNAME', least: 12 },
  { title: 'STATUS' },
  { title: 'TEAM', least: 4 },
  { title: 'OS', least: 8 },
  { title: 'IP', least: 15 },
];

export function hosts(context: Context, options: HostsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const filter = await filterOf(api, options);
    const found = await api.hosts(filter);
    if (options.json) {
      line(io.stdout, JSON.stringify({ hosts: found.map((host) => host.raw) }, null, 2));
    } else if (found.length === 0) {
      const filtered = options.team !== undefined || options.status !== undefined;
      line(
        io.stderr,
        filtered ? 'no such host' : 'no host has enrolled yet: `muster agent --help` tells how',
      );
    } else {
      const rows = found.map((host) => [
        String(host.id),
        host.hostname,
        host.status,
        host.team,
        host.os,
        host.ip,
      ]);
      line(io.stdout, renderTable(io, columns, rows));
    }
    return 0;
  });
}

/** All of them, or none. */
export function transferHosts(
  context: Context,
  names: readonly string[],
  { team, ...options }: TransferOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    const teams = team === NO_TEAM ? [] : [{ type: 'team' as const, identifier: team }];
    const wanted = names.map((identifier) => ({ type: 'host' as const, identifier }));
    const ids = await api.idsOf([...wanted, ...teams]);
    const hostIds = [...new Set(ids.slice(0, names.length))];
    await api.transferHosts(ids[names.length] ?? null, hostIds);
    const where = team === NO_TEAM ? 'no team' : `team ${team}`;
    line(
      context.io.stdout,
      printable(`${hostIds.length} host${hostIds.length === 1 ? '' : 's'} moved to ${where}`),
    );
    return 0;
  });
}

/** @param on false: it takes work again */
export function drainHost(
  context: Context,
  name: string,
  on: boolean,
  options: ConnectionOptions,
): Promise<number> {
  return withApi(context, options, async (api) => {
    line(context.io.stdout, printable(await api.commands.drain(name, on)));
    return 0;
  });
}

export function reenrollHost(context: Context, name: string, options: ReenrollOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { id, hostname } = await api.host(name);
    if (options.withdraw) {
      await api.withdrawReenrolment(id);
      line(context.io.stdout, printable(`${hostname} needs its key to enroll again`));
      return 0;
    }
    const until = await api.allowReenrolment(id, options.for);
    line(
      context.io.stdout,
      printable(
        `${hostname} may enroll again without its key, once, until ${until}; its agent asks every minute`,
      ),
    );
    return 0;
  });
}

async function filterOf(api: MusterApi, { team, status }: HostsOptions): Promise<HostFilter> {
  const [teamId] =
    team === undefined ? [] : team === NO_TEAM ? [0] : await api.idsOf([{ type: 'team', identifier: team }]);
  return { ...(teamId !== undefined && { teamId }), ...(status && { status }) };
}
