import { onMac } from '../testing.js';
import { parseWho } from './logged-in-users.js';
import { parseSysctl } from './sysctl.js';
import { toControl } from './system-controls.js';
import { toKernel, toPlatform, toProcessor, toSystem } from './system-info.js';
import { parseGroups } from './user-groups.js';
import { parseVmStat } from './virtual-memory-info.js';

const APPLE = `hw.cputype: 16777228
hw.cpusubtype: 2
hw.physicalcpu_max: 10
hw.logicalcpu_max: 10
hw.packages: 1
hw.memsize: 34359738368
hw.perflevel0.physicalcpu: 8
hw.perflevel1.physicalcpu: 2
machdep.cpu.brand_string: Apple M1 Pro
`;
const INTEL = `hw.cputype: 16777223
hw.cpusubtype: 8
hw.physicalcpu_max: 6
hw.logicalcpu_max: 12
hw.packages: 1
hw.memsize: 17179869184
hw.cpufrequency_max: 2600000000
machdep.cpu.brand_string: Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz
machdep.cpu.vendor: GenuineIntel
machdep.cpu.microcode_version: 244
`;
const bytes = (text: string): Buffer => Buffer.from(`${text}\0`);

it('reads values of the kernel, also of several lines', () => {
  const text = `kern.version: Darwin Kernel Version 23.4.0: Fri Mar 15\nkern.bootargs: \nvm.loadavg: { 1.2 3.4 5.6 }\nmachdep.x: one\ntwo: 2\n`;
  expect(parseSysctl(text)).toEqual(
    new Map([
      ['kern.version', 'Darwin Kernel Version 23.4.0: Fri Mar 15'],
      ['kern.bootargs', ''],
      ['vm.loadavg', '{ 1.2 3.4 5.6 }'],
      ['machdep.x', 'one\ntwo: 2'],
    ]),
  );
});

it('shows what can be set', async () => {
  const rows = [
    toControl('kern.maxfiles', '245760', '100'),
    toControl('vm.loadavg', '{ 1.2 }', ''),
    toControl('hw.model', 'Mac1,1', ''),
  ];
  expect(await onMac('system_controls', rows)).toMatchObject([
    { name: 'kern.maxfiles', subsystem: 'kern', current_value: '245760', config_value: '100', type: 'int' },
    { type: 'struct' },
    { type: 'string' },
  ]);
});

it('knows the machine', async () => {
  const platform = new Map<string, string | Buffer>([
    ['IOPlatformUUID', '11111111-2222-5333-8444-555555555555'],
    ['IOPlatformSerialNumber', 'C02XX0XXXXXX'],
    ['manufacturer', bytes('Apple Inc.')],
    ['model', bytes('MacBookPro18,3')],
  ]);
  const [row] = await onMac('system_info', [toSystem(parseSysctl(APPLE), platform)]);
  expect(row).toMatchObject({
    uuid: '11111111-2222-5333-8444-555555555555',
    cpu_type: 'arm64e',
    cpu_subtype: 'ARM64E',
    cpu_brand: 'Apple M1 Pro',
    cpu_physical_cores: '10',
    cpu_sockets: '1',
    physical_memory: '34359738368',
    hardware_vendor: 'Apple Inc.',
    hardware_model: 'MacBookPro18,3',
    hardware_serial: 'C02XX0XXXXXX',
  });
  expect(toSystem(parseSysctl(INTEL), platform)).toMatchObject({ cpu_type: 'x86_64h', cpu_microcode: '244' });
});

it('knows the processor', async () => {
  const rows = await onMac(
    'cpu_info',
    [APPLE, INTEL].map((text) => toProcessor(parseSysctl(text))),
  );
  expect(rows).toMatchObject([
    {
      manufacturer: 'Apple',
      number_of_cores: '10',
      number_of_efficiency_cores: '2',
      number_of_performance_cores: '8',
      max_clock_speed: null,
    },
    {
      manufacturer: 'GenuineIntel',
      logical_processors: '12',
      max_clock_speed: '2600',
      number_of_efficiency_cores: null,
    },
  ]);
});

it('knows the kernel and what starts it', async () => {
  const values = parseSysctl(
    'kern.version: Darwin Kernel Version 23.4.0: Fri Mar 15 00:00:00 PDT 2024; root:xnu-10063.101.17~1/RELEASE_ARM64\nkern.bootargs: -v\n',
  );
  const chosen = new Map([['boot-file', bytes('System\\Library\\Kernels\\kernel')]]);
  expect(await onMac('kernel_info', [toKernel(values, chosen)])).toEqual([
    { version: '23.4.0', arguments: '-v', path: '/System/Library/Kernels/kernel', device: '' },
  ]);
  const apple = toPlatform(new Map(), new Map([['system-firmware-version', bytes('iBoot-10151.101.3')]]));
  const intel = toPlatform(
    new Map([
      ['vendor', bytes('Apple Inc.')],
      ['version', bytes('1968.100.17.0.0')],
      ['release-date', bytes('04/01/2023')],
      ['fv-main-address', Buffer.from('0000f0ff', 'hex')],
      ['rom-size', Buffer.from('00001000', 'hex')],
    ]),
    new Map(),
  );
  expect(await onMac('platform_info', [apple, intel, toPlatform(new Map(), new Map())])).toMatchObject([
    { vendor: 'Apple Inc.', version: 'iBoot-10151.101.3', firmware_type: 'iboot' },
    { date: '04/01/2023', address: '0xfff00000', volume_size: '1048576', firmware_type: 'uefi' },
  ]);
});

it('counts pages', async () => {
  const text = `Mach Virtual Memory Statistics: (page size of 16384 bytes)
Pages free:                               13127.
Pages wired down:                        128843.
"Translation faults":                4432432123.
File-backed pages:                        90210.
Swapouts:                                     7.
`;
  const [row] = await onMac('virtual_memory_info', [parseVmStat(text)]);
  expect(row).toMatchObject({
    free: '13127',
    wired: '128843',
    faults: '4432432123',
    file_backed: '90210',
    swap_outs: '7',
  });
  expect(Object.keys(row ?? {})).toHaveLength(22);
  expect(Object.values(row ?? {})).not.toContain(null);
});

it('knows who is logged in', async () => {
  const now = new Date('2024-01-02T00:00:00Z');
  const lines = [
    'lee              console      Nov 20 10:10 00:02    151',
    'lee              ttys000      Jan  1 09:10   .     1234 (192.0.2.4)',
    'kim              ttys001      Jan  1 09:11',
    'NAME             LINE         TIME',
  ];
  const rows = await onMac(
    'logged_in_users',
    lines.map((line) => parseWho(line, now)),
  );
  expect(rows).toEqual([
    {
      type: 'user',
      user: 'lee',
      tty: 'console',
      host: '',
      time: String(Date.UTC(2023, 10, 20, 10, 10) / 1000),
      pid: '151',
    },
    {
      type: 'user',
      user: 'lee',
      tty: 'ttys000',
      host: '192.0.2.4',
      time: String(Date.UTC(2024, 0, 1, 9, 10) / 1000),
      pid: '1234',
    },
    {
      type: 'user',
      user: 'kim',
      tty: 'ttys001',
      host: '',
      time: String(Date.UTC(2024, 0, 1, 9, 11) / 1000),
      pid: '-1',
    },
  ]);
});

it('reads numbers of groups', () => {
  expect(parseGroups('20 501 12 -2\n')).toEqual([20, 501, 12, 4294967294]);
  expect(parseGroups('')).toEqual([]);
});
