import * as fs from 'node:fs';
import { writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { type RunLimits } from '#libs/protocol/index';
import { errorCode, readTextOr } from '../../platform/files.js';
import { type Controller, pidsIn, RunCgroup } from './cgroup.js';

const WANTED: readonly Controller[] = ['cpu', 'memory', 'pids'];
const PREFIX = 'muster-agent-';
const HOME = /^muster-agent-[0-9a-f]{12}$/;
/** Where the agent itself is, and whoever was born before there was a group for it. */
const OWN = 'agent';

/**
 * The agent's part of the cgroup tree: `muster-agent-<name>/agent` with the agent in it, and beside that one group for every
 * run. It lies below the group that the agent was started in, so whoever bounds that one bounds all of it.
 */
export class CgroupHome {
  private readonly left = new Set<RunCgroup>();

  private constructor(
    /** Where the agent was started. */
    private readonly base: string,
    readonly directory: string,
    readonly controllers: ReadonlySet<Controller>,
  ) {}

  /**
   * Finds the tree and moves the agent into its own part. Null: this machine has no cgroup v2, or the agent may not write there.
   * @param name twelve hex digits that tell the agents of one machine apart, and are the same after a restart
   */
  static async open(name: string, base = ownCgroup()): Promise<CgroupHome | null> {
    if (base === null) return null;
    removeEmptyHomes(base);
    const directory = path.join(base, `${PREFIX}${name}`);
    if (!(await moveIn(directory))) return null;
    // Only now: a group that has processes of its own (the agent, until a moment ago) cannot hand controllers down.
    enable(base, controllersIn(base, 'cgroup.controllers'));
    enable(directory, controllersIn(directory, 'cgroup.controllers'));
    return new CgroupHome(base, directory, controllersIn(directory, 'cgroup.subtree_control'));
  }

  /** The group of a run, which is made when it is needed. */
  group(attemptId: string, limits: RunLimits = {}): RunCgroup {
    return new RunCgroup(path.join(this.directory, attemptId), this.controllers, limits);
  }

  /** Who is in no run's group: the agent, its helpers, and what runs bore before they were moved. */
  unplaced(): number[] {
    return pidsIn(path.join(this.directory, OWN)).filter((pid) => pid !== process.pid);
  }

  /**
   * A run is over. What it left behind on purpose keeps its group, with its bounds, until it ends by itself.
   * @param group null: it never had one
   */
  async release(group: RunCgroup | null): Promise<void> {
    for (const earlier of this.left) if (await earlier.remove()) this.left.delete(earlier);
    if (group !== null && !(await group.remove())) this.left.add(group);
  }

  /** Removes the groups of runs that an earlier process left and that nobody lives in. */
  removeEmpty(): void {
    removeEmptyIn(this.directory, (name) => name !== OWN);
  }

  /** Leaves the tree as it was found, as far as nobody lives in it. */
  async close(): Promise<void> {
    for (const group of this.left) await group.remove();
    try {
      await writeFile(path.join(this.base, 'cgroup.procs'), String(process.pid));
      fs.rmdirSync(path.join(this.directory, OWN));
      fs.rmdirSync(this.directory);
    } catch {
      // Somebody still lives there, or a group with controllers takes nobody in: the next start removes what is empty.
    }
  }
}

async function moveIn(home: string): Promise<boolean> {
  const own = path.join(home, OWN);
  for (let tries = 3; tries > 0; tries -= 1) {
    try {
      for (const directory of [home, own]) make(directory);
      await writeFile(path.join(own, 'cgroup.procs'), String(process.pid));
      return true;
    } catch (error) {
      // Another agent that starts may just have removed what was empty. Everything else means: not here.
      if (errorCode(error) !== 'ENOENT') return false;
    }
  }
  return false;
}

// Not `recursive`: where a file system has no directories to give, Node would ask for ever.
function make(directory: string): void {
  try {
    fs.mkdirSync(directory, { mode: 0o755 });
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** The directory of the cgroup v2 that this process is in; null where there is none to be seen. */
export function ownCgroup(
  cgroups = readTextOr('/proc/self/cgroup'),
  mounts = readTextOr('/proc/self/mountinfo'),
): string | null {
  const own = /^0::(\/.*)$/m.exec(cgroups)?.[1];
  if (own === undefined) return null;
  for (const line of mounts.split('\n')) {
    const [, , , root = '', point = '', ...rest] = line.split(' ');
    if (rest[rest.indexOf('-') + 1] !== 'cgroup2') continue;
    if (own !== root && !own.startsWith(root === '/' ? root : `${root}/`)) continue;
    const below = own.slice(root === '/' ? 1 : root.length + 1);
    return below === '' ? point : path.join(point, below);
  }
  return null;
}

function controllersIn(directory: string, file: string): Set<Controller> {
  const names = readTextOr(path.join(directory, file)).split(' ');
  return new Set(WANTED.filter((name) => names.includes(name)));
}

function enable(directory: string, controllers: Iterable<Controller>): void {
  for (const name of controllers) {
    try {
      fs.writeFileSync(path.join(directory, 'cgroup.subtree_control'), `+${name}`);
    } catch {
      // Others live in that group (EBUSY), or it was not handed to us: then what we count ourselves is what bounds a run.
    }
  }
}

/** Homes of agents that did not end by themselves. The kernel refuses to remove what anybody lives in. */
function removeEmptyHomes(base: string): void {
  for (const name of subdirectories(base)) {
    if (!HOME.test(name)) continue;
    const home = path.join(base, name);
    if (/^populated 1$/m.test(readTextOr(path.join(home, 'cgroup.events')))) continue;
    removeEmptyIn(home, () => true);
    tryRemove(home);
  }
}

function removeEmptyIn(directory: string, wanted: (name: string) => boolean): void {
  for (const name of subdirectories(directory)) if (wanted(name)) tryRemove(path.join(directory, name));
}

function subdirectories(directory: string): string[] {
  try {
    const entries = fs.readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function tryRemove(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // Somebody lives in it.
  }
}
