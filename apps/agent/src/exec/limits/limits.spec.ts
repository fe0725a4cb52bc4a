import * as fc from 'fast-check';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type RunLimits } from '#libs/protocol/index';
import { limitsOf } from '../../config/limit-options.js';
import { removeTemporary, temporaryDirectory } from '../../testing/temporary.js';
import { CgroupHome, ownCgroup } from './cgroup-home.js';
import { fieldOf, RunCgroup } from './cgroup.js';
import { filledDisk } from './disk-floor.js';
import { breachOf, defaultLimits, LIMIT_NAMES, sizeOf, strictest } from './limits.js';
import { ownLimits, rlimitsOf, wrapperFor } from './rlimits.js';
import { proportionalBytes, UsageMeter } from './usage.js';
import { brokenBy, LimitWatch } from './watch.js';

afterAll(removeTemporary);

const some = fc.record(
  Object.fromEntries(LIMIT_NAMES.map((name) => [name, fc.integer({ min: 16, max: 1000 })])),
  { requiredKeys: [] },
) as fc.Arbitrary<RunLimits>;

describe('limits', () => {
  it('of several are the least of each', () => {
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), (all) => {
        const least = strictest(...all, undefined);
        for (const name of LIMIT_NAMES) {
          const values = all.map((limits) => limits[name]).filter((value) => value !== undefined);
          expect(least[name]).toBe(values.length === 0 ? undefined : Math.min(...values));
        }
      }),
    );
  });

  it('of the command line replace what holds otherwise, one by one', () => {
    const defaults = defaultLimits();
    expect(limitsOf([], defaults)).toEqual(defaults);
    expect(
      limitsOf(['memory_bytes=2GiB', 'processes=none', 'cpu_seconds=60', 'disk_bytes=5m'], defaults),
    ).toEqual({
      memory_bytes: 2 ** 31,
      open_files: defaults.open_files,
      output_bytes: defaults.output_bytes,
      cpu_seconds: 60,
      disk_bytes: 5 * 2 ** 20,
    });
  });

  it.each([
    ['memory=1', /must be name=value/],
    ['memory_bytes', /"" is no size like 512MiB/],
    ['memory_bytes=1XB', /memory_bytes/],
    ['processes=10k', /whole number from 1/],
    ['open_files=3', /whole number from 16/],
    ['cpu_seconds=0', /cpu_seconds/],
    ['cpu_seconds=1.5', /cpu_seconds/],
  ])('%s is refused', (text, message) => {
    expect(() => limitsOf([text], {})).toThrow(message);
  });

  it('say what was broken, and which is to be raised', () => {
    expect(breachOf('memory_bytes', { memory_bytes: 1536 * 2 ** 20 })).toEqual({
      reason: 'memory_limit',
      message: "ended by this host's limit memory_bytes: it used more than 1.5 GiB of memory",
    });
    expect(new Set(LIMIT_NAMES.map((name) => breachOf(name, {}).reason)).size).toBe(LIMIT_NAMES.length);
    expect([sizeOf(12), sizeOf(2048), sizeOf(2 ** 40)]).toEqual(['12 bytes', '2 KiB', '1 TiB']);
  });

  it('are broken when they are exceeded, or used up', () => {
    const usage = { cpu_seconds: 1, memory_bytes: 2, processes: 3, open_files: 16, disk_bytes: 5 };
    expect(brokenBy(usage, {})).toBeNull();
    expect(
      brokenBy(usage, { cpu_seconds: 2, memory_bytes: 2, processes: 3, disk_bytes: 5, open_files: 17 }),
    ).toBeNull();
    expect(brokenBy(usage, { cpu_seconds: 1 })).toBe('cpu_seconds');
    expect(brokenBy(usage, { memory_bytes: 1 })).toBe('memory_bytes');
    expect(brokenBy(usage, { processes: 2 })).toBe('processes');
    expect(brokenBy(usage, { open_files: 16 })).toBe('open_files');
    expect(brokenBy(usage, { disk_bytes: 4 })).toBe('disk_bytes');
  });

  it('of the kernel bound the processes of an account, but not of root', () => {
    const limits = { cpu_seconds: 5, file_bytes: 6, open_files: 20, processes: 8 };
    const none = { cpu: Infinity, fsize: Infinity, nproc: Infinity, nofile: 10 ** 6 };
    expect(rlimitsOf(limits, 0, none)).toEqual([
      { resource: 'cpu', soft: 10, hard: 11 },
      { resource: 'fsize', soft: 6, hard: 6 },
      { resource: 'nofile', soft: 20, hard: 20 },
    ]);
    expect(rlimitsOf(limits, 0, { ...none, cpu: 9, nofile: 20 })).toEqual([
      { resource: 'fsize', soft: 6, hard: 6 },
    ]);
    const [count] = rlimitsOf({ processes: 8 }, process.getuid?.() || 65_534, none);
    expect(count).toMatchObject({ resource: 'nproc' });
    expect(count!.soft).toBeGreaterThanOrEqual(8);
    expect(rlimitsOf({}, 1, none)).toEqual([]);
    const { nofile, cpu } = ownLimits();
    expect([nofile > 0, cpu > 0]).toEqual([true, true]);
  });

  it('that nobody counts hold from the first moment', () => {
    const cpu = { resource: 'cpu', soft: 10, hard: 11 } as const;
    expect(wrapperFor([cpu])).toBeNull();
    const wrapper = wrapperFor([cpu, { resource: 'fsize', soft: 6, hard: 6 }]);
    if (fs.existsSync('/usr/bin/prlimit'))
      expect(wrapper).toEqual({ file: '/usr/bin/prlimit', args: ['--cpu=10:11', '--fsize=6:6', '--'] });
    else expect(wrapper).toBeNull();
  });
});

