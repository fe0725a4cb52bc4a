import * as fs from 'node:fs';
import { statFields } from '../../platform/proc-stat.js';
import { type LimitName } from './limits.js';

/** What a run uses up, as far as it was asked for. */
export interface Usage {
  /** Seconds, since its start. */
  cpu_seconds: number;
  memory_bytes: number;
  processes: number;
  /** Of the process that has most. */
  open_files: number;
  /** Since its start. */
  disk_bytes: number;
}

/** One process's part. CPU and disk have those of the children that it has waited for in them. */
interface Share {
  readonly parent: number;
  readonly cpu: number;
  readonly written: number;
}

/** `_SC_CLK_TCK` and the page size of every Linux that Node runs on, but for some of ARM's and POWER's pages. */
const TICKS_PER_SECOND = 100;
const PAGE = 4096;
/** After so many processes others get their turn: reading 4,000 of them takes a fifth of a second. */
const BATCH = 32;

/** Adds up what the processes of one run use. Knows from look to look what ended in between. */
export class UsageMeter {
  private shares = new Map<number, Share>();
  /** Of processes that have ended and whose parent will not answer for them. */
  private ended = { cpu: 0, written: 0 };

  /** @param names the limits for which somebody wants to know */
  constructor(private readonly names: ReadonlySet<LimitName>) {}

  /** Reads what these processes use now. Who ends meanwhile is left out. */
  async measure(pids: readonly number[]): Promise<Usage> {
    const usage = { cpu_seconds: 0, memory_bytes: 0, processes: 0, open_files: 0, disk_bytes: 0 };
    const shares = new Map<number, Share>();
    for (const [index, pid] of pids.entries()) {
      if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
      const stat = readStat(pid);
      if (stat === null) continue;
      usage.processes += stat.threads;
      usage.memory_bytes += stat.residentBytes;
      if (this.names.has('open_files')) usage.open_files = Math.max(usage.open_files, openFilesOf(pid));
      const share = {
        parent: stat.parent,
        cpu: stat.cpu,
        written: this.names.has('disk_bytes') ? writtenBy(pid) : 0,
      };
      shares.set(pid, share);
      usage.cpu_seconds += share.cpu;
      usage.disk_bytes += share.written;
    }
    for (const [pid, { parent, cpu, written }] of this.shares) {
      if (shares.has(pid) || shares.has(parent)) continue;
      this.ended.cpu += cpu;
      this.ended.written += written;
    }
    this.shares = shares;
    usage.cpu_seconds += this.ended.cpu;
    usage.disk_bytes += this.ended.written;
    return usage;
  }
}

/** Memory of these processes, what several share counted once: dear, so only asked for when it matters. */
export function proportionalBytes(pids: readonly number[]): number {
  let kilobytes = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`);
    // What is in files can be dropped at any time, and is not the run's.
    for (const name of ['Pss_Anon', 'Pss_Shmem'])
      kilobytes += Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
  }
  return kilobytes * 1024;
}

/** How many zombies these processes keep: a process that collects no children can fill the table with them. */
export function zombiesOf(pids: readonly number[]): number {
  const parents = new Set(pids);
  let zombies = 0;
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statFields(read(`/proc/${name}/stat`));
    if (fields?.[0] === 'Z' && parents.has(Number(fields[1]))) zombies += 1;
  }
  return zombies;
}

/** The number that was given last to a process or thread of this machine; how far it goes on tells how many were born. */
export function lastPid(): number {
  return Number(read('/proc/loadavg').trim().split(' ').at(-1)) || 0;
}

function readStat(
  pid: number,
): { parent: number; threads: number; cpu: number; residentBytes: number } | null {
  const fields = statFields(read(`/proc/${pid}/stat`));
  if (fields === null) return null;
  const number = (index: number): number => Number(fields[index]);
  return {
    parent: number(1),
    threads: number(17),
    cpu: (number(11) + number(12) + number(13) + number(14)) / TICKS_PER_SECOND,
    residentBytes: number(21) * PAGE,
  };
}

function writtenBy(pid: number): number {
  const text = read(`/proc/${pid}/io`);
  const value = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return Math.max(0, value('write_bytes') - value('cancelled_write_bytes'));
}

function openFilesOf(pid: number): number {
  const directory = `/proc/${pid}/fd`;
  try {
    // Since Linux 6.2 the size of this directory is the number of its entries.
    return fs.statSync(directory).size || fs.readdirSync(directory).length;
  } catch {
    return 0;
  }
}

function read(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
