import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import * as os from 'node:os';
import { AGENT_VERSION } from '../../platform/version.js';
import { TABLES } from '../registry.js';
import { type Ask, openTables, program } from '../testing.js';
import { zoneName } from '../posix/clock.js';
import { parseCpuinfo, parseTimes } from './cpu.js';
import { parseResolvConf } from '../posix/dns-resolvers.js';
import { parseArguments, parseModule } from './kernel.js';
import { parseMeminfo, parseRegion } from './memory.js';
import { parseMount } from './mounts.js';
import { parseOsRelease, versionOf } from './os-version.js';
import { parseSettings } from '../posix/sysctl-conf.js';

let ask: Ask;

beforeAll(async () => {
  ask = await openTables();
});

function only(sql: string): Record<string, string | null> {
  const rows = ask(sql);
  expect(rows).toHaveLength(1);
  return rows[0] ?? {};
}

it('knows the memory that free knows', () => {
  const row = only('select * from memory_info');
  expect(row['memory_total']).toBe(String(os.totalmem()));
  const available = program('free', '-b')?.[1]?.trim().split(/\s+/)[6];
  if (available !== undefined)
    expect(Math.abs(Number(row['memory_available']) - Number(available))).toBeLessThan(os.totalmem() / 4);
  expect(parseMeminfo(['MemTotal:       24684084 kB', 'HugePages_Total:       3', ''])).toEqual(
    new Map([
      ['MemTotal', 24684084 * 1024],
      ['HugePages_Total', 3],
    ]),
  );
});

it('knows what physical memory is used for', () => {
  const lines = (program('cat', '/proc/iomem') ?? []).map((line) => line.trim());
  const rows = ask('select * from memory_map');
  expect(rows.map((row) => `${row['start']}-${row['end']} : ${row['name']}`)).toEqual(
    lines.map((line) => line.replace(/^(\w+)-(\w+)/, '0x$1-0x$2')),
  );
  expect(parseRegion('  01000000-0220bb07 : Kernel code')).toEqual({
    name: 'Kernel code',
    start: '0x01000000',
    end: '0x0220bb07',
  });
});

it('knows the mounts that findmnt knows, and how full they are', () => {
  const rows = ask('select device, path, type, flags from mounts');
  const lines = program('findmnt', '-rnuo', 'TARGET') ?? [];
  expect(lines.filter((line) => !rows.some((row) => row['path'] === line.replaceAll('\\x20', ' ')))).toEqual(
    [],
  );
  const [, blocks, , available] = program('df', '-PB1', '/')?.[1]?.trim().split(/\s+/) ?? [];
  const root = only(`select * from mounts where path = '/' limit 1`);
  expect(Number(root['blocks']) * Number(root['blocks_size'])).toBe(Number(blocks));
  const free = Number(root['blocks_available']) * Number(root['blocks_size']);
  expect(Math.abs(free - Number(available))).toBeLessThan(1024 ** 3);
  expect(parseMount('/dev/sda1 /srv/with\\040blank ext4 rw,relatime 0 0')).toEqual({
    device: '/dev/sda1',
    path: '/srv/with blank',
    type: 'ext4',
    flags: 'rw,relatime',
  });
});

it('knows load, uptime and time', () => {
  const rows = ask('select period, average from load_average');
  expect(rows.map((row) => row['period'])).toEqual(['1m', '5m', '15m']);
  const load = readFileSync('/proc/loadavg', 'utf8').split(' ');
  for (const [i, row] of rows.entries()) {
    expect(row['average']).toMatch(/^\d+\.\d{6}$/);
    expect(Math.abs(Number(row['average']) - Number(load[i]))).toBeLessThan(2);
  }
  const up = only('select * from uptime');
  expect(
    Math.abs(Number(up['total_seconds']) - parseFloat(readFileSync('/proc/uptime', 'utf8'))),
  ).toBeLessThan(5);
  const parts = ['days', 'hours', 'minutes', 'seconds'].map((name) => Number(up[name]));
  expect(parts.reduce((sum, part, i) => sum * [1, 24, 60, 60][i]! + part, 0)).toBe(
    Number(up['total_seconds']),
  );
});

