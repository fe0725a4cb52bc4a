import * as fs from 'node:fs';
import { statFields } from '../platform/proc-stat.js';

/** One line of the process table, as far as it matters for ending a tree. */
export interface ProcessLine {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
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

/** Parses /proc/<pid>/stat. */
export function parseStat(text: string): ProcessLine | null {
  const open = text.indexOf('(');
  const fields = statFields(text);
  if (open < 0 || fields === null) return null;
  const [state = '', parent, group, session] = fields;
  return {
    pid: Number(text.slice(0, open)),
    state,
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: Number(fields[19]),
  };
}

/** A zombie runs nothing any more; where nobody collects it, it stays in the table for ever. */
function isDead({ state }: ProcessLine): boolean {
  return state === 'Z' || state === 'X';
}

/** A living process; null when there is none. */
export function processLine(pid: number): ProcessLine | null {
  try {
    const line = parseStat(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return line === null || isDead(line) ? null : line;
  } catch {
    return null;
  }
}

/** When a living process started, in clock ticks since boot; 0 when there is none. */
export function startTimeOf(pid: number): number {
  return processLine(pid)?.startTime ?? 0;
}

/**
 * Every process of the machine that is not dead already. Read without the thread pool: on a machine that a fork bomb keeps busy each of its
 * round trips takes milliseconds, and there are thousands.
 */
export async function listProcesses(): Promise<ProcessLine[]> {
  const lines: ProcessLine[] = [];
  for await (const name of inBatches(processNames())) {
    const line = processLine(Number(name));
    if (line !== null) lines.push(line);
  }
  return lines;
}

function processNames(): string[] {
  try {
    return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** One after another; after every 64, a millisecond's worth, others get their turn. */
async function* inBatches<T>(all: readonly T[]): AsyncGenerator<T> {
  for (const [index, one] of all.entries()) {
    if (index % 64 === 63) await new Promise((resolve) => setImmediate(resolve));
    yield one;
  }
}

/** The first process of a group, all of its group, and everybody who descends from them. */
export function descendantsOf(first: number, lines: readonly ProcessLine[]): number[] {
  const found = new Set([first]);
  for (let grew = true; grew;) {
    const before = found.size;
    for (const { pid, parent, group } of lines) if (group === first || found.has(parent)) found.add(pid);
    grew = found.size > before;
  }
  return [...found];
}

/** The attempt whose mark a process carries in its environment; null: none, or nobody may look. */
export function markOf(pid: number): string | null {
  try {
    const environment = fs.readFileSync(`/proc/${pid}/environ`, 'latin1');
    return /(?:^|\0)MUSTER_ATTEMPT_ID=([^\0]*)/.exec(environment)?.[1] ?? null;
  } catch {
    return null;
  }
}

/**
 * The living processes of a run: its group, the descendants of its first process, and whoever carries its attempt id
 * in the environment (a daemon that left the group and lost its parent still does). Without a group only the latter.
 */
export async function findTree(groupId: number | null, attemptId: string | null): Promise<number[]> {
  const lines = (await listProcesses()).filter(({ pid }) => pid !== process.pid);
  const found = new Set(groupId === null ? [] : descendantsOf(groupId, lines));
  if (attemptId !== null) {
    for await (const { pid } of inBatches(lines))
      if (!found.has(pid) && markOf(pid) === attemptId) found.add(pid);
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
