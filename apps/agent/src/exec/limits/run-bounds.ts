import { type Readable } from 'node:stream';
import { type RunLimits } from '#libs/protocol/index';
import { type Launch, type RunnerOptions } from '../launch.js';
import { ProcessTree } from '../process-tree.js';
import { type RunSpec } from '../run-spec.js';
import { type ProcessSpec, type Restrict, type StartedProcess } from '../start/index.js';
import { type RunCgroup } from './cgroup.js';
import { type Breach, breachOf, type LimitName, strictest } from './limits.js';
import { forgetOwnLimits, ownLimits, type Rlimit, rlimitsOf, wrapperFor } from './rlimits.js';
import { standBack } from './stand-back.js';
import { LimitWatch } from './watch.js';

/** What a shell answers for a child that died of a signal. */
const SHELL_SAYS = 128;
const SIGXCPU = 24;
const SIGXFSZ = 25;
/** As many open files are enough for the agent itself. */
const ROOMY = 16_384;

/** What one run may use up, and who sees to it: the kernel where it can, a look now and then where it cannot. */
export class RunBounds {
  private readonly limits: RunLimits;
  private readonly group: RunCgroup | null;
  private watching: LimitWatch | null = null;
  private output = 0;
  private broken = false;

  constructor(
    spec: Pick<RunSpec, 'attempt_id' | 'limits'>,
    private readonly options: Pick<RunnerOptions, 'limits' | 'cgroups'>,
    private readonly onBreach: (breach: Breach) => void,
  ) {
    this.limits = strictest(options.limits?.(), spec.limits);
    this.group = options.cgroups?.group(spec.attempt_id, this.limits) ?? null;
  }

  /**
   * What the kernel is told when the first process is made.
   * @param program what is to be run
   */
  forStart(
    program: Pick<Launch, 'file' | 'args' | 'account'>,
    restrict: Restrict,
  ): Pick<ProcessSpec, 'file' | 'args' | 'account' | 'cgroup'> & { rlimits: readonly Rlimit[] } {
    const { file, args, account } = program;
    this.inherit(restrict);
    const rlimits = rlimitsOf(this.limits, account?.uid ?? process.getuid?.() ?? 0);
    const wrapper = wrapperFor(rlimits);
    const wrapped =
      wrapper === null ? { file, args } : { file: wrapper.file, args: [...wrapper.args, file, ...args] };
    return { account, cgroup: this.group, rlimits, ...wrapped };
  }

  /** All processes that the run will have. */
  treeOf({ pid, inCgroup = false }: StartedProcess, attemptId: string): ProcessTree {
    const { group, options } = this;
    if (group === null || !options.cgroups) return new ProcessTree(pid, attemptId, null);
    return new ProcessTree(pid, attemptId, { home: options.cgroups, group, bornInside: inCgroup });
  }

  /** From now on it is looked at, when there is something to look for. */
  watch(tree: ProcessTree, rlimits: readonly Rlimit[], restrict: Restrict): void {
    standBack(tree.pid);
    if (Object.keys(this.limits).length === 0) return;
    this.watching = new LimitWatch(tree, this.limits, (breach) => this.report(breach), {
      // What was born before its parent was bounded has not inherited it.
      onNewcomers: (pids) => {
        for (const pid of pids) restrict(pid, rlimits);
      },
    });
  }

  /** Counts what comes out, before anybody filters it. */
  count(sources: readonly Readable[]): void {
    const { output_bytes: most } = this.limits;
    if (most === undefined) return;
    for (const source of sources)
      source.on('data', (data: Buffer) => {
        this.output += data.length;
        if (this.output > most) this.break('output_bytes');
      });
  }

  /** The first process has gone. What the kernel did to the run meanwhile is told here. */
  ended(code: number | null, signal: NodeJS.Signals | null): void {
    this.watching?.stop();
    const name = this.brokenAtTheEnd(code, signal);
    if (name !== null) this.break(name);
  }

  private brokenAtTheEnd(code: number | null, signal: NodeJS.Signals | null): LimitName | null {
    const { limits, group } = this;
    const diedOf = (name: NodeJS.Signals, number: number): boolean =>
      signal === name || code === SHELL_SAYS + number;
    if (limits.file_bytes !== undefined && diedOf('SIGXFSZ', SIGXFSZ)) return 'file_bytes';
    if (limits.cpu_seconds !== undefined && diedOf('SIGXCPU', SIGXCPU)) return 'cpu_seconds';
    if (group === null) return null;
    if (group.bounds('memory') && group.memoryKills() > 0) return 'memory_bytes';
    if (group.bounds('pids') && group.refusedForks() > 0) return 'processes';
    return null;
  }

  /** The agent takes the host's bound of open files on itself, where that is enough for it: then every run is born with it. */
  private inherit(restrict: Restrict): void {
    const most = this.options.limits?.().open_files ?? Infinity;
    if (most < ROOMY || most >= ownLimits().nofile) return;
    restrict(process.pid, [{ resource: 'nofile', soft: most, hard: most }]);
    forgetOwnLimits();
  }

  private break(name: LimitName): void {
    this.report(breachOf(name, this.limits));
  }

  private report(breach: Breach): void {
    if (this.broken) return;
    this.broken = true;
    this.watching?.stop();
    this.onBreach(breach);
  }
}