it('tells the time as date does', () => {
  const row = only('select * from time');
  const text = program(
    'date',
    '-u',
    '-d',
    `@${row['unix_time']}`,
    '+%A %Y %-m %-d %-H %-M %-S|%a %b %e %T %Y UTC|%FT%TZ',
  )?.[0];
  const values = ['weekday', 'year', 'month', 'day', 'hour', 'minutes', 'seconds'].map((name) => row[name]);
  expect(`${values.join(' ')}|${row['timestamp']}|${row['iso_8601']}`).toBe(text);
  expect(row['local_timezone']).toBe(program('date', '+%Z')?.[0]);
  expect(row['win_timestamp']).toBeUndefined();
  expect(Math.abs(Number(row['unix_time']) - Date.now() / 1000)).toBeLessThan(5);
});

it('names the zone that is in force', () => {
  expect(zoneName('CET-1CEST,M3.5.0,M10.5.0/3', 60)).toBe('CET');
  expect(zoneName('CET-1CEST,M3.5.0,M10.5.0/3', 120)).toBe('CEST');
  expect(zoneName('EST5EDT,M3.2.0,M11.1.0', -300)).toBe('EST');
  expect(zoneName('<+0545>-5:45', 345)).toBe('+0545');
  expect(zoneName('NST3:30NDT,M3.2.0,M11.1.0', -210)).toBe('NST');
  expect(zoneName('UTC0', 0)).toBe('UTC');
  expect(zoneName('TZif2', 0)).toBeNull();
});

it('knows the processors that lscpu knows', () => {
  const lscpu = new Map(
    (program('lscpu') ?? []).map((line) => line.split(/:\s+/).map((part) => part.trim()) as [string, string]),
  );
  const rows = ask('select * from cpu_info');
  const sum = (name: string): number => rows.reduce((total, row) => total + Number(row[name]), 0);
  expect(sum('logical_processors')).toBe(Number(lscpu.get('CPU(s)') ?? os.cpus().length));
  expect(rows[0]?.['model']).toBe(lscpu.get('Model name') ?? os.cpus()[0]?.model);
  if (lscpu.has('Socket(s)')) {
    expect(rows).toHaveLength(Number(lscpu.get('Socket(s)')));
    expect(Number(rows[0]?.['number_of_cores'])).toBe(Number(lscpu.get('Core(s) per socket')));
  }
});

it('tells sockets, cores and threads apart', () => {
  const thread = (processor: number, socket: number, core: number): string[] => [
    `processor\t: ${processor}`,
    'model name\t: Some Processor',
    `physical id\t: ${socket}`,
    `core id\t\t: ${core}`,
    '',
  ];
  const lines = [...thread(0, 0, 0), ...thread(1, 0, 0), ...thread(2, 0, 1), ...thread(3, 1, 0)];
  expect(parseCpuinfo(lines)).toMatchObject([
    { id: '0', cores: 2, threads: 3 },
    { id: '1', cores: 1, threads: 1 },
  ]);
  const arm = ['processor\t: 0', 'BogoMIPS\t: 50.00', '', 'processor\t: 1', '', 'Hardware\t: BCM2835', ''];
  expect(parseCpuinfo(arm)).toMatchObject([{ id: '0', cores: 2, threads: 2 }]);
});

it('counts the time of every processor', () => {
  const rows = ask('select core, user, idle from cpu_time order by core');
  expect(rows.map((row) => row['core'])).toEqual(os.cpus().map((_, i) => String(i)));
  for (const [i, { times }] of os.cpus().entries()) {
    // Node counts in milliseconds, the kernel in ticks.
    expect(Math.abs(Number(rows[i]?.['idle']) - times.idle / 10)).toBeLessThan(500);
    expect(Math.abs(Number(rows[i]?.['user']) - times.user / 10)).toBeLessThan(500);
  }
  expect(parseTimes('cpu3 1 2 3 4 5 6 7 8 9 10')).toMatchObject({ core: 3, user: 1, guest_nice: 10 });
  expect(parseTimes('cpu  1 2 3 4 5 6 7 8 9 10')).toBeNull();
});

