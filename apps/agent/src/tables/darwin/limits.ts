import * as os from 'node:os';
import { type Row, type Table } from '../engine/table.js';

/** What Node calls limits (whatever the names say, the values are in the kernel's own units), and what osquery calls them. */
const LIMITS = [
  ['virtual_memory_kbytes', 'as'],
  ['core_file_size_blocks', 'core'],
  ['cpu_time_seconds', 'cpu'],
  ['data_seg_size_kbytes', 'data'],
  ['file_size_blocks', 'fsize'],
  ['max_locked_memory_bytes', 'memlock'],
  ['open_files', 'nofile'],
  ['max_user_processes', 'nproc'],
  ['max_memory_size_kbytes', 'rss'],
  ['stack_size_bytes', 'stack'],
] as const;

/** Rows of the limits in a report of Node. */
export function* limitsOf(report: unknown): Generator<Row> {
  const { userLimits = {} } = report as {
    userLimits?: Record<string, { soft: number | string; hard: number | string } | undefined>;
  };
  for (const [name, type] of LIMITS) {
    const limit = userLimits[name];
    if (limit !== undefined) yield { type, soft_limit: String(limit.soft), hard_limit: String(limit.hard) };
  }
}

/** What the agent itself may use of the host. */
export const darwinUlimitInfo: Table = {
  name: 'ulimit_info',
  platforms: ['darwin'],
  *rows() {
    yield* limitsOf(process.report.getReport());
  },
};

/** Rows of what Node knows of processors; what macOS does not count is 0. */
export function* timesOf(cpus: readonly Pick<os.CpuInfo, 'times'>[]): Generator<Row> {
  const none = { iowait: 0, softirq: 0, steal: 0, guest: 0, guest_nice: 0 };
  for (const [core, { times }] of cpus.entries()) {
    const hundredths = (milliseconds: number): number => Math.round(milliseconds / 10);
    yield {
      core,
      user: hundredths(times.user),
      nice: hundredths(times.nice),
      system: hundredths(times.sys),
      idle: hundredths(times.idle),
      irq: hundredths(times.irq),
      ...none,
    };
  }
}

/** What each processor did since boot, in hundredths of a second. */
export const darwinCpuTime: Table = {
  name: 'cpu_time',
  platforms: ['darwin'],
  *rows() {
    yield* timesOf(os.cpus());
  },
};
