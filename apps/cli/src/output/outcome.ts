import { constants } from 'node:os';
import { type FinalState, isFinal, type Target } from '../api/shapes.js';
import { ExitCode } from '../errors.js';

/** What an exit code is made of. */
export type Ended = Pick<Target, 'state' | 'reason' | 'exitCode' | 'signal'>;

/** The exit code for what is in its final state; for what is not there yet: not run. */
export function exitCodeOf(target: Ended): number {
  return isFinal(target.state) ? exitCodeOfState(target.state, target) : ExitCode.notRun;
}

function exitCodeOfState(state: FinalState, target: Ended): number {
  switch (state) {
    case 'finished':
      if (target.exitCode !== undefined) return oneByte(target.exitCode);
      return target.signal === undefined ? ExitCode.notRun : 128 + signalNumber(target.signal);
    case 'timed_out':
      return ExitCode.timedOut;
    case 'killed':
    case 'cancelled':
      return ExitCode.cancelled;
    case 'failed_to_start':
      if (target.reason === 'not_found') return ExitCode.notFound;
      return target.reason === 'not_executable' ? ExitCode.notExecutable : ExitCode.notRun;
    case 'lost':
    case 'expired':
    case 'denied':
      return ExitCode.notRun;
  }
}

/** Our own exit code has one byte; a remote failure of 256 (Windows) must not become a success. */
function oneByte(code: number): number {
  const byte = code & 0xff;
  return byte === 0 && code !== 0 ? ExitCode.failure : byte;
}

function signalNumber(signal: number | string): number {
  return typeof signal === 'number' ? signal : ((constants.signals as Record<string, number>)[signal] ?? 0);
}

/** `SIGKILL` for 9. */
export function signalName(signal: number | string): string {
  if (typeof signal === 'string') return signal;
  return Object.entries(constants.signals).find(([, number]) => number === signal)?.[0] ?? `signal ${signal}`;
}

/** How it ended, for a person; `undefined` where the output says all there is to say. */
export function describeOutcome(target: Target): string | undefined {
  const on = target.host.hostname ? ` on ${target.host.hostname}` : '';
  const why = target.message ?? target.reason?.replaceAll('_', ' ');
  const because = why ? `: ${why}` : '';
  if (!isFinal(target.state)) return `still ${target.state}${on}`;
  switch (target.state) {
    case 'finished':
      return target.exitCode === undefined && target.signal !== undefined
        ? `ended${on} by ${signalName(target.signal)}`
        : undefined;
    case 'timed_out':
      return `timed out${on}${because}`;
    case 'killed':
      return `killed${on}${because}`;
    case 'cancelled':
      return `cancelled before it started${on}`;
    case 'failed_to_start':
      return `did not start${on}${because}`;
    case 'lost':
      return `lost${on}: it started, the outcome is unknown${target.message ? ` (${target.message})` : ''}`;
    case 'expired':
      return `expired before it started${on}`;
    case 'denied':
      return `denied${on}${because}`;
  }
}

export function describeDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(1, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1000)} s`;
}
