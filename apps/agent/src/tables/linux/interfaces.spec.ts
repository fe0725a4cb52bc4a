import { readFileSync, readdirSync } from 'node:fs';
import * as os from 'node:os';
import { type Ask, openTables, program } from '../testing.js';
import { ipv4Mask } from '../posix/addresses.js';
import { parseNeighbour } from './arp-cache.js';
import { parseTrie } from './fib-trie.js';
import { parseInet6 } from './interfaces.js';
import { parseRoute, parseRoute6 } from './routes.js';

interface Link {
  ifname: string;
  flags: string[];
  mtu: number;
  address?: string;
  addr_info: { family: string; local: string; prefixlen: number; broadcast?: string; scope: string }[];
}

interface Route {
  dst: string;
  dev?: string;
  gateway?: string;
  type?: string;
  metric?: number;
  prefsrc?: string;
}

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

function json<T>(...args: string[]): T[] | null {
  const lines = program('ip', '-j', ...args);
  return lines && (JSON.parse(lines.join('') || '[]') as T[]);
}

it('knows the interfaces that ip knows, and what they are doing', () => {
  const bits: Record<string, number> = {
    UP: 0x1,
    BROADCAST: 0x2,
    LOOPBACK: 0x8,
    POINTOPOINT: 0x10,
    NOARP: 0x80,
    PROMISC: 0x100,
    MULTICAST: 0x1000,
    LOWER_UP: 0x10000,
  };
  const rows = ask('select interface, mac, mtu, flags from interface_details order by interface');
  const links = json<Link>('link');
  if (links === null) {
    expect(rows.map((row) => row['interface'])).toEqual(readdirSync('/sys/class/net').sort());
    return;
  }
  const known = Object.values(bits).reduce((sum, bit) => sum | bit, 0);
  expect(rows.map((row) => ({ ...row, flags: Number(row['flags']) & known }))).toEqual(
    links
      .map(({ ifname, address, mtu, flags }) => ({
        interface: ifname,
        mac: address,
        mtu: String(mtu),
        flags: flags.reduce((sum, flag) => sum | (bits[flag] ?? 0), 0),
      }))
      .sort((a, b) => (a.interface < b.interface ? -1 : 1)),
  );
});

it('counts what /proc counts', () => {
  const line =
    readFileSync('/proc/net/dev', 'utf8')
      .split('\n')
      .find((one) => one.trim().startsWith('lo:')) ?? '';
  const counters = line.replace(/^.*:/, '').trim().split(/\s+/).map(Number);
  const [row] = ask(
    `select type, ibytes, ipackets, obytes, opackets from interface_details where interface = 'lo'`,
  );
  expect(row?.['type']).toBe('4');
  expect(Number(row?.['ibytes'])).toBeGreaterThanOrEqual(counters[0] ?? NaN);
  expect(Number(row?.['ipackets'])).toBeGreaterThanOrEqual(counters[1] ?? NaN);
  expect(Number(row?.['obytes'])).toBeGreaterThanOrEqual(counters[8] ?? NaN);
  expect(row?.['ibytes']).toBe(row?.['obytes']);
});

it('knows the addresses that ip knows', () => {
  const rows = ask('select interface, address, mask, broadcast from interface_addresses');
  const links = json<Link>('addr');
  if (links === null) {
    const theirs = Object.values(os.networkInterfaces()).flatMap((list) =>
      (list ?? []).map((one) => one.address),
    );
    expect(rows.map((row) => row['address']?.replace(/%.*/, '')).sort()).toEqual(theirs.sort());
    return;
  }
  const theirs = links.flatMap(({ ifname, addr_info: list }) => list.map((one) => ({ ifname, ...one })));
  expect(rows.map((row) => row['address']).sort()).toEqual(
    theirs
      .map(({ ifname, local, family, scope }) =>
        family === 'inet6' && scope === 'link' ? `${local}%${ifname}` : local,
      )
      .sort(),
  );
  for (const { ifname, local, prefixlen, broadcast, family } of theirs) {
    if (family === 'inet')
      expect(rows.find((row) => row['address'] === local)).toMatchObject({
        interface: ifname,
        mask: ipv4Mask(prefixlen),
        broadcast: broadcast ?? '',
      });
  }
});

it('gives the loopback its own address as the other end', () => {
  const sql = `select address, mask, broadcast, point_to_point, type from interface_addresses where interface = 'lo'`;
  expect(ask(`${sql} and address = '127.0.0.1'`)).toEqual([
    { address: '127.0.0.1', mask: '255.0.0.0', broadcast: '', point_to_point: '127.0.0.1', type: 'unknown' },
  ]);
});

