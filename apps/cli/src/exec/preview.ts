import { type Preview, type PreviewedHost } from '../api/command-shapes.js';
import { amount } from '../query/standing.js';
import { type Io, line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'HOST', least: 12 },
  { title: 'WOULD' },
  { title: 'WHY', least: 10 },
];

/** Who would run it, as a table; how many, and the name of this very set of hosts, on stderr. */
export function tellPreview(io: Io, { hosts, digest }: Preview): void {
  if (hosts.length > 0) {
    const rows = hosts.map((host) => [String(host.id), host.hostname, ...fate(host)]);
    line(io.stdout, renderTable(io, columns, rows));
  }
  const denied = hosts.filter(({ allowed }) => !allowed).length;
  const offline = hosts.filter(({ allowed, online }) => allowed && !online).length;
  const counts = [
    `${amount(hosts.length - denied - offline)} would run it`,
    ...(offline > 0 ? [`${amount(offline)} offline`] : []),
    ...(denied > 0 ? [`${amount(denied)} denied`] : []),
  ];
  line(io.stderr, printable(`${counts.join(', ')}; --digest ${digest} runs it on these alone`));
}

function fate({ allowed, online, rule }: PreviewedHost): [would: string, why: string] {
  if (!allowed) return ['be denied', rule ?? ''];
  return online ? ['run', ''] : ['be offline', rule ?? ''];
}
