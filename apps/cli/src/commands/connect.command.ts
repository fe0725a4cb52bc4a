import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Session } from '../api/session-shapes.js';
import { readAnswer } from '../api/read.js';
import { type SessionRequest, type SessionsApi } from '../api/sessions-api.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode } from '../errors.js';
import { runApproved, tellWaiting, waitForApproval } from '../sessions/approval-wait.js';
import { SessionRun, type SessionRunOptions } from '../sessions/session-run.js';
import { isSigned, type SigningOptions } from '../signing/options.js';
import { type Signable } from '../signing/signable.js';
import { type Io, line, readStdin } from '../terminal/io.js';

export interface ConnectOptions extends ConnectionOptions, SessionRunOptions, SigningOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Variable → path here. */
  readonly file?: Readonly<Record<string, string>>;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly timeout?: number;
  readonly followReview?: boolean;
}

/** Runs standard input through a connection. @returns the session's exit code */
export async function connectTo(
  context: Context,
  connection: string,
  args: readonly string[],
  options: ConnectOptions,
): Promise<number> {
  const { io } = context;
  const files = await readFiles(options.file ?? {});
  if (io.stdin.isTTY) line(io.stderr, 'the script, then Ctrl-D:');
  const script = await readStdin(io);
  return withApi(context, options, async ({ sessions: api }) => {
    const { env, metadata, timeout } = options;
    const request = { connection, script, args, env, files, metadata, timeout };
    const started = await api.start({ ...request, statement: await signed(context, api, options, request) });
    if (started.hasReview) {
      const session = await api.get(started.id);
      if (session.state === 'waiting_approval' || session.state === 'ready')
        return parked(context, api, session, options);
    }
    if (options.wait === 0) {
      tellId(io, started.id, started.raw, options);
      return ExitCode.ok;
    }
    return new SessionRun(context, api, started.id, options).run();
  });
}

/** The connection's command and its hosts are the server's word, so all of it is shown; what came from here has to be as it was given. */
async function signed(
  context: Context,
  api: SessionsApi,
  options: ConnectOptions,
  request: SessionRequest,
): Promise<SessionRequest['statement']> {
  if (!isSigned(options)) return undefined;
  const { signedFor } = await import('../signing/sign.js');
  const { readSignable } = await import('../signing/bundle.js');
  const { FOREIGN } = await import('../signing/consent.js');
  const raw = await api.statement(request);
  const what = readAnswer(api.url, () => readSignable(raw, 'statement'));
  const other = misgiven(what, request);
  if (other !== null)
    throw new CliError(`not signed: the ${other} that the server would run is not what was given`);
  return signedFor(context, options, what, FOREIGN);
}

/** What the server makes of a request that is not what was asked for; null: nothing. */
function misgiven(
  { run, content, stdin }: Signable,
  { script, args, env = {}, timeout }: SessionRequest,
): string | null {
  const argv = argvOf(content);
  if (run.kind !== 'exec_session') return 'kind';
  if (stdin?.equals(Buffer.from(script)) !== true) return 'script';
  if (!isDeepStrictEqual(argv.slice(Math.max(0, argv.length - args.length)), [...args])) return 'arguments';
  if (!isDeepStrictEqual({ ...run.env }, { ...env })) return 'env';
  if (run.cwd !== undefined || run.user !== undefined) return 'place';
  return timeout !== undefined && run.timeoutSeconds !== timeout ? 'timeout' : null;
}

function argvOf(content: Buffer): unknown[] {
  try {
    const argv: unknown = JSON.parse(content.toString('utf8'));
    return Array.isArray(argv) ? argv : [];
  } catch {
    return [];
  }
}

async function parked(
  context: Context,
  api: SessionsApi,
  session: Session,
  options: ConnectOptions,
): Promise<number> {
  const follows = options.followReview === true;
  tellWaiting(context, api.url, session, follows);
  if (!follows) {
    tellId(context.io, session.id, session.raw, options);
    return ExitCode.notYet;
  }
  const approval = await waitForApproval(context, api, session.id, options.json === true);
  if (approval === 'may_run' && !(await runApproved(context, api, session.id))) return ExitCode.notYet;
  return new SessionRun(context, api, session.id, options).run();
}

function tellId(io: Io, id: string, raw: Record<string, unknown>, { json }: ConnectOptions): void {
  line(io.stdout, json ? JSON.stringify(raw, null, 2) : id);
}

async function readFiles(paths: Readonly<Record<string, string>>): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const [name, path] of Object.entries(paths)) {
    try {
      files[name] = await readFile(path);
    } catch (error) {
      throw new CliError(`cannot read ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    }
  }
  return files;
}
