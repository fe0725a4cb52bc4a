import { ReasonCode } from '#libs/protocol/index';
import { type TargetRow } from '../executions.repository.js';
import { stoppedAfter } from '../timed-out.js';

/** How a target looks as a Fleet script result. */
export interface ScriptOutcome {
  readonly exitCode: number | null;
  readonly message: string;
  /** Stands in for output where nothing ever ran. */
  readonly output: string | null;
}

/** Fleet's own words (`reference/fleet.md`, 3.3): its clients show, and some compare, them. */
export const MESSAGES = {
  async: 'Script is running or will run when the host comes online.',
  approval: 'Script is waiting for approval. It will run once it is approved.',
  unheard:
    "Fleet didn't hear back from the host in under 5 minutes (timeout for live scripts). Fleet doesn't know if the script ran because it didn't receive the result. Go to Fleet and check Host details > Activities to see script results.",
  busy: 'A script is already running on this host. Please wait about 5 minutes to let it finish.',
  timeout: (seconds: number): string =>
    `Timeout. Fleet stopped the script after ${seconds} seconds to protect host performance.`,
  disabled:
    'Scripts are disabled for this host. To run scripts, deploy the fleetd agent with scripts enabled.',
};

/** How the one who asked waits: not at all, still (`busy`), or in vain. */
export type Waiting = 'async' | 'busy' | 'unheard';

/**
 * The "Fleet script result" column of the table of outcomes; null where the result is a 404: cancelled before it started, or
 * the saved script was withdrawn before there was a result.
 */
export function toScriptOutcome(
  target: TargetRow,
  timeoutSeconds: number,
  waiting: Waiting = 'async',
): ScriptOutcome | null {
  const said = (exitCode: number, message: string): ScriptOutcome => ({ exitCode, message, output: null });
  if (target.stop_reason === ReasonCode.scriptWithdrawn) return null;
  switch (target.state) {
    case 'waiting_approval':
      return { exitCode: null, message: MESSAGES.approval, output: null };
    case 'ready':
    case 'queued':
    case 'dispatched':
    case 'running':
    case 'terminating':
      return { exitCode: null, message: MESSAGES[waiting], output: null };
    case 'finished':
      return said(target.exit_code ?? 128 + (target.signal ?? 0), '');
    case 'timed_out':
      return said(-1, MESSAGES.timeout(stoppedAfter(target, timeoutSeconds)));
    case 'killed':
      return said(
        -1,
        target.stop_by === null
          ? `The script was stopped: ${target.message}.`
          : `The script was stopped by ${target.stop_by}.`,
      );
    case 'failed_to_start':
      if (target.reason === ReasonCode.scriptsDisabled)
        return { exitCode: -2, message: MESSAGES.disabled, output: 'Scripts are disabled' };
      if (target.reason === ReasonCode.denied)
        return { exitCode: -2, message: `The script was ${target.message}.`, output: target.message };
      return { exitCode: -1, message: `The script did not start: ${target.message}`, output: target.message };
    case 'lost':
      return said(-1, `The script was handed to the host, but its outcome is unknown: ${target.message}.`);
    case 'expired':
      return said(
        -1,
        `The request ${target.message || 'expired before the host came online'}; the script did not run.`,
      );
    case 'denied':
      return said(-2, `The script was denied: ${target.message}`);
    case 'cancelled':
      return null;
  }
}
