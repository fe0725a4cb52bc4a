import * as fs from 'node:fs';
import { type RunLimits } from '#libs/protocol/index';
import { readTextOr } from '../../platform/files.js';

/** Limits that the kernel keeps for a process and hands down to its children, by the names that prlimit(1) has for them. */
export const RLIMIT_NUMBERS = { cpu: 0, fsize: 1, nproc: 6, nofile: 7 } as const;
export type RlimitName = keyof typeof RLIMIT_NUMBERS;

export interface Rlimit {
  readonly resource: RlimitName;
  readonly soft: number;
  readonly hard: number;
}

/** As /proc/self/limits calls them. */
const TITLES: Readonly<Record<RlimitName, string>> = {
  cpu: 'Max cpu time',
  fsize: 'Max file size',
  nproc: 'Max processes',
  nofile: 'Max open files',
};
/** So much later than the run's own limit the kernel ends a process: what ends a whole run is the count of all of it. */
const CPU_LATER_SECONDS = 5;
/** Between SIGXCPU, by which that is known, and the kernel's KILL. */
const CPU_GRACE_SECONDS = 1;
/** The count of an account's processes is taken again after this. */
const COUNT_LASTS_MS = 10_000;
/** Of util-linux. It bounds itself and then executes the program: nothing of that has run before. */
const PRLIMIT = '/usr/bin/prlimit';

/**
 * What the kernel itself is to keep for every process of a run; never more than what the agent itself may. It is per process (a second
 * line behind what is counted over the whole run), but for NPROC, which is per account: there, what the account has already
 * comes on top. Root has no such bound.
 */
export function rlimitsOf(limits: RunLimits, uid: number, own = ownLimits()): Rlimit[] {
  if (process.platform !== 'linux') return [];
  const all: Rlimit[] = [];
  const add = (resource: RlimitName, soft: number | undefined, more = 0): void => {
    if (soft === undefined || soft >= own[resource]) return;
    all.push({ resource, soft, hard: Math.min(soft + more, own[resource]) });
  };
  const { cpu_seconds: cpu, file_bytes: file, open_files: open, processes } = limits;
  add('cpu', cpu === undefined ? cpu : cpu + CPU_LATER_SECONDS, CPU_GRACE_SECONDS);
  add('fsize', file);
  add('nofile', open);
  if (processes !== undefined && uid !== 0) add('nproc', processes + threadsOf(uid));
  return all;
}

/**
 * What a program is started through for limits that nobody counts from outside, or that have to hold from its first moment; null: none
 * is asked for, or this system has no such program. CPU and NPROC alone can wait for the moment after the start: they are used
 * up slowly, and counted besides.
 */
export function wrapperFor(rlimits: readonly Rlimit[]): { file: string; args: readonly string[] } | null {
  const isStrict = ({ resource }: Rlimit): boolean => resource === 'fsize' || resource === 'nofile';
  if (!rlimits.some(isStrict) || !fs.existsSync(PRLIMIT)) return null;
  return {
    file: PRLIMIT,
    args: [...rlimits.map(({ resource, soft, hard }) => `--${resource}=${soft}:${hard}`), '--'],
  };
}

let known: Readonly<Record<RlimitName, number>> | null = null;

/** The hard limits of this process; Infinity for none. */
export function ownLimits(): Readonly<Record<RlimitName, number>> {
  if (known !== null) return known;
  const text = readTextOr('/proc/self/limits');
  const hard = (title: string): number => {
    const value = new RegExp(`^${title} +\\S+ +(\\d+)`, 'm').exec(text)?.[1];
    return value === undefined ? Infinity : Number(value);
  };
  known = {
    cpu: hard(TITLES.cpu),
    fsize: hard(TITLES.fsize),
    nproc: hard(TITLES.nproc),
    nofile: hard(TITLES.nofile),
  };
  return known;
}

/** They have been changed. */
export function forgetOwnLimits(): void {
  known = null;
}

const counts = new Map<number, { at: number; threads: number }>();

/** How many threads an account has on this host; as it was at most ten seconds ago. */
function threadsOf(uid: number): number {
  const count = counts.get(uid);
  if (count !== undefined && performance.now() - count.at < COUNT_LASTS_MS) return count.threads;
  let threads = 0;
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const tasks = fs.statSync(`/proc/${name}/task`, { throwIfNoEntry: false });
    if (tasks?.uid === uid) threads += Math.max(tasks.nlink - 2, 1);
  }
  counts.set(uid, { at: performance.now(), threads });
  return threads;
}
