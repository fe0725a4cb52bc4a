import { constants } from 'node:os';
import { ReasonCode, type Ending } from '#libs/protocol/index';
import { errorCode, errorMessage } from '../platform/files.js';
import { OutputCollector, type ChunkSink } from './collector.js';
import { Preparation, type Launch, type RunnerOptions } from './launch.js';
import { type OutputFilters } from './masking/index.js';
import { type Breach } from './limits/limits.js';
import { RunBounds } from './limits/run-bounds.js';
import { type ProcessTree } from './process-tree.js';
import { signal } from './processes.js';
import { StartError } from './run-error.js';
import { removeRunFiles } from './run-files.js';
import { toBuffer, wishesFilters, type RunSpec } from './run-spec.js';
import { loadRestrict, loadStart, type Restrict, type Start, type StartedProcess } from './start/index.js';

/** How long what is left of a group may take to obey TERM once its first process has gone. */
const LEFTOVER_GRACE_MS = 1000;
/** How long those who were killed are waited for: somebody in an uninterruptible wait may keep his place for ever. */
const KILLED_MS = 1000;
/** How long pipes that somebody else holds open are waited for. */
const OPEN_PIPES_MS = 1000;
/** A run that ends sooner is never moved into its cgroup: that would cost more than the run. */
const JOIN_AFTER_MS = 20;

/** The part of an ending that the process itself decides; output is counted elsewhere. */
export type RunResult = Pick<
  Ending,
  | 'outcome'
  | 'reason'
  | 'message'
  | 'exit_code'
  | 'signal'
  | 'started_at'
  | 'finished_at'
  | 'duration_ms'
  | 'masked'
>;

/** Why we end a run ourselves. */
export interface KillCause {
  readonly outcome: 'timed_out' | 'killed';
  readonly reason: ReasonCode;
  readonly message: string;
  /** By KILL, without TERM and grace: what it would do with them is more of the same. */
  readonly atOnce?: boolean;
}

/** Told to whoever runs something. */
export interface RunObserver {
  /** While it is being prepared; when this is rejected, it is not started. */
  readonly beforeStart?: () => Promise<void>;
  /** The last moment before the process exists; throws StartError when it must not. */
  readonly beforeSpawn: () => void;
  /** Once, right after the process exists and before any output. */
  readonly onStarted: (pid: number, at: number) => void;
  readonly onChunk: ChunkSink;
}

