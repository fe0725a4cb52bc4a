import { type Row, type Table } from '../engine/table.js';
import { outputOf } from '../posix/programs.js';

/** Octets with both digits: `0:1:a` is how macOS writes 00:01:0a. */
function fullMac(text: string): string {
  return text
    .split(':')
    .map((octet) => octet.padStart(2, '0'))
    .join(':');
}

/** A line of `arp -an`; null for what is none. */
export function parseArp(line: string): Row | null {
  const [, address, mac = '', name, rest = ''] = /^\S+ \(([^)]+)\) at (\S+) on (\S+)(.*)$/.exec(line) ?? [];
  if (address === undefined) return null;
  return {
    address,
    mac: mac === '(incomplete)' ? 'incomplete' : fullMac(mac),
    interface: name,
    permanent: /\bpermanent\b/.test(rest) ? '1' : '0',
  };
}

/** IPv4 neighbours. */
export const darwinArpCache: Table = {
  name: 'arp_cache',
  platforms: ['darwin'],
  *rows(scan) {
    for (const line of (outputOf('arp', ['-an'], scan) ?? '').split('\n')) {
      const row = parseArp(line);
      if (row) yield row;
    }
  },
};

/** Letters of netstat(1) and the flags of the kernel that they stand for. */
const FLAGS: Readonly<Record<string, number>> = {
  U: 0x1,
  G: 0x2,
  H: 0x4,
  R: 0x8,
  D: 0x10,
  M: 0x20,
  d: 0x40,
  C: 0x100,
  X: 0x200,
  L: 0x400,
  S: 0x800,
  B: 0x1000,
  2: 0x4000,
  1: 0x8000,
  c: 0x10000,
  W: 0x20000,
  3: 0x40000,
  b: 0x400000,
  m: 0x800000,
  I: 0x1000000,
  i: 0x4000000,
  Y: 0x8000000,
  r: 0x10000000,
  g: 0x40000000,
};

/** The first that fits; what a route is otherwise. */
const TYPES = [
  ['G', 'gateway'],
  ['D', 'dynamic'],
  ['M', 'modified'],
  ['S', 'static'],
  ['B', 'blackhole'],
  ['r', 'router'],
  ['Y', 'proxy'],
] as const;

/** `10.1/16`, `169.254`, `fe80::%lo0/64`, `default`: an address and the bits of its network. */
function destinationOf(text: string, six: boolean, host: boolean): { destination: string; netmask: number } {
  if (text === 'default') return { destination: six ? '::' : '0.0.0.0', netmask: 0 };
  const [address = '', bits] = text.split('/');
  if (six) return { destination: address, netmask: bits === undefined ? 128 : Number(bits) };
  const parts = address.split('.');
  return {
    destination: [...parts, '0', '0', '0'].slice(0, 4).join('.'),
    netmask: bits !== undefined ? Number(bits) : host || parts.length === 4 ? 32 : parts.length * 8,
  };
}

/** What `netstat -rnl` says; the heading of each part names its columns, which are not the same on every macOS. */
export function* parseRoutes(text: string): Generator<Row> {
  let six = false;
  let columns: string[] = [];
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (/^Internet6?:$/.test(line)) six = line === 'Internet6:';
    else if (words[0] === 'Destination') columns = words;
    else if (words.length > 3 && columns.length > 0) {
      const word = (name: string): string | undefined => words[columns.indexOf(name)];
      const flags = word('Flags') ?? '';
      const gateway = word('Gateway') ?? '';
      const name = word('Netif') ?? '';
      const host = flags.includes('H');
      const type = TYPES.find(([letter]) => flags.includes(letter))?.[1] ?? 'other';
      yield {
        ...destinationOf(words[0] ?? '', six, host),
        gateway: gateway.startsWith('link#')
          ? ''
          : /^[0-9a-f]{1,2}(:[0-9a-f]{1,2}){5}$/i.test(gateway)
            ? fullMac(gateway)
            : gateway,
        source: '',
        flags: [...flags].reduce((sum, letter) => sum | (FLAGS[letter] ?? 0), 0),
        interface: name,
        mtu: Number(word('Mtu') ?? 0) || 0,
        metric: 0,
        type: host && /^lo\d/.test(name) ? 'local' : type,
        hopcount: 0,
      };
    }
  }
}

/** The routes of the kernel. */
export const darwinRoutes: Table = {
  name: 'routes',
  platforms: ['darwin'],
  *rows(scan) {
    const asked = scan.equals('type');
    for (const row of parseRoutes(outputOf('netstat', ['-rnl'], scan) ?? ''))
      if (!asked || asked.includes(String(row['type']))) yield row;
  },
};

/** By what names of interfaces begin with: the types of net/if_types.h. */
const TYPES_BY_NAME = [
  ['lo', 24],
  ['gif', 55],
  ['stf', 57],
  ['bridge', 209],
  ['vlan', 135],
  ['bond', 136],
  ['ppp', 23],
] as const;
const ETHERNET = 6;
const OTHER = 1;

/** What `ifconfig -a` says of each interface. */
export function* parseInterfaces(text: string): Generator<Row> {
  for (const block of text.split(/\n(?=\S)/)) {
    const [, name, flags = '', mtu] = /^(\S+?): flags=([0-9a-f]+)<[^>]*>.*?\bmtu (\d+)/.exec(block) ?? [];
    if (name === undefined) continue;
    const mac = /\n\s+(?:ether|lladdr) ([0-9a-f:]+)/.exec(block)?.[1];
    const prefix = name.replace(/\d+$/, '');
    yield {
      interface: name,
      mac: mac === undefined ? '00:00:00:00:00:00' : fullMac(mac),
      type: TYPES_BY_NAME.find(([begin]) => begin === prefix)?.[1] ?? (mac === undefined ? OTHER : ETHERNET),
      mtu: Number(mtu),
      metric: Number(/\bmetric (\d+)/.exec(block)?.[1] ?? 0),
      flags: Number.parseInt(flags, 16),
      last_change: -1,
    };
  }
}

const COUNTERS = ['ipackets', 'ierrors', 'ibytes', 'opackets', 'oerrors', 'obytes', 'collisions'] as const;

/** The counters of `netstat -ibn` by interface: those of its line for the link, whose address may be missing. */
export function parseCounters(text: string): Map<string, Row> {
  const found = new Map<string, Row>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (!words[2]?.startsWith('<Link#')) continue;
    const values = words.slice(-COUNTERS.length);
    // An asterisk says that it is down.
    const name = words[0]?.replace(/\*$/, '') ?? '';
    found.set(
      name,
      Object.fromEntries(COUNTERS.map((column, i) => [column, BigInt(values[i]?.match(/^\d+$/)?.[0] ?? 0)])),
    );
  }
  return found;
}

/** Network interfaces and their counters. */
export const darwinInterfaceDetails: Table = {
  name: 'interface_details',
  platforms: ['darwin'],
  *rows(scan) {
    const counted = COUNTERS.some((column) => scan.uses(column));
    const counters = counted ? parseCounters(outputOf('netstat', ['-ibn'], scan) ?? '') : null;
    for (const row of parseInterfaces(outputOf('ifconfig', ['-a'], scan) ?? ''))
      yield { ...row, ...counters?.get(String(row['interface'])) };
  },
};
