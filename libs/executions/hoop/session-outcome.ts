import { ReasonCode } from '#libs/protocol/index';
import { type TargetRow } from '../executions.repository.js';
import { stoppedAfter } from '../timed-out.js';
import { type OutputStatus } from './exec-sessions.dto.js';

/** How a session stands, in hoop's words. */
export interface SessionOutcome {
  readonly status: OutputStatus;
  /** -2: no exit code is known; 254: there is none. */
  readonly exitCode: number;
  /** What is said after its output; empty: nothing. */
  readonly closing: string;
}

const UNKNOWN = -2;
const NONE = 254;

/**
 * The "hoop session" column of the table of outcomes.
 * @param timeoutSeconds what the session was given
 */
export function toOutcome(target: TargetRow, timeoutSeconds: number): SessionOutcome {
  const { state, message, signal } = target;
  const failed = (exitCode: number, closing: string): SessionOutcome => ({
    status: 'failed',
    exitCode,
    closing,
  });
  switch (state) {
    case 'waiting_approval':
    case 'ready':
    case 'queued':
    case 'dispatched':
    case 'running':
    case 'terminating':
      return { status: 'running', exitCode: UNKNOWN, closing: '' };
    case 'finished': {
      const exitCode = target.exit_code ?? 128 + (signal ?? 0);
      return { status: exitCode === 0 ? 'success' : 'failed', exitCode, closing: '' };
    }
    case 'timed_out':
      return failed(NONE, `session timed out after ${stoppedAfter(target, timeoutSeconds)} s`);
    case 'killed':
      return killed(target);
    case 'failed_to_start':
      return failed(startCode(target.reason), message);
    case 'lost':
      return failed(UNKNOWN, `lost: ${message}`);
    case 'expired':
      return failed(UNKNOWN, dispatchable(message) ? 'agent is offline' : message);
    case 'cancelled':
      return failed(UNKNOWN, message || 'session cancelled before it started');
    case 'denied':
      return failed(NONE, message || 'denied');
  }
}

/** Whether what expired was waiting for its host, and not for people. */
function dispatchable(message: string): boolean {
  return !/approved|its turn/.test(message);
}

function killed({ reason, message, stop_by }: TargetRow): SessionOutcome {
  if (reason === ReasonCode.outputBlocked) return { status: 'failed', exitCode: NONE, closing: message };
  const closing = stop_by === null ? `session killed: ${message}` : `session killed by ${stop_by}`;
  return { status: 'failed', exitCode: UNKNOWN, closing };
}

/** A shell's codes for what it cannot start. */
function startCode(reason: ReasonCode | null): number {
  if (reason === ReasonCode.notFound) return 127;
  return reason === ReasonCode.notExecutable ? 126 : NONE;
}

/** An output with the closing words on a line of their own. */
export function withClosing(output: string, closing: string): string {
  if (closing === '') return output;
  return output === '' || output.endsWith('\n') ? output + closing : `${output}\n${closing}`;
}
