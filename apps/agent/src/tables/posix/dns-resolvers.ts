import * as os from 'node:os';
import { type Row, type Table } from '../engine/table.js';
import { linesOf } from './files.js';

/** What the resolver does unless told otherwise: initialised, recursive, with the search list. */
const DEFAULT_OPTIONS = 0x2c1;
const OPTIONS: Record<string, number> = {
  debug: 0x2,
  'use-vc': 0x8,
  inet6: 0x2000,
  rotate: 0x4000,
  'no-check-names': 0x8000,
  edns0: 0x100000,
  'single-request': 0x200000,
  'single-request-reopen': 0x400000,
  'no-tld-query': 0x1000000,
  'no-reload': 0x2000000,
  'trust-ad': 0x4000000,
};
/** The C library takes no more. */
const MOST_SERVERS = 3;

/** What a resolv.conf says, in the C library's words. */
export function* parseResolvConf(lines: Iterable<string>, hostname: string): Iterable<Row> {
  const servers: string[] = [];
  const sorted: { address: string; netmask: string }[] = [];
  // The last of several counts.
  let search: string[] | null = null;
  let options = DEFAULT_OPTIONS;
  for (const line of lines) {
    const [keyword, ...values] = line
      .replace(/(^|\s)[#;].*$/, '')
      .trim()
      .split(/\s+/);
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0]);
    else if (keyword === 'search') search = values;
    else if (keyword === 'domain') search = values.slice(0, 1);
    else if (keyword === 'options') for (const option of values) options |= OPTIONS[option] ?? 0;
    else if (keyword === 'sortlist')
      for (const value of values) {
        const [address = '', netmask = ''] = value.split('/');
        sorted.push({ address, netmask });
      }
  }
  if (servers.length === 0) servers.push('127.0.0.1');
  const own = hostname.includes('.') ? [hostname.slice(hostname.indexOf('.') + 1)] : [];
  for (const [id, address] of servers.slice(0, MOST_SERVERS).entries())
    yield { id, type: 'nameserver', address, netmask: '32', options };
  for (const [id, one] of sorted.entries()) yield { id, type: 'sortlist', ...one, options };
  for (const [id, address] of (search ?? own).entries()) yield { id, type: 'search', address, options };
}

/** Who resolves names for this host. */
export const dnsResolvers: Table = {
  name: 'dns_resolvers',
  platforms: ['linux', 'darwin'],
  *rows(scan) {
    for (const row of parseResolvConf(linesOf('/etc/resolv.conf', scan), os.hostname()))
      yield { ...row, pid_with_namespace: 0 };
  },
};
