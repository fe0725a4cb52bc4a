import { realpathSync } from 'node:fs';
import * as os from 'node:os';
import { readTextOr } from '../../platform/files.js';
import { type Row, type ScanContext, type Table } from '../engine/table.js';
import {
  ipv4FromHex,
  ipv4FromNumber,
  ipv4Mask,
  ipv4ToNumber,
  ipv6FromHex,
  ipv6Mask,
  prefixOf,
} from '../posix/addresses.js';
import { parseTrie } from './fib-trie.js';
import { listProc, readLines, readProc } from './proc.js';

const BROADCAST = 0x2;
const POINT_TO_POINT = 0x10;
const RUNNING = 0x40;
const LOWER_UP = 0x10000;
const DORMANT = 0x20000;

function attribute(name: string, file: string): string {
  return readTextOr(`/sys/class/net/${name}/${file}`);
}

function interfaces(scan: ScanContext): string[] {
  return listProc('/sys/class/net', scan).filter((name) => attribute(name, 'ifindex') !== '');
}

/** The flags of netdevice(7): sysfs has those that were set, what the link is doing follows from its state. */
function flagsOf(name: string): number {
  const running = attribute(name, 'carrier') === '1';
  const state = attribute(name, 'operstate');
  return (
    Number(attribute(name, 'flags') || 0) |
    (state === 'up' || (state === 'unknown' && running) ? RUNNING : 0) |
    (running ? LOWER_UP : 0) |
    (attribute(name, 'dormant') === '1' ? DORMANT : 0)
  );
}

/** Where the device sits on the PCI bus; empty for what is not a device there. */
function pciSlot(name: string): string {
  try {
    const device = realpathSync(`/sys/class/net/${name}/device`);
    return (device.match(/[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g) ?? []).pop() ?? '';
  } catch {
    return '';
  }
}

/** An address of an interface, before what depends on other tables of the kernel. */
interface Address {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
}

function ipv4Addresses(): Address[] {
  return Object.entries(os.networkInterfaces()).flatMap(([name, list]) =>
    (list ?? [])
      .filter(({ family }) => family === 'IPv4')
      .map(({ address, netmask }) => ({ interface: name, address, prefix: prefixOf(netmask) })),
  );
}

/** A line of /proc/net/if_inet6; null when it is none. Link-local addresses have their interface behind a percent sign. */
export function parseInet6(line: string): Address | null {
  const [hex, , prefix, scope, , name] = line.trim().split(/\s+/);
  if (hex === undefined || prefix === undefined || name === undefined || !/^[0-9a-f]{32}$/.test(hex))
    return null;
  const linkLocal = scope === '20';
  return {
    interface: name,
    address: `${ipv6FromHex(hex)}${linkLocal ? `%${name}` : ''}`,
    prefix: Number.parseInt(prefix, 16),
  };
}

/** Who is at the other end: the one host that is reached directly through the interface. */
function peers(scan: ScanContext): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of readLines('/proc/net/route', scan)) {
    const [name = '', destination = '', gateway, , , , , mask] = line.split('\t');
    if (mask === 'FFFFFFFF' && gateway === '00000000') found.set(name, ipv4FromHex(destination));
  }
  return found;
}

/** Addresses of interfaces that are up. */
export const interfaceAddresses: Table = {
  name: 'interface_addresses',
  platforms: ['linux'],
  *rows(scan) {
    const others = peers(scan);
    const broadcasts = new Set(
      [...parseTrie(readLines('/proc/net/fib_trie', scan))]
        .filter(({ type }) => type === 'BROADCAST')
        .map(({ destination }) => destination),
    );
    for (const { interface: name, address, prefix } of ipv4Addresses()) {
      // Names of addresses may have a label: eth0:1
      const flags = flagsOf(name.replace(/:.*/, ''));
      const last = ipv4FromNumber((ipv4ToNumber(address) | ~ipv4ToNumber(ipv4Mask(prefix))) >>> 0);
      yield {
        interface: name,
        address,
        mask: ipv4Mask(prefix),
        broadcast: flags & BROADCAST && broadcasts.has(last) ? last : '',
        point_to_point:
          flags & BROADCAST ? '' : flags & POINT_TO_POINT ? (others.get(name) ?? address) : address,
        type: 'unknown',
      };
    }
    for (const line of readLines('/proc/net/if_inet6', scan)) {
      const found = parseInet6(line);
      if (found === null) continue;
      yield {
        interface: found.interface,
        address: found.address,
        mask: ipv6Mask(found.prefix),
        broadcast: '',
        point_to_point: '',
        type: 'unknown',
      };
    }
  },
};

function details(name: string, scan: ScanContext): Row {
  const counter = (file: string): bigint => BigInt(attribute(name, `statistics/${file}`) || 0);
  const speed = Number(scan.uses('link_speed') ? attribute(name, 'speed') || 0 : 0);
  return {
    interface: name,
    mac: attribute(name, 'address') || '00:00:00:00:00:00',
    // Of the hardware type the last byte only, as osquery has it: 4 for the loopback's 772.
    type: Number(attribute(name, 'type') || 0) & 255,
    mtu: Number(attribute(name, 'mtu') || 0),
    metric: 0,
    flags: flagsOf(name),
    ipackets: counter('rx_packets'),
    opackets: counter('tx_packets'),
    ibytes: counter('rx_bytes'),
    obytes: counter('tx_bytes'),
    ierrors: counter('rx_errors'),
    oerrors: counter('tx_errors'),
    idrops: counter('rx_dropped'),
    odrops: counter('tx_dropped'),
    collisions: counter('collisions'),
    last_change: -1,
    link_speed: speed > 0 ? speed : null,
    pci_slot: scan.uses('pci_slot') ? pciSlot(name) : '',
  };
}

/** Network interfaces and their counters. */
export const interfaceDetails: Table = {
  name: 'interface_details',
  platforms: ['linux'],
  *rows(scan) {
    for (const name of interfaces(scan)) yield details(name, scan);
  },
};

/** How interfaces behave in IPv6, where what holds for all of them counts too. */
export const interfaceIpv6: Table = {
  name: 'interface_ipv6',
  platforms: ['linux'],
  *rows(scan) {
    const setting = (name: string, file: string): number => {
      const text = readProc(`/proc/sys/net/ipv6/conf/${name}/${file}`, scan);
      return text === null ? -1 : Number(text);
    };
    for (const name of interfaces(scan)) {
      const forwarding = setting(name, 'forwarding');
      const redirects = [setting('all', 'accept_redirects'), setting(name, 'accept_redirects')];
      const advertisements = setting(name, 'accept_ra');
      yield {
        interface: name,
        hop_limit: setting(name, 'hop_limit'),
        forwarding_enabled: forwarding,
        redirect_accept: forwarding ? redirects.every(Boolean) : redirects.some(Boolean),
        // 2: also while forwarding.
        rtadv_accept: advertisements === 2 || (advertisements !== 0 && forwarding === 0),
      };
    }
  },
};
