import { type CommandRequest, type Share } from '../api/commands-api.js';
import { type MusterApi } from '../api/muster-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { ExitCode, UsageError } from '../errors.js';
import { CommandRun } from '../exec/command-run.js';
import { tellPreview } from '../exec/preview.js';
import { isSigned, type SigningOptions } from '../signing/options.js';
import { type Signable } from '../signing/signable.js';
import { type Io, line, readStdin } from '../terminal/io.js';

export interface ExecOptions extends ConnectionOptions, SigningOptions {
  readonly target: string;
  readonly shell?: boolean;
  readonly batch?: Share;
  readonly ramp?: readonly Share[];
  readonly maxFailures?: Share;
  readonly pauseBetween?: number;
  readonly timeout?: number;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly stdin?: boolean;
  readonly queue?: boolean;
  readonly expiresIn?: number;
  readonly preview?: boolean;
  readonly digest?: string;
  readonly async?: boolean;
  readonly json?: boolean;
}

/** What the server takes when nothing is said; what is signed says so. */
const SIGNED_TIMEOUT_SECONDS = 30;

/** @returns the exit code of the worst host */
export async function exec(
  context: Context,
  words: readonly string[],
  options: ExecOptions,
): Promise<number> {
  const { io } = context;
  check(options);
  const request = await requestOf(io, words, options);
  return withApi(context, options, async (api) => {
    if (options.preview) {
      const preview = await api.commands.preview(request);
      if (options.json) line(io.stdout, JSON.stringify(preview.raw, null, 2));
      else tellPreview(io, preview);
      return ExitCode.ok;
    }
    const started = await api.commands.start(await signed(context, api, request, options));
    if (options.async) {
      line(io.stdout, options.json ? JSON.stringify(started.raw, null, 2) : started.jobId);
      return ExitCode.ok;
    }
    return new CommandRun(context, api, started.jobId, {
      meant: meantBy(options.target),
      json: options.json,
    }).run();
  });
}

/** The request with what its caller has signed of it, for the very hosts that a preview names. */
async function signed(
  context: Context,
  api: MusterApi,
  request: CommandRequest,
  options: ExecOptions,
): Promise<CommandRequest> {
  if (!isSigned(options)) return request;
  const { signedFor } = await import('../signing/sign.js');
  const { shell, command, args = [], cwd, env, user, stdin, timeout = SIGNED_TIMEOUT_SECONDS } = request;
  const { hosts, digest } = await api.commands.preview(request);
  const what: Signable = {
    run: {
      kind: shell ? 'shell' : 'command',
      env,
      ...(cwd !== undefined && cwd !== '' && { cwd }),
      user,
      timeoutSeconds: timeout,
    },
    content: Buffer.from(JSON.stringify(shell ? command : [command, ...args])),
    stdin: stdin === undefined ? null : Buffer.from(stdin),
    hosts: hosts.filter(({ allowed }) => allowed),
  };
  const { target } = options;
  const isName = meantBy(target) === 'one';
  const origin = { names: isName ? [target] : [], open: !isName, ownContent: true };
  const statement = await signedFor(context, options, what, origin);
  return { ...request, timeout, digest: request.digest ?? digest, statement };
}

/** @throws UsageError */
function check({ target, batch, ramp, preview, async, digest }: ExecOptions): void {
  if (target.trim() === '') throw new UsageError('--target names no host');
  if (batch !== undefined && ramp !== undefined) throw new UsageError('--batch or --ramp: one of them');
  if (preview && async) throw new UsageError('--preview or --async: one of them');
  if (preview && digest !== undefined) throw new UsageError('--preview or --digest: one of them');
}

async function requestOf(
  io: Io,
  [first = '', ...rest]: readonly string[],
  options: ExecOptions,
): Promise<CommandRequest> {
  const { target, shell = false } = options;
  return {
    target,
    shell,
    ...(shell ? { command: [first, ...rest].join(' ') } : { command: first, args: rest }),
    cwd: options.cwd,
    timeout: options.timeout,
    env: options.env,
    stdin: options.stdin && !options.preview ? await readStdin(io) : undefined,
    user: options.user,
    queue: options.queue,
    expiresIn: options.expiresIn,
    batch: options.batch,
    ramp: options.ramp,
    maxFailures: options.maxFailures,
    pauseBetween: options.pauseBetween,
    digest: options.digest,
  };
}

/** A name stands for one host: nobody needs to be told whose output it is. Everything else may be several. */
function meantBy(target: string): 'one' | 'any' | 'many' {
  if (target === '_any') return 'any';
  return target !== '_all' && /^[\w.-]+$/.test(target) ? 'one' : 'many';
}
