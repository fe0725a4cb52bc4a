import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { line } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface HostsOptions extends ConnectionOptions {
  readonly json?: boolean;
}

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'HOSTNAME', least: 12 },
  { title: 'STATUS' },
  { title: 'OS', least: 8 },
  { title: 'IP', least: 15 },
];

export function hosts(context: Context, options: HostsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const found = await api.hosts();
    if (options.json) {
      line(io.stdout, JSON.stringify({ hosts: found.map((host) => host.raw) }, null, 2));
    } else if (found.length === 0) {
      line(io.stderr, 'no host has enrolled yet: `muster agent --help` tells how');
    } else {
      const rows = found.map((host) => [String(host.id), host.hostname, host.status, host.os, host.ip]);
      line(io.stdout, renderTable(io, columns, rows));
    }
    return 0;
  });
}