describe('a disk', () => {
  it('was not filled by who has written little, nor by who wrote what is not missing', () => {
    expect(filledDisk(2 ** 20)).toBeNull();
    // Where there is enough, nobody is accused.
    const { bsize, blocks, bavail } = fs.statfsSync('/proc/..');
    if (bsize * bavail > Math.min(2 ** 30, bsize * blocks * 0.05))
      expect(filledDisk(2 ** 40, ['/'])).toBeNull();
  });
});

describe('a cgroup', () => {
  it('is found where the kernel mounted it, also below the root of a namespace', () => {
    const mounts = [
      '24 1 0:22 / /sys rw - sysfs sysfs rw',
      '25 24 0:23 / /sys/fs/cgroup/unified rw,relatime shared:5 - cgroup2 cgroup2 rw',
    ].join('\n');
    expect(ownCgroup('1:cpu:/x\n0::/', mounts)).toBe('/sys/fs/cgroup/unified');
    expect(ownCgroup('0::/system.slice/a.service', mounts)).toBe(
      '/sys/fs/cgroup/unified/system.slice/a.service',
    );
    const inner = '25 24 0:23 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw';
    expect(ownCgroup('0::/docker/abc/x', inner)).toBe('/sys/fs/cgroup/x');
    expect(ownCgroup('0::/docker/abcd', inner)).toBeNull();
    expect(ownCgroup('1:cpu:/', mounts)).toBeNull();
    expect(ownCgroup('0::/', '24 1 0:22 / /sys rw - sysfs sysfs rw')).toBeNull();
  });

  it('has its place below that of the agent, which takes the controllers that it is given', async () => {
    const base = temporaryDirectory();
    const directory = path.join(base, 'muster-agent-0123456789ab');
    const file = (...names: string[]): string => path.join(base, ...names);
    const stale = file('muster-agent-00000000beef');
    const populated = file('muster-agent-00000000cafe');
    const others = file('muster-agent-other');
    for (const one of [directory, path.join(stale, 'agent'), populated, others])
      fs.mkdirSync(one, { recursive: true });
    fs.writeFileSync(path.join(populated, 'cgroup.events'), 'populated 1\nfrozen 0\n');
    fs.writeFileSync(file('cgroup.controllers'), 'cpuset cpu io memory pids');
    fs.writeFileSync(path.join(directory, 'cgroup.controllers'), 'memory pids');
    const home = await CgroupHome.open('0123456789ab', base);
    expect(fs.readFileSync(path.join(directory, 'agent/cgroup.procs'), 'utf8')).toBe(String(process.pid));
    // One by one, so that one that is refused costs no other. A cgroup would list what it was given; a file has what came last.
    expect(fs.readFileSync(file('cgroup.subtree_control'), 'utf8')).toBe('+pids');
    expect(fs.readFileSync(path.join(directory, 'cgroup.subtree_control'), 'utf8')).toBe('+pids');
    expect([stale, populated, others].map((one) => fs.existsSync(one))).toEqual([false, true, true]);
    expect(home?.unplaced()).toEqual([]);
    expect(home?.group('attempt').directory).toBe(path.join(directory, 'attempt'));
  });

  it('is not to be had where the agent may not write, or there is none', async () => {
    expect(await CgroupHome.open('0123456789ab', '/proc/self')).toBeNull();
    expect(await CgroupHome.open('0123456789ab', null)).toBeNull();
  });

  it('gets the limits for which it has controllers, and tells what the kernel did', async () => {
    const directory = path.join(temporaryDirectory(), 'run');
    const limits = { memory_bytes: 1000, processes: 5 };
    const group = new RunCgroup(directory, new Set(['cpu', 'memory', 'pids']), limits);
    expect(group.members()).toEqual([]);
    expect(await group.remove()).toBe(true);
    group.create();
    const read = (name: string): string => fs.readFileSync(path.join(directory, name), 'utf8');
    expect([read('memory.max'), read('memory.oom.group'), read('pids.max')]).toEqual(['1000', '1', '5']);
    expect(read('cpu.weight')).toBe('33');
    expect([group.memoryKills(), group.refusedForks(), group.cpuSeconds()]).toEqual([0, 0, 0]);
    fs.writeFileSync(
      path.join(directory, 'memory.events'),
      'low 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n',
    );
    fs.writeFileSync(path.join(directory, 'pids.events'), 'max 7\n');
    fs.writeFileSync(path.join(directory, 'cpu.stat'), 'usage_usec 2500000\nuser_usec 1\n');
    fs.writeFileSync(path.join(directory, 'cgroup.procs'), '12\n0\n13\n');
    expect([group.memoryKills(), group.refusedForks(), group.cpuSeconds()]).toEqual([2, 7, 2.5]);
    expect(group.members()).toEqual([12, 13]);
    expect(fieldOf('max 7', 'ma')).toBe(0);
  });

  it('that has killed for memory, or refused a process, has the run ended for that', async () => {
    const group = { bounds: () => true, cpuSeconds: () => 0, memoryKills: () => 0, refusedForks: () => 0 };
    const breach = (more: object, limits: RunLimits): Promise<string> =>
      new Promise((resolve) => {
        const watched = {
          pid: process.pid,
          members: () => Promise.resolve([process.pid]),
          group: { ...group, ...more },
        };
        new LimitWatch(watched, limits, ({ reason }) => resolve(reason));
      });
    // A timer of the watch holds no program up: something has to.
    const held = setInterval(() => undefined, 1000);
    expect(await breach({ memoryKills: () => 1 }, { memory_bytes: 2 ** 40 })).toBe('memory_limit');
    expect(await breach({ refusedForks: () => 1 }, { processes: 1000 })).toBe('process_limit');
    expect(await breach({ cpuSeconds: () => 9 }, { cpu_seconds: 8 })).toBe('cpu_limit');
    clearInterval(held);
  });
});

describe('what a process uses', () => {
  it('is read from the kernel', async () => {
    const meter = new UsageMeter(new Set(['open_files', 'disk_bytes']));
    const usage = await meter.measure([process.pid, 2 ** 22 + 1]);
    expect(usage.processes).toBeGreaterThan(1);
    expect(usage.cpu_seconds).toBeGreaterThan(0);
    expect(usage.open_files).toBe(fs.readdirSync('/proc/self/fd').length - 1);
    expect(usage.memory_bytes).toBeGreaterThan(2 ** 23);
    expect(proportionalBytes([process.pid])).toBeGreaterThan(2 ** 23);
    expect(proportionalBytes([process.pid])).toBeLessThan(usage.memory_bytes * 2);
  });
});
