import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { type Session } from '../api/session-shapes.js';
import { type SessionFilter } from '../api/sessions-api.js';
import { isFinal } from '../api/shapes.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { describeDuration } from '../output/outcome.js';
import { amount } from '../query/standing.js';
import { runApproved } from '../sessions/approval-wait.js';
import { describeNeeds, describeRefusal } from '../sessions/describe.js';
import { followSession } from '../sessions/follow-session.js';
import { replay } from '../sessions/replay.js';
import { SessionRun, type SessionRunOptions } from '../sessions/session-run.js';
import { type Io, line, printable, write } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface SessionsOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export interface ListSessionsOptions extends SessionsOptions, SessionFilter {}

export interface GetSessionOptions extends SessionsOptions {
  /** Its script and nothing else. */
  readonly script?: boolean;
}

export interface ReplayOptions extends ConnectionOptions {
  readonly speed?: number;
  /** False: `--no-delay`. */
  readonly delay?: boolean;
}

export interface RunSessionOptions extends ConnectionOptions, SessionRunOptions {}

export interface DownloadOptions extends ConnectionOptions {
  /** Absent: standard output. */
  readonly output?: string;
  readonly format: string;
}

const columns: readonly Column[] = [
  { title: 'ID' },
  { title: 'STATE', least: 6 },
  { title: 'EXIT' },
  { title: 'CONNECTION', least: 8 },
  { title: 'USER', least: 5 },
  { title: 'STARTED', least: 10 },
];

/** Newest first. */
export function listSessions(context: Context, options: ListSessionsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { sessions, total, capped, more, raw } = await api.sessions.list(options);
    if (options.json) {
      line(io.stdout, JSON.stringify(raw, null, 2));
    } else if (sessions.length === 0) {
      line(io.stderr, total ? `no session there: there are ${amount(total)}` : 'no session');
    } else {
      const rows = sessions.map(({ id, state, exitCode, connection, user, started }) => [
        id,
        state.replaceAll('_', ' '),
        exitCode?.toString() ?? '',
        connection,
        user,
        started.replace(/\.\d+Z$/, 'Z'),
      ]);
      line(io.stdout, renderTable(io, columns, rows));
      const of = total === undefined ? '' : ` of ${capped ? 'more than ' : ''}${amount(total)}`;
      if (more) line(io.stderr, `${sessions.length}${of}; --limit and --offset show others`);
    }
    return ExitCode.ok;
  });
}

export function getSession(context: Context, id: string, options: GetSessionOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const session = await api.sessions.get(id);
    if (options.json) line(io.stdout, JSON.stringify(session.raw, null, 2));
    else if (options.script) await write(io.stdout, session.script);
    else tellSession(io, session);
    return ExitCode.ok;
  });
}

function tellSession(io: Io, session: Session): void {
  const { review, masked, metadata, durationMs, exitCode, script } = session;
  const facts: [string, string | undefined][] = [
    ['session', session.id],
    ['connection', session.connection],
    ['arguments', session.args.length > 0 ? JSON.stringify(session.args) : undefined],
    ['metadata', pairs(metadata)],
    ['asked for', `${session.started} by ${session.user}`],
    ['host', session.agent],
    ['state', `${session.state.replaceAll('_', ' ')}${session.message && `: ${session.message}`}`],
    ['exit code', exitCode?.toString()],
    ['ended', session.ended],
    ['took', durationMs === undefined ? undefined : describeDuration(durationMs)],
    ['written', `${amount(session.bytes - Buffer.byteLength(script))} bytes`],
    ['masked', pairs(masked)],
    ['output', session.outputRemoved && `removed ${session.outputRemoved}`],
    ['review', review && `${review.id}, ${describeRefusal(review) ?? review.status.toLowerCase()}`],
    ['needs', (review && describeNeeds(review)) || undefined],
    ['may run', review?.window && `${review.window} UTC`],
  ];
  for (const [name, value] of facts) if (value) line(io.stdout, `${name.padEnd(10)}  ${printable(value)}`);
  if (script === '') return;
  line(io.stdout);
  for (const each of script.trimEnd().split('\n')) line(io.stdout, `  ${printable(each)}`);
}

function pairs(of: Readonly<Record<string, string | number>>): string | undefined {
  const all = Object.entries(of);
  return all.length > 0 ? all.map(([key, value]) => `${key}=${value}`).join(', ') : undefined;
}

export function replaySession(context: Context, id: string, options: ReplayOptions): Promise<number> {
  return withApi(context, options, async ({ sessions: api, url }) => {
    const { io } = context;
    const progress = new Progress(io, false);
    const session = await api.get(id);
    if (session.outputRemoved !== undefined)
      progress.warn(`its output was kept long enough, and removed ${session.outputRemoved}`);
    progress.note(`${session.connection} on ${session.agent}, by ${session.user}, ${session.started}`);
    const events = followSession(api, id, {
      onDrop: () => progress.warn(`lost contact with ${url}, trying again…`),
      onResume: () => progress.note('in contact again'),
    });
    await replay(io, events, { speed: options.delay === false ? Infinity : (options.speed ?? 1) }, progress);
    const { exitCode } = await api.get(id);
    if (exitCode !== undefined) progress.note(`exit code ${exitCode}`);
    return ExitCode.ok;
  });
}

export function killSession(context: Context, id: string, options: SessionsOptions): Promise<number> {
  return withApi(context, options, async ({ sessions: api }) => {
    const { io } = context;
    const before = await api.get(id);
    const progress = new Progress(io, options.json === true);
    progress.show(`waiting for ${before.agent || 'its host'} to confirm the end…`);
    let confirmed: boolean;
    try {
      confirmed = await api.kill(id);
    } finally {
      progress.clear();
    }
    const { state, message, raw } = await api.get(id);
    const words = `${state.replaceAll('_', ' ')}${message && `: ${message}`}`;
    if (options.json) line(io.stdout, JSON.stringify(raw, null, 2));
    else if (isFinal(before.state)) line(io.stdout, printable(`nothing to kill: it has ended (${words})`));
    else if (confirmed) line(io.stdout, printable(words));
    else line(io.stdout, printable(`asked for; ${before.agent} is away and will confirm it later`));
    return ExitCode.ok;
  });
}

/** Runs what is approved, as `connect` would have. */
export function runSession(context: Context, id: string, options: RunSessionOptions): Promise<number> {
  return withApi(context, options, async ({ sessions: api }) => {
    if (!(await runApproved(context, api, id))) return ExitCode.notYet;
    if (options.wait !== 0) return new SessionRun(context, api, id, options).run();
    line(context.io.stdout, options.json ? JSON.stringify((await api.get(id)).raw, null, 2) : printable(id));
    return ExitCode.ok;
  });
}

export function downloadSession(context: Context, id: string, options: DownloadOptions): Promise<number> {
  const { output } = options;
  if (output === '') throw new UsageError('--output names no file');
  return withApi(context, options, async (api) => {
    const file = await api.sessions.download(id, options.format);
    if (output === undefined) {
      for await (const part of file) await write(context.io.stdout, part as Buffer);
      return ExitCode.ok;
    }
    try {
      await pipeline(file, createWriteStream(output));
    } catch (error) {
      throw new CliError(`cannot write ${output} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    }
    return ExitCode.ok;
  });
}
