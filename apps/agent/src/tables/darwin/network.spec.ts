import { onMac } from '../testing.js';
import { parseMount } from './mounts.js';
import { parseArp, parseCounters, parseInterfaces, parseRoutes } from './network.js';

it('reads neighbours', async () => {
  const lines = [
    '? (192.0.2.1) at a4:2b:0:1:2:3 on en0 ifscope [ethernet]',
    '? (192.0.2.9) at (incomplete) on en0 ifscope [ethernet]',
    '? (224.0.0.251) at 1:0:5e:0:0:fb on en0 ifscope permanent [ethernet]',
    'something else',
  ];
  expect(await onMac('arp_cache', lines.map(parseArp))).toEqual([
    { address: '192.0.2.1', mac: 'a4:2b:00:01:02:03', interface: 'en0', permanent: '0' },
    { address: '192.0.2.9', mac: 'incomplete', interface: 'en0', permanent: '0' },
    { address: '224.0.0.251', mac: '01:00:5e:00:00:fb', interface: 'en0', permanent: '1' },
  ]);
});

const LONG = `Routing tables

Internet:
Destination        Gateway            Flags        Refs      Use    Mtu          Netif Expire
default            192.0.2.1          UGScg          93        0   1500            en0
127                127.0.0.1          UCS             0        0  16384            lo0
127.0.0.1          127.0.0.1          UH              1     8821  16384            lo0
192.0.2/25         link#6             UCS             2        0   1500            en0      !
192.0.2.1          a4:2b:0:1:2:3      UHLWIir        31      152   1500            en0   1169
198.51.100.0/30    192.0.2.99         UGSc            0        0   1500            en0

Internet6:
Destination                             Gateway                         Flags         Refs      Use    Mtu          Netif Expire
default                                 fe80::%utun0                    UGcIg            0        0   1380          utun0
::1                                     ::1                             UHL              1        0  16384            lo0
fe80::%lo0/64                           fe80::1%lo0                     UcI              0        0  16384            lo0
`;

it('reads routes, whose networks are written short', async () => {
  const rows = await onMac('routes', parseRoutes(LONG));
  expect(rows).toMatchObject([
    {
      destination: '0.0.0.0',
      netmask: '0',
      gateway: '192.0.2.1',
      interface: 'en0',
      mtu: '1500',
      type: 'gateway',
    },
    {
      destination: '127.0.0.0',
      netmask: '8',
      gateway: '127.0.0.1',
      interface: 'lo0',
      mtu: '16384',
      type: 'static',
    },
    { destination: '127.0.0.1', netmask: '32', type: 'local' },
    { destination: '192.0.2.0', netmask: '25', gateway: '', interface: 'en0' },
    { destination: '192.0.2.1', netmask: '32', gateway: 'a4:2b:00:01:02:03', type: 'router' },
    { destination: '198.51.100.0', netmask: '30', gateway: '192.0.2.99', type: 'gateway' },
    { destination: '::', netmask: '0', gateway: 'fe80::%utun0', interface: 'utun0', mtu: '1380' },
    { destination: '::1', netmask: '128', type: 'local' },
    { destination: 'fe80::%lo0', netmask: '64', type: 'other' },
  ]);
  // Up, gateway, static, cloning by the protocol, to all the world.
  expect(rows[0]?.['flags']).toBe(String(0x40010803));
});

it('reads routes without sizes', async () => {
  const short = `Internet:\nDestination        Gateway            Flags           Netif Expire\ndefault            192.0.2.1          UGScg             en0\n`;
  expect(await onMac('routes', parseRoutes(short))).toMatchObject([
    { destination: '0.0.0.0', interface: 'en0', mtu: '0' },
  ]);
});

const IFCONFIG = `lo0: flags=8049<UP,LOOPBACK,RUNNING,MULTICAST> mtu 16384
\toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>
\tinet 127.0.0.1 netmask 0xff000000
gif0: flags=8010<POINTOPOINT,MULTICAST> mtu 1280
en0: flags=8863<UP,BROADCAST,SMART,RUNNING,SIMPLEX,MULTICAST> mtu 1500
\toptions=6460<TSO4,TSO6,CHANNEL_IO,PARTIAL_CSUM,ZEROINVERT_CSUM>
\tether 3c:22:fb:01:02:03
\tmedia: autoselect
\tstatus: active
utun0: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1380
`;
const COUNTERS = `Name       Mtu   Network       Address            Ipkts Ierrs     Ibytes    Opkts Oerrs     Obytes  Coll
lo0        16384 <Link#1>                       2305637     0  488463254  2305637     0  488463254     0
lo0        16384 127           127.0.0.1        2305637     -  488463254  2305637     -  488463254     -
gif0*      1280  <Link#2>                             0     0          0        0     0          0     0
en0        1500  <Link#6>    3c:22:fb:01:02:03 90071992547409931     2 5000000001  4000000     3 2000000001     4
`;

it('reads interfaces and their counters', async () => {
  const counters = parseCounters(COUNTERS);
  const rows = await onMac(
    'interface_details',
    [...parseInterfaces(IFCONFIG)].map((row) => ({ ...row, ...counters.get(String(row['interface'])) })),
  );
  expect(rows.map((row) => row['interface'])).toEqual(['lo0', 'gif0', 'en0', 'utun0']);
  expect(rows.map((row) => row['type'])).toEqual(['24', '55', '6', '1']);
  expect(rows[2]).toEqual({
    interface: 'en0',
    mac: '3c:22:fb:01:02:03',
    type: '6',
    mtu: '1500',
    metric: '0',
    flags: String(0x8863),
    ipackets: '90071992547409931',
    opackets: '4000000',
    ibytes: '5000000001',
    obytes: '2000000001',
    ierrors: '2',
    oerrors: '3',
    idrops: null,
    odrops: null,
    collisions: '4',
    last_change: '-1',
    link_speed: null,
  });
  expect(rows[0]).toMatchObject({ mac: '00:00:00:00:00:00', ipackets: '2305637', mtu: '16384' });
  expect(rows[1]).toMatchObject({ ipackets: '0' });
});

it('reads mounts, with blanks in their names', async () => {
  const lines = [
    '/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)',
    'map auto_home on /System/Volumes/Data/home (autofs, automounted, nobrowse)',
    '/dev/disk4s1 on /Volumes/My (old) disk (hfs, local, nodev, nosuid)',
    'nothing',
  ];
  expect(await onMac('mounts', lines.map(parseMount))).toMatchObject([
    { device: '/dev/disk3s1s1', path: '/', type: 'apfs', flags: 'sealed,local,read-only,journaled' },
    { device: 'map auto_home', path: '/System/Volumes/Data/home', type: 'autofs' },
    { device: '/dev/disk4s1', path: '/Volumes/My (old) disk', type: 'hfs', flags: 'local,nodev,nosuid' },
  ]);
});
