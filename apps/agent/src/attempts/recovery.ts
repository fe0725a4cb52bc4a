import { type Ending, ReasonCode } from '#libs/protocol/index';
import { findTree, killTree, signal, startTimeOf } from '../exec/processes.js';
import { foreignRunDirectory, removeRunFiles } from '../exec/run-files.js';
import { type OpenAttempt } from '../journal/journal-state.js';
import { Spool } from '../journal/spool.js';
import { errorMessage } from '../platform/files.js';
import { type Attempt } from './attempt.js';
import { endingOf, type ExecutionContext, stopFired } from './execution.js';

const TERM_GRACE_MS = 2000;

/**
 * After a restart: what had ended is reported again; what had been accepted and not ended is ended now, its processes
 * with it, and reported as lost, or as never started where that is certain. Nothing is guessed and nothing is started again.
 */
export async function recoverAttempts(
  open: readonly OpenAttempt[],
  attempts: ReadonlyMap<string, Attempt>,
  context: ExecutionContext,
  forget: (attempt: Attempt) => void,
): Promise<void> {
  const unended = open.filter(({ state }) => state !== 'ended');
  const ended = open.filter(({ state }) => state === 'ended');
  const one = async (entry: OpenAttempt): Promise<void> => {
    const attempt = attempts.get(entry.order.attemptId);
    if (attempt === undefined) return;
    try {
      if (entry.state !== 'ended') await lose(entry, context);
      attempt.resume(await context.journal.output(entry), entry.startedAt, entry.ending);
      if (attempt.forgotten) forget(attempt);
      else context.reporter.notify(attempt);
    } catch (error) {
      context.log.error(
        { attempt_id: attempt.id, err: errorMessage(error) },
        'an attempt could not be recovered',
      );
    }
  };
  await Promise.all(unended.map(one));
  for (const entry of ended) await one(entry);
  context.runner.cgroups?.removeEmpty();
}

async function lose(entry: OpenAttempt, context: ExecutionContext): Promise<void> {
  const { order, startedAt } = entry;
  attemptLog(entry, context);
  await endLeftovers(entry, context);
  await removeRunFiles(foreignRunDirectory(order.attemptId));
  const spool = await Spool.recover(context.journal.outputDirectory(order.attemptId), order.capBytes);
  const summary = await spool.finish();
  await spool.idle();
  const now = Math.max(Date.now(), startedAt ?? 0);
  const verdict = verdictOn(entry);
  const ending = {
    ...endingOf(
      {
        ...verdict,
        exit_code: null,
        signal: null,
        started_at: startedAt,
        finished_at: now,
        duration_ms: startedAt === null ? 0 : now - startedAt,
      },
      summary,
    ),
    ...stopFired({ instance: order.instance ?? null, stoppedBy: null }, verdict.reason),
  };
  context.journal.ended(order.attemptId, ending, summary);
}

function verdictOn(entry: OpenAttempt): Pick<Ending, 'outcome' | 'reason' | 'message'> {
  if (entry.order.waiting === true && !entry.starting && entry.startedAt === null) {
    const message =
      'the agent was restarted before this was started, and its secrets, which are kept in memory only, are gone: run it again';
    return { outcome: 'failed_to_start', reason: ReasonCode.secretsLost, message };
  }
  const message =
    entry.startedAt === null
      ? 'the agent died after it had taken this order; whether it was started is unknown'
      : 'the agent died while this ran; the outcome is unknown';
  return { outcome: 'lost', reason: ReasonCode.agentDied, message };
}

function attemptLog({ order, state }: OpenAttempt, { log }: ExecutionContext): void {
  log.warn({ attempt_id: order.attemptId, state }, 'an earlier agent process died with this attempt');
}

/** Ends what still lives of a run whose agent died; a number that was given to another process since is left alone. */
async function endLeftovers(
  { order, process: mark }: OpenAttempt,
  { bootId, runner }: ExecutionContext,
): Promise<void> {
  if (mark !== null && mark.bootId !== bootId) return;
  const same = mark !== null && mark.startTime !== 0 && startTimeOf(mark.pid) === mark.startTime;
  const group = same ? mark.pid : null;
  // Of an agent that has no cgroups (any more) there is none to be found.
  const cgroup = runner.cgroups?.group(order.attemptId);
  const left = async (): Promise<number[]> => [
    ...(await findTree(group, order.attemptId)),
    ...(cgroup?.living() ?? []),
  ];
  const tree = await left();
  if (tree.length === 0) return;
  if (group !== null) signal(-group, 'SIGTERM');
  for (const pid of tree) signal(pid, 'SIGTERM');
  const deadline = performance.now() + TERM_GRACE_MS;
  for (let pause = 5; performance.now() < deadline; pause = Math.min(2 * pause, 100)) {
    if ((await left()).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  cgroup?.kill();
  await killTree(group, order.attemptId);
}
