import * as fs from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';

/** One line of the process table, as far as it matters for ending a tree. */
export interface ProcessLine {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly startTime: number;
}

/** Names this boot of the machine; empty where there is no /proc. */
export function bootId(): string {
  try {
    return fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

/** Parses /proc/<pid>/stat; the command name in it may hold anything, brackets and blanks too. */
export function parseStat(text: string): ProcessLine | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  if (open < 0 || close < 0) return null;
  const fields = text.slice(close + 2).split(' ');
  const [state = '', parent, group] = fields;
  const startTime = Number(fields[19]);
  return { pid: Number(text.slice(0, open)), state, parent: Number(parent), group: Number(group), startTime };
}

/** A zombie runs nothing any more; where nobody collects it, it stays in the table for ever. */
function isDead({ state }: ProcessLine): boolean {
  return state === 'Z' || state === 'X';
}

/** When a living process started, in clock ticks since boot; 0 when there is none. */
export function startTimeOf(pid: number): number {
  try {
    const line = parseStat(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return line === null || isDead(line) ? 0 : line.startTime;
  } catch {
    return 0;
  }
}

/** Every process of the machine that is not dead already. */
export async function listProcesses(): Promise<ProcessLine[]> {
  const names = await readdir('/proc').catch(() => [] as string[]);
  const lines: ProcessLine[] = [];
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'latin1').catch(() => '');
    const line = parseStat(text);
    if (line !== null && !isDead(line)) lines.push(line);
  }
  return lines;
}

/**
 * The living processes of a run: its group, the descendants of its first process, and whoever carries its attempt id
 * in the environment (a daemon that left the group and lost its parent still does). Without a group only the latter.
 */
export async function findTree(groupId: number | null, attemptId: string | null): Promise<number[]> {
  const lines = (await listProcesses()).filter(({ pid }) => pid !== process.pid);
  const found = new Set<number>(groupId === null ? [] : [groupId]);
  for (let grew = true; grew;) {
    const before = found.size;
    for (const { pid, parent, group } of lines) if (group === groupId || found.has(parent)) found.add(pid);
    grew = found.size > before;
  }
  if (attemptId !== null) {
    const mark = Buffer.from(`MUSTER_ATTEMPT_ID=${attemptId}`);
    for (const { pid } of lines) {
      if (found.has(pid)) continue;
      const environment = await readFile(`/proc/${pid}/environ`).catch(() => null);
      if (environment?.includes(mark) === true) found.add(pid);
    }
  }
  const alive = new Set(lines.map(({ pid }) => pid));
  return [...found].filter((pid) => alive.has(pid));
}

/** Living members of a process group. */
export async function groupMembers(groupId: number): Promise<number[]> {
  return (await listProcesses()).filter(({ group }) => group === groupId).map(({ pid }) => pid);
}

/** Sends a signal; false when there is nobody (any more) to send it to. A negative pid means a group. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Signals the group and everybody else who belongs to the run. */
export async function signalTree(groupId: number, attemptId: string, name: NodeJS.Signals): Promise<void> {
  signal(-groupId, name);
  for (const pid of await findTree(groupId, attemptId)) signal(pid, name);
}

/** Kills the whole tree and looks again until nobody is left: a process may fork while it is being killed. */
export async function killTree(groupId: number | null, attemptId: string, rounds = 20): Promise<boolean> {
  for (let round = 0; round < rounds; round += 1) {
    if (groupId !== null) signal(-groupId, 'SIGKILL');
    const tree = await findTree(groupId, attemptId);
    if (tree.length === 0) return true;
    for (const pid of tree) signal(pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 5 + 5 * round));
  }
  return false;
}