it('knows the kernel', () => {
  const row = only('select * from kernel_info');
  expect(row['version']).toBe(os.release());
  const words = readFileSync('/proc/cmdline', 'utf8').trim().split(/\s+/);
  expect(words).toEqual(expect.arrayContaining((row['arguments'] ?? '').split(' ')));
  expect(parseArguments('BOOT_IMAGE=/boot/vmlinuz-6.1 root=UUID=47-11 ro quiet\n')).toEqual({
    path: '/boot/vmlinuz-6.1',
    device: 'UUID=47-11',
    arguments: 'ro quiet',
  });
});

it('knows the modules of the kernel', () => {
  let lines: string[] = [];
  try {
    lines = readFileSync('/proc/modules', 'utf8').trim().split('\n');
  } catch {
    // This kernel takes none.
  }
  const rows = ask('select name from kernel_modules');
  expect(rows.map((row) => row['name'])).toEqual(lines.map((line) => line.split(' ')[0]));
  expect(parseModule('nf_nat 57344 2 nft_nat,nft_chain_nat, Live 0xffffffffc0a1b000')).toEqual({
    name: 'nf_nat',
    size: 57344,
    used_by: 'nft_nat,nft_chain_nat',
    status: 'Live',
    address: '0xffffffffc0a1b000',
  });
  expect(parseModule('dm_mod 184320 0 - Live 0x0000000000000000')).toMatchObject({ used_by: '-' });
});

