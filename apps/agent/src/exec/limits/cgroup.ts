import * as fs from 'node:fs';
import { rmdir, writeFile } from 'node:fs/promises';
import * as path from 'node:path';
import { type RunLimits } from '#libs/protocol/index';
import { errorCode, readTextOr } from '../../platform/files.js';
import { processLine } from '../processes.js';

/** A controller that bounds something; the rest of a cgroup works without any. */
export type Controller = 'cpu' | 'memory' | 'pids';

/** Of 100, which the agent beside it has: where there is not enough for all, the agent answers and others are watched. */
const CPU_WEIGHT = 33;

/** One run's control group. What is in it cannot leave it without root's rights, whatever it forks, renames or forgets. */
export class RunCgroup {
  private exists = false;

  /**
   * @param directory where it is, or will be
   * @param controllers what bounds it, beside membership itself
   */
  constructor(
    readonly directory: string,
    private readonly controllers: ReadonlySet<Controller>,
    private readonly limits: RunLimits,
  ) {}

  /** Whether the kernel itself keeps this limit. */
  bounds(controller: Controller): boolean {
    return this.controllers.has(controller);
  }

  /** Makes it, with its limits. @throws where that is not possible (any more) */
  create(): void {
    if (this.exists) return;
    fs.mkdirSync(this.directory, { mode: 0o755 });
    this.exists = true;
    const { memory_bytes: memory, processes } = this.limits;
    if (memory !== undefined && this.bounds('memory')) {
      this.set('memory.max', memory);
      // What is swapped out is memory, too; older kernels, or those without swap, have no such file.
      this.set('memory.swap.max', 0, true);
      // Of a run in which some process was killed nobody wants the rest.
      this.set('memory.oom.group', 1, true);
    }
    if (processes !== undefined && this.bounds('pids')) this.set('pids.max', processes);
    if (this.bounds('cpu')) this.set('cpu.weight', CPU_WEIGHT, true);
  }

  /** Opens it, for a process to be born in. The descriptor is the caller's. @throws as `create` */
  open(): number {
    this.create();
    return fs.openSync(this.directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
  }

  /** Takes a process in; its children from now on are born here. False: it is gone. Waits for the kernel, up to some 20 ms. */
  async adopt(pid: number): Promise<boolean> {
    this.create();
    try {
      await writeFile(path.join(this.directory, 'cgroup.procs'), String(pid));
      return true;
    } catch (error) {
      if (errorCode(error) === 'ESRCH') return false;
      throw error;
    }
  }

  /** Its processes; none when it is gone, or was never made. */
  members(): number[] {
    return pidsIn(this.directory);
  }

  /** Its members without the dead, whom some kernels list until somebody collects them. */
  living(): number[] {
    return this.members().filter((pid) => processLine(pid) !== null);
  }

  /** Kills everybody in it at once: nobody can be born meanwhile. False: this kernel (before 5.14) cannot. */
  kill(): boolean {
    try {
      fs.writeFileSync(path.join(this.directory, 'cgroup.kill'), '1');
      return true;
    } catch {
      return false;
    }
  }

  /** Processor seconds of all that ever were in it, by the kernel's own count. */
  cpuSeconds(): number {
    return this.field('cpu.stat', 'usage_usec') / 1e6;
  }

  /** How many processes the kernel has killed here because the memory was used up. */
  memoryKills(): number {
    return this.field('memory.events', 'oom_kill');
  }

  /** How often the kernel has refused a process or thread because there were as many as there may be. */
  refusedForks(): number {
    return this.field('pids.events', 'max');
  }

  /** Removes it. False: somebody still lives in it. */
  async remove(): Promise<boolean> {
    try {
      await rmdir(this.directory);
    } catch (error) {
      return errorCode(error) === 'ENOENT';
    }
    return true;
  }

  private set(name: string, value: number, optional = false): void {
    try {
      fs.writeFileSync(path.join(this.directory, name), String(value));
    } catch (error) {
      if (!optional) throw error;
    }
  }

  private field(file: string, name: string): number {
    return fieldOf(readTextOr(path.join(this.directory, file)), name);
  }
}

/** The number behind a name in a file of lines `name number`; 0 where there is none. */
export function fieldOf(text: string, name: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return Number(line?.slice(name.length + 1) ?? 0) || 0;
}

/** The processes of a cgroup; those of others' process namespaces (0) left out. */
export function pidsIn(directory: string): number[] {
  try {
    return parsePids(fs.readFileSync(path.join(directory, 'cgroup.procs'), 'latin1'));
  } catch {
    return [];
  }
}

function parsePids(text: string): number[] {
  return text.split('\n').map(Number).filter(Boolean);
}
