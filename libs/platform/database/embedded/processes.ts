import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync, type Stats } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** Linux tells about processes in /proc; elsewhere `ps` has to do. */
export const hasProc = existsSync('/proc/self/stat');

/**
 * What distinguishes two processes that had the same id one after the other, also across a reboot.
 * Undefined: there is no such process, or it is a zombie, which holds nothing any more.
 */
export function startMark(pid: number): string | undefined {
  return hasProc ? startMarkFromProc(pid) : startMarkFromPs(pid);
}

/** Whether `pid` is a postgres (or initdb) that works in `directory`, not just any process with that id. */
export function isPostgresIn(pid: number, directory: string): boolean {
  return hasProc
    ? isPostgresInProc(pid, statSync(directory))
    : postgresProcessesFromPs(directory).includes(pid);
}

/** Every postgres (or initdb) process that works in `directory`; without /proc only the postmaster is found. */
export function postgresProcessesIn(directory: string): number[] {
  if (!hasProc) return postgresProcessesFromPs(directory);
  const wanted = statSync(directory);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => isPostgresInProc(pid, wanted));
}

/** Sends a signal; a process that is gone already is fine. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Waits until a condition on processes that are not our children holds; those can only be polled. */
export async function holdsWithin(milliseconds: number, condition: () => boolean): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (!condition()) {
    if (Date.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

function startMarkFromProc(pid: number): string | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  // The command name stands in parentheses and may contain anything; the fields are counted from behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === 'Z' || state === 'X') return undefined;
  const boot = readText('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  return `${boot}:${startTicks}`;
}

function startMarkFromPs(pid: number): string | undefined {
  const line = ps('-o', 'stat=,lstart=', '-p', String(pid)).trim();
  return line === '' || line.startsWith('Z') ? undefined : line.replace(/^\S+\s+/, '');
}

function isPostgresInProc(pid: number, directory: Stats): boolean {
  try {
    const executable = path.basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ''));
    if (executable !== 'postgres' && executable !== 'initdb') return false;
    // Compared by inode: the path may have been moved, linked or be out of this process's sight.
    const working = statSync(`/proc/${pid}/cwd`);
    return working.dev === directory.dev && working.ino === directory.ino;
  } catch {
    return false; // gone, a zombie, or another user's: not ours in any case
  }
}

function postgresProcessesFromPs(directory: string): number[] {
  return ps('-axo', 'pid=,command=')
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(.*)$/.exec(line))
    .filter((match) => match?.[2]?.includes('/postgres -D') && match[2].includes(`-D ${directory} `))
    .map((match) => Number(match?.[1]));
}

function ps(...args: string[]): string {
  try {
    return execFileSync('ps', args, {
      encoding: 'utf8',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    });
  } catch {
    return ''; // ps fails when it finds no such process
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