it('knows the settings that sysctl knows', () => {
  const rows = ask('select name, current_value from system_controls');
  const ours = new Map(rows.map((row) => [row['name'], row['current_value']]));
  const lines = program('sysctl', '-a') ?? [];
  const theirs = lines.map((line) => line.split(' = ') as [string, string | undefined]);
  const missing = theirs.filter(
    ([name, value]) => value !== undefined && !ours.has(name.replaceAll('/', '.')),
  );
  expect(missing).toEqual([]);
  for (const name of ['kernel.ostype', 'kernel.osrelease', 'net.ipv4.ip_forward', 'kernel.pid_max'])
    expect(ours.get(name)).toBe(readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').trim());
});

it('finds one setting, or those of one subsystem', () => {
  expect(
    ask(`select name, subsystem, current_value, type from system_controls where name = 'kernel.ostype'`),
  ).toEqual([{ name: 'kernel.ostype', subsystem: 'kernel', current_value: 'Linux', type: 'string' }]);
  const subsystems = ask(`select distinct subsystem from system_controls where subsystem in ('vm', 'fs')`);
  expect(subsystems.map((row) => row['subsystem']).sort()).toEqual(['fs', 'vm']);
  expect(ask(`select name from system_controls where name = 'no.such.thing'`)).toEqual([]);
});

it('reads files of sysctl', () => {
  const lines = ['# comment', '; comment', '', 'vm.swappiness = 10', '-net/ipv4/ip_forward=1', 'a.b='];
  expect([...parseSettings(lines)]).toEqual([
    ['vm.swappiness', '10'],
    ['net.ipv4.ip_forward', '1'],
    ['a.b', ''],
  ]);
});

it('knows its limits as the shell does', () => {
  const rows = ask('select type, soft_limit, hard_limit from ulimit_info');
  expect(rows).toHaveLength(15);
  const lines = readFileSync('/proc/self/limits', 'utf8').split('\n');
  const files = lines.find((line) => line.startsWith('Max open files'))?.split(/\s{2,}/) ?? [];
  expect(rows).toContainEqual({ type: 'nofile', soft_limit: files[1], hard_limit: files[2] });
});

it('knows who resolves names', () => {
  const servers = readFileSync('/etc/resolv.conf', 'utf8').match(/^nameserver \S+/gm) ?? [];
  const rows = ask(`select address from dns_resolvers where type = 'nameserver'`);
  expect(rows.map((row) => `nameserver ${row['address']}`)).toEqual(servers.slice(0, 3));
  const lines = [
    '# comment',
    'domain ignored.example',
    'search a.example b.example ; comment',
    'nameserver 192.0.2.1',
    'nameserver 2001:db8::1',
    'sortlist 192.0.2.0/255.255.255.0',
    'options ndots:2 rotate',
  ];
  const options = 0x2c1 | 0x4000;
  expect([...parseResolvConf(lines, 'host.example')]).toEqual([
    { id: 0, type: 'nameserver', address: '192.0.2.1', netmask: '32', options },
    { id: 1, type: 'nameserver', address: '2001:db8::1', netmask: '32', options },
    { id: 0, type: 'sortlist', address: '192.0.2.0', netmask: '255.255.255.0', options },
    { id: 0, type: 'search', address: 'a.example', options },
    { id: 1, type: 'search', address: 'b.example', options },
  ]);
  expect([...parseResolvConf([], 'host.sub.example')]).toEqual([
    { id: 0, type: 'nameserver', address: '127.0.0.1', netmask: '32', options: 705 },
    { id: 0, type: 'search', address: 'sub.example', options: 705 },
  ]);
});

it('knows the system as a shell reads it', () => {
  const row = only('select * from os_version');
  const script =
    '. /etc/os-release; printf "%s\\n" "$NAME" "$VERSION" "$ID" "x$ID_LIKE" "x$VERSION_CODENAME"';
  const [name, version, platform, like, codename] = program('sh', '-c', script) ?? [];
  expect({ ...row, like: `x${row['platform_like']}`, codename: `x${row['codename']}` }).toMatchObject({
    name,
    version,
    platform,
    like,
    codename,
    arch: os.machine(),
  });
  const ubuntu =
    'NAME="Ubuntu"\nVERSION="22.04.3 LTS (Jammy \\"J\\")"\nID=ubuntu\nID_LIKE=debian\nVERSION_ID=\'22.04\'\n';
  expect(versionOf(parseOsRelease(ubuntu), '')).toMatchObject({
    name: 'Ubuntu',
    version: '22.04.3 LTS (Jammy "J")',
    major: 22,
    minor: 4,
    patch: 0,
    platform_like: 'debian',
  });
  const centos = parseOsRelease('NAME="CentOS Linux"\nVERSION="7 (Core)"\nID="centos"\nVERSION_ID="7"\n');
  expect(versionOf(centos, 'CentOS Linux release 7.9.2009 (Core)')).toMatchObject({
    major: 7,
    minor: 9,
    patch: 2009,
  });
});

it('knows the machine', () => {
  const row = only('select * from system_info');
  expect(row).toMatchObject({
    hostname: os.hostname(),
    cpu_type: os.machine(),
    cpu_brand: os.cpus()[0]?.model.trim(),
    cpu_logical_cores: String(os.cpus().length),
    physical_memory: String(os.totalmem()),
  });
  expect(Number(row['cpu_physical_cores'])).toBeGreaterThan(0);
  expect(row['uuid']).toMatch(/^([0-9a-f-]{36})?$/);
});

it('knows the tables of firmware by their files', () => {
  const directory = '/sys/firmware/acpi/tables';
  let files: string[] = [];
  try {
    files = readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  } catch {
    // This machine has no ACPI.
  }
  expect(ask('select * from acpi_tables order by name')).toEqual(
    files.sort().map((name) => {
      const size = String(statSync(`${directory}/${name}`).size);
      try {
        const content = readFileSync(`${directory}/${name}`);
        return { name, size, md5: createHash('md5').update(content).digest('hex') };
      } catch {
        // Only root may read them.
        return { name, size, md5: null };
      }
    }),
  );
});

it('tells about the agent where osquery tells about itself', () => {
  expect(only('select * from osquery_info')).toMatchObject({ version: AGENT_VERSION, platform_mask: '9' });
  const sql =
    'select i.pid from osquery_info i join processes p on p.pid = i.pid and p.start_time = i.start_time';
  expect(ask(sql)).toHaveLength(1);
  expect(ask('select * from osquery_flags')).toEqual([]);
  expect(ask('select * from osquery_schedule')).toEqual([]);
  const active = ask(
    `select name from osquery_registry where registry = 'table' and active = 1 order by name`,
  );
  const served = TABLES.filter(({ platforms }) => platforms.includes('linux')).map(({ name }) => name);
  expect(active.map((row) => row['name'])).toEqual(served.sort());
});
