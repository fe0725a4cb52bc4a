import { constants } from 'node:os';
import { ReasonCode, type Ending } from '#libs/protocol/index';
import { errorCode, errorMessage } from '../platform/files.js';
import { OutputCollector, type ChunkSink } from './collector.js';
import { Preparation, type Launch, type RunnerOptions } from './launch.js';
import { findTree, groupMembers, killTree, signal, signalTree } from './processes.js';
import { type OutputFilters } from './masking/index.js';
import { StartError } from './run-error.js';
import { removeRunFiles } from './run-files.js';
import { toBuffer, wishesFilters, type RunSpec } from './run-spec.js';
import { loadStart, type Start, type StartedProcess } from './start/index.js';

/** How long what is left of a group may take to obey TERM once its first process has gone. */
const LEFTOVER_GRACE_MS = 1000;
/** How long pipes that somebody else holds open are waited for. */
const OPEN_PIPES_MS = 1000;

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
  private child: StartedProcess | null = null;
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
    options: RunnerOptions,
    private readonly observer: RunObserver,
    private readonly preparation = new Preparation(spec, options),
  ) {}

  /** Runs it to its end. Never rejects: whatever goes wrong is a result. */
  async execute(): Promise<RunResult> {
    let launch: Launch;
    let start: Start;
    try {
      this.filters = await this.loadFilters();
      [launch, start] = await Promise.all([
        this.preparation.take(),
        loadStart(),
        this.observer.beforeStart?.(),
      ]);
    } catch (error) {
      this.preparation.discard();
      return notStarted(error);
    }
    try {
      if (this.cause !== null) return this.neverStarted(this.cause);
      return await this.run(launch, start);
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
    const pid = this.child?.pid;
    if (pid === undefined) return;
    if (first) {
      this.lastSignal = 'SIGTERM';
      this.killing = signalTree(pid, this.spec.attempt_id, 'SIGTERM');
    }
    if (this.graceTimer !== null) clearTimeout(this.graceTimer);
    this.graceEnds = Math.min(this.graceEnds, performance.now() + graceSeconds * 1000);
    this.graceTimer = setTimeout(() => {
      this.lastSignal = 'SIGKILL';
      this.killing = killTree(pid, this.spec.attempt_id);
    }, this.graceEnds - performance.now());
  }

  private async run(launch: Launch, start: Start): Promise<RunResult> {
    this.observer.beforeSpawn();
    const begun = performance.now();
    const { file, args, cwd, env, account } = launch;
    const started = start({ file, args, cwd, env, account, stdin: this.spec.stdin !== undefined });
    const child = started instanceof Promise ? await started : started;
    this.child = child;
    const startedAt = Date.now();
    this.observer.onStarted(child.pid, startedAt);
    const collector = this.collect(child);
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
    await this.endTheRest(child.pid);
    await this.drain(child, collector);
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

  private collect({ stdout, stderr }: StartedProcess): OutputCollector {
    const { filters } = this;
    const collector = new OutputCollector(
      this.observer.onChunk,
      filters === null ? null : (next) => filters.filter(next),
    );
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
  private async endTheRest(pid: number): Promise<void> {
    if (this.cause !== null) {
      await this.killing;
      if (this.graceTimer !== null) clearTimeout(this.graceTimer);
      // A shell dies of TERM at once; what it had started keeps the grace that was promised.
      await waitUntil(this.graceEnds, async () => (await findTree(pid, this.spec.attempt_id)).length === 0);
      await killTree(pid, this.spec.attempt_id);
      return;
    }
    if (!signal(-pid, 'SIGTERM')) return;
    // The process table is asked only when the group answers: a zombie that nobody collects answers for ever.
    await waitUntil(
      performance.now() + LEFTOVER_GRACE_MS,
      async () => !signal(-pid, 0) || (await groupMembers(pid)).length === 0,
    );
    signal(-pid, 'SIGKILL');
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
