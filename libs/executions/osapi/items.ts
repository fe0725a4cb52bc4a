import { ReasonCode } from '#libs/protocol/index';
import { type TargetRow } from '../executions.repository.js';
import { type OutputTail, type TailWanted } from '../results/output-tails.repository.js';
import { isFinal } from '../states.js';
import { stoppedAfter } from '../timed-out.js';
import { type CommandItemDto } from './commands.dto.js';

/** How a target looks as an item of osapi's `results`. */
export type ItemOutcome = Pick<CommandItemDto, 'status' | 'exit_code' | 'changed' | 'error' | 'reason'>;

/**
 * The "osapi item" column of the table of outcomes. Keys are absent where there is nothing to say: an exit code of what has not
 * ended by itself, `changed` where nobody knows whether it ran.
 * @param timeoutSeconds what the command was given
 */
export function toOutcome(target: TargetRow, timeoutSeconds: number): ItemOutcome {
  const { state, message, signal, stop_by } = target;
  const failed = (error: string, changed?: boolean): ItemOutcome => ({
    status: 'failed',
    error,
    reason: target.reason ?? state,
    ...(changed !== undefined && { changed }),
  });
  switch (state) {
    case 'waiting_approval':
    case 'ready':
    case 'queued':
      return { status: 'queued', reason: state };
    case 'dispatched':
      // It may have started: only the agent knows, and has not said.
      return { status: 'running', reason: 'unconfirmed' };
    case 'running':
    case 'terminating':
      return { status: 'running', reason: state, changed: true };
    case 'finished':
      return { status: 'ok', exit_code: target.exit_code ?? 128 + (signal ?? 0), changed: true };
    case 'timed_out':
      return failed(`command timed out after ${stoppedAfter(target, timeoutSeconds)}s`, true);
    case 'killed':
      return failed(
        stop_by === null ? `command was stopped: ${message}` : `command was stopped by ${stop_by}`,
        true,
      );
    case 'failed_to_start':
      if (target.reason === ReasonCode.denied)
        return failed(`denied: ${message.replace(/^denied by /, '')}`, false);
      return failed(message || 'failed to start', false);
    case 'expired':
      return failed(message || 'expired', false);
    case 'lost':
      return failed(`lost: ${message}`);
    case 'denied':
      return failed(`denied: ${message}`, false);
    case 'cancelled':
      return {
        status: 'skipped',
        error: message || 'cancelled',
        reason: target.reason ?? state,
        changed: false,
      };
  }
}

/** What there is to read of a target's output; a run that goes on, or whose end nobody knows, may have any amount. */
export function wantedOf(target: TargetRow): TailWanted {
  const [stdoutBytes, stderrBytes] = writtenBy(target);
  return { id: target.id, stdoutBytes, stderrBytes };
}

/** Bytes of stdout and stderr. Their number comes with the end. */
function writtenBy({ state, started_at, stdout_bytes, stderr_bytes }: TargetRow): [number, number] {
  const uncounted = (!isFinal(state) || state === 'lost') && started_at !== null;
  return uncounted ? [Infinity, Infinity] : [Number(stdout_bytes), Number(stderr_bytes)];
}

/** An item with its output, where it may have any. */
export function toItem(
  target: TargetRow,
  timeoutSeconds: number,
  tail: OutputTail | undefined,
): CommandItemDto {
  const outcome = toOutcome(target, timeoutSeconds);
  const hasOutput = outcome.status === 'ok' || tail !== undefined || outcome.changed === true;
  return Object.assign(
    { hostname: target.hostname ?? '', host_id: target.host_id },
    outcome,
    hasOutput && outputOf(target, tail),
    target.duration_ms !== null && { duration_ms: Number(target.duration_ms) },
  );
}

function outputOf(
  target: TargetRow,
  tail: OutputTail | undefined,
): Pick<CommandItemDto, 'stdout' | 'stderr' | 'stdout_truncated' | 'stderr_truncated'> {
  const { stdout = '', stderr = '', stdoutBytes = 0, stderrBytes = 0, limit = 0 } = tail ?? {};
  const written = writtenBy(target);
  const cut = (all: number, read: number): boolean =>
    all === Infinity ? read > 0 && read >= limit : all > read;
  return {
    stdout,
    stderr,
    ...(cut(written[0], stdoutBytes) && { stdout_truncated: true }),
    ...(cut(written[1], stderrBytes) && { stderr_truncated: true }),
  };
}

/** By hostname as bytes go, hosts of one name by id. */
export function byHostname(
  a: Pick<TargetRow, 'hostname' | 'host_id'>,
  b: Pick<TargetRow, 'hostname' | 'host_id'>,
): number {
  const [x, y] = [a.hostname ?? '', b.hostname ?? ''];
  if (x === y) return a.host_id - b.host_id;
  return x < y ? -1 : 1;
}

/** The targets that the outcome of a request is made of: `_any` moves from host to host, and the last one counts. */
export function counting(targets: readonly TargetRow[], any: boolean): readonly TargetRow[] {
  return any ? targets.slice(-1) : targets;
}
