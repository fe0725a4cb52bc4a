import * as os from 'node:os';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import { ipv4FromHex, ipv4ToNumber, ipv6FromHex, prefixOf } from '../posix/addresses.js';
import { parseTrie } from './fib-trie.js';
import { readLines } from './proc.js';

/** Of the flags in the route files: through a gateway, rejected, an address of this host. */
const GATEWAY = 0x2;
const REJECT = 0x200;
const LOCAL = 0x80000000;
const ANYCAST = 0x00100000;

interface Own {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
}

function ownAddresses(): Own[] {
  return Object.entries(os.networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, netmask }) => ({
        interface: name.replace(/:.*/, ''),
        address,
        prefix: prefixOf(netmask),
      })),
  );
}

function contains(network: string, prefix: number, address: string): boolean {
  const bits = (text: string): number => (prefix === 0 ? 0 : ipv4ToNumber(text) >>> (32 - prefix));
  return bits(network) === bits(address);
}

/** A line of /proc/net/route; null for the heading. */
export function parseRoute(line: string): Row | null {
  const [name, destination = '', gateway = '', flags = '', , , metric, mask = '', mtu] = line
    .trim()
    .split(/\s+/);
  if (name === undefined || mtu === undefined || !/^[0-9A-F]{8}$/.test(destination)) return null;
  return {
    destination: ipv4FromHex(destination),
    netmask: prefixOf(ipv4FromHex(mask)),
    gateway: Number.parseInt(flags, 16) & GATEWAY ? ipv4FromHex(gateway) : '',
    source: '',
    flags: 0,
    interface: name === '*' ? '' : name,
    mtu: Number(mtu),
    metric: Number(metric),
    type: Number.parseInt(flags, 16) & REJECT ? 'other' : 'gateway',
    hopcount: 0,
  };
}

/** A line of /proc/net/ipv6_route; null when it is none. */
export function parseRoute6(line: string): Row | null {
  const [destination = '', prefix = '', , , gateway = '', metric = '', , , flags = '', name] = line
    .trim()
    .split(/\s+/);
  if (name === undefined || !/^[0-9a-f]{32}$/.test(destination)) return null;
  const bits = Number.parseInt(flags, 16);
  const type = bits & LOCAL ? 'local' : bits & ANYCAST ? 'anycast' : bits & REJECT ? 'other' : 'gateway';
  return {
    destination: ipv6FromHex(destination),
    netmask: Number.parseInt(prefix, 16),
    gateway: bits & GATEWAY ? ipv6FromHex(gateway) : '',
    source: '',
    flags: 0,
    interface: name,
    mtu: 0,
    metric: Number.parseInt(metric, 16),
    // Multicast has its own type in the kernel, which this file does not tell.
    type: type === 'gateway' && destination.startsWith('ff') ? 'other' : type,
    hopcount: 0,
  };
}

/** What leads to this host itself and to all of a network: /proc/net/route leaves it out, the trie has it without interfaces. */
function* localRoutes(own: readonly Own[], scan: ScanContext): Iterable<Row> {
  for (const { destination, prefix, type } of parseTrie(readLines('/proc/net/fib_trie', scan))) {
    if (type !== 'LOCAL' && type !== 'BROADCAST' && type !== 'ANYCAST') continue;
    const via =
      own.find(({ address }) => address === destination) ??
      own.find((one) => contains(one.address, Math.min(one.prefix, prefix), destination));
    yield {
      destination,
      netmask: prefix,
      gateway: '',
      source: via?.address ?? '',
      flags: 0,
      interface: via?.interface ?? '',
      mtu: 0,
      metric: 0,
      type: type.toLowerCase(),
      hopcount: 0,
    };
  }
}

/** The routes of the kernel, of IPv4 and IPv6; what leads to this host too. */
export const routes: Table = {
  name: 'routes',
  platforms: ['linux'],
  *rows(scan) {
    const own = ownAddresses();
    for (const line of readLines('/proc/net/route', scan)) {
      const route = parseRoute(line);
      if (route === null) continue;
      // What the kernel prefers as source: its own address in a network that it is part of.
      const source =
        route['gateway'] === ''
          ? own.find(
              (one) =>
                one.interface === route['interface'] &&
                contains(String(route['destination']), Number(route['netmask']), one.address),
            )?.address
          : undefined;
      yield { ...route, source: source ?? '' };
    }
    yield* localRoutes(own, scan);
    for (const line of readLines('/proc/net/ipv6_route', scan)) {
      const route = parseRoute6(line);
      if (route !== null) yield route;
    }
  },
};