/** One process tree: prepared, started, watched and, if need be, ended. Knows neither journal nor server. */
export class Run {
  private tree: ProcessTree | null = null;
  private cause: KillCause | null = null;
  private graceTimer: NodeJS.Timeout | null = null;
  private timeoutTimer: NodeJS.Timeout | null = null;
  private graceEnds = Infinity;
  private exited = false;
  private lastSignal: NodeJS.Signals | null = null;
  private filters: OutputFilters | null = null;
  private killing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly spec: RunSpec,
    private readonly options: RunnerOptions,
    private readonly observer: RunObserver,
    private readonly preparation = new Preparation(spec, options),
  ) {}

  /** Runs it to its end. Never rejects: whatever goes wrong is a result. */
  async execute(): Promise<RunResult> {
    let launch: Launch;
    let start: Start;
    let restrict: Restrict;
    let bounds: RunBounds;
    try {
      // What this host allows may be unknown at this moment: then nothing is started.
      bounds = new RunBounds(this.spec, this.options, (breach) => this.breach(breach));
      this.filters = await this.loadFilters();
      [launch, start, restrict] = await Promise.all([
        this.preparation.take(),
        loadStart(),
        loadRestrict(),
        this.observer.beforeStart?.(),
      ]);
    } catch (error) {
      const discarded = this.preparation.discard();
      // As below.
      if (this.spec.secrets?.files !== undefined) await discarded;
      return notStarted(error);
    }
    try {
      if (this.cause !== null) return this.neverStarted(this.cause);
      return await this.run(launch, start, restrict, bounds);
    } catch (error) {
      return notStarted(error, launch);
    } finally {
      // Nobody who waits for the result has to wait for this, unless secrets are among it: then it tells that they are
      // gone. The next start removes what a crash leaves.
      const removed = Promise.all(launch.leftovers.map(removeRunFiles));
      if (this.spec.secrets?.files !== undefined) await removed;
    }
  }

  /** TERM to the whole tree, KILL after the grace. The first cause stands; a shorter grace may still hasten it. */
  terminate(cause: KillCause, graceSeconds = this.spec.grace_seconds): void {
    if (this.exited) return;
    const first = this.cause === null;
    this.cause ??= cause;
    const { tree } = this;
    if (tree === null) return;
    if (first && cause.atOnce !== true) {
      this.lastSignal = 'SIGTERM';
      this.killing = tree.signal('SIGTERM');
    }
    if (this.graceTimer !== null) clearTimeout(this.graceTimer);
    this.graceEnds = Math.min(this.graceEnds, performance.now() + graceSeconds * 1000);
    const kill = (): void => {
      this.lastSignal = 'SIGKILL';
      this.killing = tree.kill();
    };
    if (cause.atOnce === true) kill();
    else this.graceTimer = setTimeout(kill, this.graceEnds - performance.now());
  }

  /** It has used up what it may. */
  private breach(breach: Breach): void {
    const cause = { outcome: 'killed', ...breach, atOnce: true } as const;
    // Seen only afterwards, or at the very end: it has ended because of it all the same.
    if (this.exited) this.cause ??= cause;
    else this.terminate(cause, 0);
  }

  private async run(launch: Launch, start: Start, restrict: Restrict, bounds: RunBounds): Promise<RunResult> {
    this.observer.beforeSpawn();
    const begun = performance.now();
    const { cwd, env } = launch;
    const bounded = bounds.forStart(launch, restrict);
    const started = start({ cwd, env, stdin: this.spec.stdin !== undefined, ...bounded });
    const child = started instanceof Promise ? await started : started;
    const startedAt = Date.now();
    const tree = bounds.treeOf(child, this.spec.attempt_id);
    this.tree = tree;
    const joinTimer = setTimeout(() => void tree.join(), JOIN_AFTER_MS);
    bounds.watch(tree, bounded.rlimits, restrict);
    this.observer.onStarted(child.pid, startedAt);
    const collector = this.collect(child, bounds);
    this.feed(child);
    this.timeoutTimer = setTimeout(
      () => this.terminate(this.timeoutCause()),
      this.spec.timeout_seconds * 1000,
    );

    const { code, signal: by } = await child.exited;
    const duration = Math.round(performance.now() - begun);
    const finishedAt = Date.now();
    this.exited = true;
    clearTimeout(this.timeoutTimer);
    clearTimeout(joinTimer);
    bounds.ended(code, by);
    await this.endTheRest(tree);
    await this.drain(child, collector);
    // Nobody who waits for the result has to wait for this.
    void tree.release().catch(() => undefined);
    return this.result(code, by, startedAt, Math.max(finishedAt, startedAt), duration);
  }

  private async loadFilters(): Promise<OutputFilters | null> {
    if (!wishesFilters(this.spec)) return null;
    const { OutputFilters } = await import('./masking/index.js');
    return OutputFilters.load(this.spec, (message) => this.block(message));
  }

  /** Its output broke a rule. The process may have gone by itself meanwhile: the run was blocked all the same. */
  private block(message: string): void {
    const cause = { outcome: 'killed', reason: ReasonCode.outputBlocked, message } as const;
    if (this.exited) this.cause ??= cause;
    else this.terminate(cause);
  }

  private collect({ stdout, stderr }: StartedProcess, bounds: RunBounds): OutputCollector {
    const { filters } = this;
    const collector = new OutputCollector(
      this.observer.onChunk,
      filters === null ? null : (next) => filters.filter(next),
    );
    bounds.count([stdout, stderr]);
    collector.attach('stdout', stdout);
    collector.attach('stderr', stderr);
    return collector;
  }

  private feed(child: StartedProcess): void {
    if (child.stdin === null || this.spec.stdin === undefined) return;
    // A process that does not read its input closes the pipe: that is its right.
    child.stdin.on('error', () => undefined);
    child.stdin.end(toBuffer(this.spec.stdin));
  }

  /** The first process has gone. Whatever of its group still lives goes too; after a kill, escapees as well. */
  private async endTheRest(tree: ProcessTree): Promise<void> {
    if (this.cause !== null) {
      await this.killing;
      if (this.graceTimer !== null) clearTimeout(this.graceTimer);
      // A shell dies of TERM at once; what it had started keeps the grace that was promised.
      if (this.cause.atOnce !== true) await waitUntil(this.graceEnds, () => tree.isGone());
      await tree.kill();
      return;
    }
    if (!signal(-tree.pid, 'SIGTERM')) return;
    await waitUntil(performance.now() + LEFTOVER_GRACE_MS, () => tree.isGroupGone());
    if (!signal(-tree.pid, 'SIGKILL')) return;
    // KILL is obeyed when the kernel next runs the process: on a busy machine that is after the signal was sent.
    await waitUntil(performance.now() + KILLED_MS, () => tree.isGroupGone());
  }

  /** Reads the pipes to their end, but does not wait for ever for somebody who left the group and holds them open. */
  private async drain(child: StartedProcess, collector: OutputCollector): Promise<void> {
    let open = true;
    const done = child.closed.then(() => (open = false));
    for (let waited = 0; open && waited < OPEN_PIPES_MS;) {
      const wasBehind = collector.waiting;
      await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 50).unref())]);
      waited += wasBehind ? 5 : 50;
    }
    for (const pipe of [child.stdout, child.stderr]) if (open) pipe.destroy();
    await collector.finish();
  }

  private result(
    code: number | null,
    by: NodeJS.Signals | null,
    startedAt: number,
    finishedAt: number,
    durationMs: number,
  ): RunResult {
    const { cause } = this;
    const sent = cause === null ? null : this.lastSignal;
    const masked = this.filters?.masked() ?? null;
    return {
      outcome: cause?.outcome ?? 'finished',
      reason: cause?.reason ?? null,
      message: cause?.message ?? '',
      exit_code: code,
      signal: signalNumber(by ?? sent),
      started_at: startedAt,
      finished_at: finishedAt,
      duration_ms: durationMs,
      ...(masked !== null && { masked }),
    };
  }

  private timeoutCause(): KillCause {
    const message = `ended after ${this.spec.timeout_seconds} s`;
    return { outcome: 'timed_out', reason: ReasonCode.timeout, message };
  }

  private neverStarted({ reason, message }: KillCause): RunResult {
    return { ...notStarted(new Error(message)), outcome: 'killed', reason };
  }
}

