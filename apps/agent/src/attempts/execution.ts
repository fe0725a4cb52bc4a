import { ReasonCode, type Ending, type Order } from '#libs/protocol/index';
import { type RunnerOptions } from '../exec/launch.js';
import { startTimeOf } from '../exec/processes.js';
import { StartError } from '../exec/run-error.js';
import { Run, type RunObserver, type RunResult } from '../exec/runner.js';
import { type Journal } from '../journal/journal.js';
import { Spool } from '../journal/spool.js';
import { type SpoolSummary } from '../journal/output.js';
import { errorMessage } from '../platform/files.js';
import { type AgentLogger } from '../platform/logger.js';
import { type ServerClock } from '../platform/server-clock.js';
import { type PolicyGuard } from '../policy/policy-guard.js';
import { type Reporter } from '../transport/reporter.js';
import { type StatementGate } from '../trust/statement-gate.js';
import { expiryOf } from './admission.js';
import { type Attempt } from './attempt.js';

/** What executing an attempt needs. */
export interface ExecutionContext {
  readonly journal: Journal;
  readonly reporter: Reporter;
  readonly clock: ServerClock;
  readonly log: AgentLogger;
  readonly runner: RunnerOptions;
  readonly policy: PolicyGuard;
  readonly statements: StatementGate;
  readonly bootId: string;
}

/** A run that ends sooner is told in one message. */
const FAST_RUN_MS = 20;
/** Ends that nobody asked for. */
const SYSTEM = new Set<ReasonCode>([ReasonCode.timeout, ReasonCode.agentShutdown, ReasonCode.agentDied]);

/** Runs an accepted attempt to its end, writes the end down and has it reported. */
export async function executeAttempt(
  attempt: Attempt,
  context: ExecutionContext,
  isClosing: () => boolean,
): Promise<void> {
  if (attempt.order === null) return;
  const { journal, reporter, clock, log, policy, statements } = context;
  const { order, unfit } = cappedNow(attempt.order, policy);
  attempt.order = order;
  const spool = new Spool(journal.outputDirectory(attempt.id), order.output_cap_bytes);
  attempt.output = spool;
  let timer: NodeJS.Timeout | null = null;
  const news = (): void => {
    if (attempt.due && !attempt.forgotten) reporter.notify(attempt);
  };
  const preparation = attempt.preparation ?? undefined;
  attempt.preparation = null;
  let root: ReadonlySet<Order> | null = null;
  const observer: RunObserver = {
    beforeStart: async () => {
      if (unfit !== null) throw unfit;
      root = await statements.rootAmong([order]);
      await announceStart(attempt.id, journal);
    },
    beforeSpawn: () => {
      if (attempt.forgotten || isClosing()) {
        throw new StartError(ReasonCode.agentShutdown, 'the agent was shut down before this was started');
      }
      if (attempt.stoppedBy !== null) {
        throw new StartError(ReasonCode.stopTrigger, 'its stop trigger fired before it was started');
      }
      const expired = expiryOf(order, clock.now());
      if (expired !== null) throw new StartError(expired.reason, expired.message);
      // It may have waited for its turn: beyond a time window, or until the policy became another.
      const denial = policy.denies(order);
      if (denial !== null) throw new StartError(denial.reason, denial.message);
      const unsigned = statements.lapsed(order, attempt.signedUntil, root);
      if (unsigned !== null) throw new StartError(unsigned.reason, unsigned.message);
    },
    onStarted: (pid, at) => {
      attempt.state = 'running';
      attempt.startedAt = at;
      journal.started(attempt.id, at, { pid, startTime: startTimeOf(pid), bootId: context.bootId });
      log.debug({ attempt_id: attempt.id, pid }, 'started');
      timer = setTimeout(() => {
        attempt.due = true;
        news();
        // From now on output goes to disk before it is sent: what the server has seen, a restart still knows.
        void spool.spill().then(news);
      }, FAST_RUN_MS);
    },
    onChunk: (stream, at, data) => {
      const written = spool.write(stream, at, data);
      return written?.then(news);
    },
  };
  const run = new Run(order, context.runner, observer, preparation);
  attempt.run = run;
  const result = await run.execute();
  if (timer !== null) clearTimeout(timer);
  const summary = await spool.finish();
  const longest = result.reason === ReasonCode.timeout && policy.allowsNoLonger(order);
  const message = longest ? `${result.message}, the most that the agent's policy allows` : result.message;
  const ending = { ...stopFired(attempt, result.reason), ...endingOf({ ...result, message }, summary) };
  const written = journal.ended(attempt.id, ending, spool.onDisk ? summary : await spool.chunksInMemory());
  attempt.ending = ending;
  attempt.state = 'ended';
  attempt.due = true;
  attempt.run = null;
  attempt.order = null;
  log.info({ attempt_id: attempt.id, ...logged(ending) }, 'ended');
  await rest(attempt, spool, written, context);
  if (!attempt.forgotten) reporter.notify(attempt);
}

/** The order as the policy caps it now, which may be another one than when it was accepted; or why nobody can say. */
function cappedNow(order: Order, policy: PolicyGuard): { order: Order; unfit: StartError | null } {
  try {
    return { order: policy.capped(order), unfit: null };
  } catch (error) {
    return {
      order,
      unfit: error instanceof StartError ? error : new StartError(ReasonCode.denied, errorMessage(error)),
    };
  }
}

/** Of an attempt that waited with secrets the journal must know that its turn has come: a restart judges by that. */
async function announceStart(attemptId: string, journal: Journal): Promise<void> {
  if (journal.find(attemptId)?.order.waiting !== true) return;
  try {
    journal.starting(attemptId);
    await journal.commit();
  } catch (error) {
    throw new StartError(ReasonCode.journalUnavailable, errorMessage(error));
  }
}

/** The server may be away for long: then nothing that the disk has stays in memory or open. */
async function rest(
  attempt: Attempt,
  spool: Spool,
  written: boolean,
  context: ExecutionContext,
): Promise<void> {
  if (spool.onDisk) await spool.idle();
  const open = context.journal.find(attempt.id);
  if (context.reporter.connected || spool.onDisk || !written || open === undefined) return;
  attempt.output = await context.journal.output(open);
}

/** What of a run of an instance ended it, when it was no person. */
export function stopFired(
  { instance, stoppedBy }: Pick<Attempt, 'instance' | 'stoppedBy'>,
  reason: ReasonCode | null,
): Pick<Ending, 'stop_trigger'> {
  if (instance === null) return {};
  if (reason === ReasonCode.stopTrigger && stoppedBy !== null)
    return { stop_trigger: { type: 'xpath', setting: stoppedBy } };
  return reason !== null && SYSTEM.has(reason) ? { stop_trigger: { type: 'system' } } : {};
}

/** What the process said and what its output came to. */
export function endingOf(result: RunResult, summary: SpoolSummary): Ending {
  return {
    stdout_bytes: summary.stdoutBytes,
    stderr_bytes: summary.stderrBytes,
    dropped_bytes: summary.droppedBytes,
    gap_seq: summary.gapSeq,
    chunks: summary.chunks,
    ...result,
  };
}

function logged({ outcome, reason, exit_code, signal, duration_ms }: Ending): Partial<Ending> {
  return { outcome, reason, exit_code, signal, duration_ms };
}
