import { type CommandLine } from '#libs/platform/auth/index';
import { DomainError } from '#libs/platform/errors/index';
import { type RunOptions } from '../execution.entity.js';
import { type RolloutDto } from '../rollout/rollout.dto.js';
import { type StartRequest } from '../start.service.js';
import { type ExecDto, type RunDto, type ShellDto } from './commands.dto.js';

/** Seconds that a command gets when nothing else is asked for. */
const DEFAULT_TIMEOUT_SECONDS = 30;
/** Between TERM and KILL: what ignores TERM is heard of before the answer's wait is over. */
export const GRACE_SECONDS = 5;
/** Time for the way there and back, and for the end of what was timed out. */
const MARGIN_SECONDS = 15;
/** How long a request with `queue`, or one that goes from wave to wave, is kept when it does not say. */
const PATIENT_EXPIRY_SECONDS = 24 * 60 * 60;
/** More than this no system starts a process with (Linux: a quarter of the stack, 2 MiB). */
const MAX_COMMAND_BYTES = 2 * 1024 * 1024;

/** What is to be run, wherever that may be. */
export type Command = Pick<
  StartRequest,
  'kind' | 'lane' | 'content' | 'stdin' | 'options' | 'timeoutSeconds' | 'graceSeconds'
>;

/** @throws DomainError too_large: no host could start it */
export function toCommand(line: CommandLine, dto: RunDto): Command {
  const { cwd, env, stdin, user } = dto;
  const words = line.kind === 'command' ? line.argv : [line.line];
  const variables = Object.entries(env ?? {}).flat();
  const bytes = [...words, ...variables].reduce((sum, word) => sum + Buffer.byteLength(word) + 1, 0);
  if (bytes > MAX_COMMAND_BYTES) {
    throw new DomainError('too_large', {
      name: line.kind === 'command' ? 'args' : 'command',
      reason: `command, arguments and environment have ${bytes} bytes; at most ${MAX_COMMAND_BYTES} can be handed to a process. Send more as stdin.`,
    });
  }
  const options: RunOptions = {
    ...(isGiven(cwd) && cwd !== '' && { cwd }),
    ...(isGiven(env) && { env }),
    ...(isGiven(user) && { user }),
  };
  return {
    kind: line.kind,
    lane: 'parallel',
    content: Buffer.from(JSON.stringify(line.kind === 'command' ? line.argv : line.line)),
    ...(isGiven(stdin) && stdin !== '' && { stdin: Buffer.from(stdin) }),
    options,
    timeoutSeconds: dto.timeout ?? DEFAULT_TIMEOUT_SECONDS,
    graceSeconds: GRACE_SECONDS,
  };
}

/** As tokens that are limited to some commands look at it. */
export function lineOf(what: string | readonly string[], dto: Besides): CommandLine {
  const beside = (['env', 'cwd', 'user', 'stdin'] as const).filter((field) => isGiven(dto[field]));
  return typeof what === 'string'
    ? { kind: 'shell', line: what, beside }
    : { kind: 'command', argv: what, beside };
}

/** What may stand beside the command; only whether it does matters. */
type Besides = Readonly<Partial<Record<'env' | 'cwd' | 'user' | 'stdin', unknown>>>;

export function execLine(dto: ExecDto): CommandLine {
  return lineOf([dto.command, ...(dto.args ?? [])], dto);
}

export function shellLine(dto: ShellDto): CommandLine {
  return lineOf(dto.command, dto);
}

/** Seconds until the answer comes at the latest. */
export function waitOf({ wait, timeout }: Pick<RunDto, 'wait' | 'timeout'>): number {
  return wait ?? (timeout ?? DEFAULT_TIMEOUT_SECONDS) + MARGIN_SECONDS;
}

/**
 * Seconds after which it is not started any more: what the answer did not wait for does not come as a surprise later. Who asks
 * for an answer at once (`wait` 0) gets the time that others wait.
 * @param patient hosts may take it when their turn comes, or when they are back
 */
export function expiryOf(dto: Pick<RunDto, 'wait' | 'timeout' | 'expires_in'>, patient: boolean): number {
  if (isGiven(dto.expires_in)) return dto.expires_in;
  return patient ? PATIENT_EXPIRY_SECONDS : waitOf({ timeout: dto.timeout, wait: dto.wait || null });
}

/** How it is to spread over its hosts, without what was not asked for. */
export function rolloutOf({ batch, ramp, max_failures, pause_between }: RolloutDto): RolloutDto {
  return {
    ...(isGiven(batch) && { batch }),
    ...(isGiven(ramp) && { ramp }),
    ...(isGiven(max_failures) && { max_failures }),
    ...(isGiven(pause_between) && { pause_between }),
  };
}

/** Whether hosts may have to wait for their turn. */
export function isGradual(dto: RolloutDto): boolean {
  return Object.keys(rolloutOf(dto)).length > 0;
}

function isGiven<T>(value: T | null | undefined): value is T {
  return value !== null && value !== undefined;
}
