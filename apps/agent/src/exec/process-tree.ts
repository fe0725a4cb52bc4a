import { type CgroupHome } from './limits/cgroup-home.js';
import { type RunCgroup } from './limits/cgroup.js';
import {
  descendantsOf,
  findTree,
  groupMembers,
  killTree,
  listProcesses,
  markOf,
  type ProcessLine,
  processLine,
  signal,
} from './processes.js';

/** Whoever forks faster than it is moved is not moved but killed. */
const SWEEPS = 20;
/** Rounds in which a tree is killed: a process may fork while it is being killed. */
const KILLS = 20;

/** The cgroup of a run, and whether its first process was born there. */
export interface Place {
  readonly home: CgroupHome;
  readonly group: RunCgroup;
  readonly bornInside: boolean;
}

/**
 * All processes of a run. With a cgroup these are who is in it, whatever they did to their session, parent and environment;
 * without one, who can be found by group, descent and the attempt's mark in the environment.
 */
export class ProcessTree {
  private joining: Promise<void> | null;

  constructor(
    readonly pid: number,
    private readonly attemptId: string,
    private place: Place | null,
  ) {
    this.joining = place === null || place.bornInside ? Promise.resolve() : null;
  }

  /** Sees to it that everybody is in the cgroup who has to be. Never rejects: without one the other ways remain. */
  join(): Promise<void> {
    return (this.joining ??= this.moveIn().catch(() => {
      void this.place?.group.remove();
      this.place = null;
    }));
  }

  /** Where the run is, when it is in a cgroup. */
  get group(): RunCgroup | null {
    return this.place?.group ?? null;
  }

  /** Who is looked at while it runs: cheap, so without a search through all environments. */
  async members(): Promise<readonly number[]> {
    await this.join();
    if (this.place !== null) return this.place.group.members();
    const lines = await listProcesses();
    const alive = new Set(lines.map(({ pid }) => pid));
    return descendantsOf(this.pid, lines).filter((pid) => alive.has(pid));
  }

  /** Whether nobody is left, anywhere. */
  async isGone(): Promise<boolean> {
    return (await this.everybody()).length === 0;
  }

  /** Signals everybody. */
  async signal(name: NodeJS.Signals): Promise<void> {
    signal(-this.pid, name);
    for (const pid of await this.everybody()) signal(pid, name);
  }

  /** Kills everybody, and looks again until nobody is left. */
  async kill(): Promise<void> {
    signal(-this.pid, 'SIGKILL');
    await this.join();
    for (let round = 0; round < KILLS; round += 1) {
      this.place?.group.kill();
      const areGone = await killTree(this.pid, this.attemptId, 3);
      const left = this.place?.group.living() ?? [];
      for (const pid of left) signal(pid, 'SIGKILL');
      if (areGone && left.length === 0) return;
      await new Promise((resolve) => setTimeout(resolve, 5 + 5 * round));
    }
  }

  /**
   * Whether nobody of the first process's group lives. The process table is asked only when the group answers: a zombie that nobody
   * collects answers for ever.
   */
  async isGroupGone(): Promise<boolean> {
    return !signal(-this.pid, 0) || (await groupMembers(this.pid)).length === 0;
  }

  /** The run is over. */
  async release(): Promise<void> {
    if (this.joining !== null) await this.joining;
    await this.place?.home.release(this.joining === null ? null : this.place.group);
  }

  private async everybody(): Promise<number[]> {
    await this.join();
    const found = await findTree(this.pid, this.attemptId);
    return [...new Set([...found, ...(this.place?.group.living() ?? [])])];
  }

  /**
   * The first process, and then whom it bore before it was in: they are among those in the agent's own group, which none of them can
   * leave. What is born of somebody who is in is in.
   */
  private async moveIn(): Promise<void> {
    if (this.place === null) return;
    const { home, group } = this.place;
    const first = processLine(this.pid);
    await group.adopt(this.pid);
    for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
      const lines = home.unplaced().map(processLine);
      const ours = this.ownAmong(
        lines.filter((line) => line !== null),
        first?.startTime ?? 0,
      );
      if (ours.length === 0) return;
      for (const pid of ours) await group.adopt(pid);
    }
  }

  private ownAmong(lines: readonly ProcessLine[], since: number): number[] {
    const here = new Set(lines.map(({ pid }) => pid));
    const found = new Set(descendantsOf(this.pid, lines));
    for (const { pid, parent, session, startTime } of lines) {
      if (found.has(pid)) continue;
      // Who has lost its parent and leads, or is in, a session that is no older than the run: nobody else here has such children.
      const isOrphan = parent !== process.pid && !here.has(parent);
      const mark =
        isOrphan && startTime >= since && session >= this.pid ? (markOf(pid) ?? this.attemptId) : '';
      if (mark === this.attemptId) for (const one of descendantsOf(pid, lines)) found.add(one);
    }
    return [...found].filter((pid) => here.has(pid));
  }
}