async function waitUntil(deadline: number, condition: () => Promise<boolean>): Promise<void> {
  for (let pause = 2; !(await condition()) && performance.now() < deadline; pause = Math.min(pause * 2, 50)) {
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

function signalNumber(name: NodeJS.Signals | null): number | null {
  return name === null ? null : constants.signals[name];
}

/** The result of a run that never came to be. */
export function notStarted(error: unknown, launch?: Launch): RunResult {
  const { reason, message } = explain(error, launch);
  const now = Date.now();
  return {
    outcome: 'failed_to_start',
    reason,
    message,
    exit_code: null,
    signal: null,
    started_at: null,
    finished_at: now,
    duration_ms: 0,
  };
}

function explain(error: unknown, launch?: Launch): { reason: ReasonCode; message: string } {
  if (error instanceof StartError) return error;
  const what = launch?.file ?? 'the process';
  switch (errorCode(error)) {
    case 'ENOENT':
      return { reason: ReasonCode.notFound, message: `${what}: not found` };
    case 'EACCES':
      return { reason: ReasonCode.notExecutable, message: `${what}: permission denied` };
    case 'EPERM':
      return { reason: ReasonCode.badUser, message: `the agent may not run as this user` };
    case 'E2BIG':
      return {
        reason: ReasonCode.startFailed,
        message: 'arguments and environment are larger than the system allows',
      };
    default:
      return {
        reason: ReasonCode.startFailed,
        message: `could not be started: ${errorMessage(error)}`.slice(0, 4096),
      };
  }
}