it('knows the routes that ip knows', () => {
  const rows = ask('select * from routes');
  const theirs = json<Route>('route', 'show', 'table', 'all');
  const theirs6 = json<Route>('-6', 'route', 'show', 'table', 'all') ?? [];
  if (theirs === null) {
    expect(rows.length).toBeGreaterThan(0);
    return;
  }
  const types: Record<string, string> = { local: 'local', broadcast: 'broadcast', anycast: 'anycast' };
  // Some versions of ip show the routes of IPv6 in both lists.
  const all = [...theirs.filter(({ dst, gateway = '' }) => !`${dst}${gateway}`.includes(':')), ...theirs6];
  const text = all.map(({ dst, dev, gateway, type, metric, prefsrc }) => {
    const six = theirs6.some((route) => route.dst === dst && route.gateway === gateway);
    const [address = '', prefix = six ? '128' : '32'] =
      dst === 'default' ? [six ? '::' : '0.0.0.0', '0'] : dst.split('/');
    const kind = type === undefined ? 'gateway' : (types[type] ?? 'other');
    return `${address}/${prefix} dev ${dev ?? ''} via ${gateway ?? ''} metric ${metric ?? 0} from ${prefsrc ?? ''} ${kind}`;
  });
  const ours = rows
    // The kernel's last word, which ip does not show.
    .filter((row) => !(row['interface'] === 'lo' && row['metric'] === '4294967295'))
    .map(
      (row) =>
        `${row['destination']}/${row['netmask']} dev ${row['interface']} via ${row['gateway']} metric ${row['metric']} from ${row['source']} ${row['type']}`,
    );
  expect(ours.sort()).toEqual(text.sort());
});

it('reads routes as the kernel writes them', () => {
  expect(parseRoute('eth0\t0000A8C0\t0101A8C0\t0003\t0\t0\t100\t0000FFFF\t1400\t0\t0')).toEqual({
    destination: '192.168.0.0',
    netmask: 16,
    gateway: '192.168.1.1',
    source: '',
    flags: 0,
    interface: 'eth0',
    mtu: 1400,
    metric: 100,
    type: 'gateway',
    hopcount: 0,
  });
  expect(
    parseRoute('Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT'),
  ).toBeNull();
  const zero = '0'.repeat(32);
  expect(
    parseRoute6(
      `20010db8${'0'.repeat(24)} 20 ${zero} 00 fe80${'0'.repeat(27)}1 00000400 00000002 00000000 00000003 eth0`,
    ),
  ).toMatchObject({
    destination: '2001:db8::',
    netmask: 32,
    gateway: 'fe80::1',
    metric: 1024,
    type: 'gateway',
  });
});

it('reads the trie, once where it is shown twice', () => {
  const table = [
    '  +-- 0.0.0.0/0 3 0 5',
    '     |-- 192.0.2.0',
    '        /24 link UNICAST',
    '     |-- 192.0.2.2',
    '        /32 host LOCAL',
    '     |-- 192.0.2.255',
    '        /32 link BROADCAST',
  ];
  expect([...parseTrie(['Main:', ...table, 'Local:', ...table])]).toEqual([
    { destination: '192.0.2.0', prefix: 24, scope: 'link', type: 'UNICAST' },
    { destination: '192.0.2.2', prefix: 32, scope: 'host', type: 'LOCAL' },
    { destination: '192.0.2.255', prefix: 32, scope: 'link', type: 'BROADCAST' },
  ]);
});

it('reads IPv6 addresses as the kernel writes them', () => {
  expect(parseInet6('fe8000000000000000fc00fffe000001 04 40 20 80     eth0')).toEqual({
    interface: 'eth0',
    address: 'fe80::fc:ff:fe00:1%eth0',
    prefix: 64,
  });
});

it('knows how interfaces take part in IPv6', () => {
  const rows = ask('select * from interface_ipv6');
  expect(rows.map((row) => row['interface']).sort()).toEqual(readdirSync('/sys/class/net').sort());
  for (const row of rows) {
    const file = `/proc/sys/net/ipv6/conf/${row['interface']}/hop_limit`;
    expect(row['hop_limit']).toBe(readFileSync(file, 'utf8').trim());
  }
});

it('knows the neighbours that the kernel knows', () => {
  const rows = ask('select address, mac, interface from arp_cache');
  const neighbours = json<{ dst: string; dev: string; lladdr?: string }>('-4', 'neigh') ?? [];
  for (const { dst, dev, lladdr } of neighbours) {
    if (lladdr !== undefined) expect(rows).toContainEqual({ address: dst, mac: lladdr, interface: dev });
  }
  const line = '192.0.2.1        0x1         0x6         02:fc:00:00:00:05     *        eth0';
  expect(parseNeighbour(line)).toEqual({
    address: '192.0.2.1',
    mac: '02:fc:00:00:00:05',
    interface: 'eth0',
    permanent: '1',
  });
  expect(
    parseNeighbour('IP address       HW type     Flags       HW address            Mask     Device'),
  ).toBeNull();
});
