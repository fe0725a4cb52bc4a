import { type Review, type Session } from '../api/session-shapes.js';
import { type SessionsApi } from '../api/sessions-api.js';
import { type Context } from '../connect.js';
import { CliError, ExitCode } from '../errors.js';
import { ApiError } from '../http/api-error.js';
import { isPassing } from '../http/contact.js';
import { describeDuration } from '../output/outcome.js';
import { isFinal } from '../api/shapes.js';
import { line, printable } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { describeNeeds, describeRefusal } from './describe.js';

/** People take minutes: nobody needs to be asked more often. */
const LOOK_EVERY_MS = 2000;

/** How it stands with a session that was approved, or was not. */
export type Approval = 'may_run' | 'over';

/** Says whose approval a session waits for, and where it is given. */
export function tellWaiting(
  { io }: Context,
  url: string,
  { id, state, review }: Session,
  follows: boolean,
): void {
  const needs = (review && describeNeeds(review)) ?? '';
  if (state === 'ready') line(io.stderr, 'it is approved');
  else line(io.stderr, printable(`it waits for approval${needs && ` by ${needs}`}`));
  if (review) line(io.stderr, printable(`  review ${review.id}: ${url}/api/reviews/${review.id}`));
  if (!follows)
    line(
      io.stderr,
      printable(`  ${state === 'ready' ? 'to run it' : 'once it is approved'}: muster sessions run ${id}`),
    );
}

/**
 * Waits until people have decided; Ctrl-C leaves, and the session waits on.
 * @returns `over`: it has ended without a run, or runs already
 * @throws CliError with an exit code of its own for whoever leaves; when it is rejected or revoked
 */
export async function waitForApproval(
  { io }: Context,
  api: SessionsApi,
  id: string,
  quiet: boolean,
): Promise<Approval> {
  const progress = new Progress(io, quiet);
  const left = new AbortController();
  const leave = (): void => left.abort();
  io.signals.on('SIGINT', leave);
  io.signals.on('SIGTERM', leave);
  const began = Date.now();
  try {
    for (;;) {
      const session = await look(api, id, left.signal);
      if (session) {
        const refusal = session.review && describeRefusal(session.review);
        if (refusal !== undefined) throw new CliError(refusal, ExitCode.notRun);
        if (session.state === 'ready') return 'may_run';
        if (session.state !== 'waiting_approval') return 'over';
        progress.show(waits(session.review, Date.now() - began));
      }
      await pause(LOOK_EVERY_MS, left.signal);
    }
  } catch (error) {
    if (!left.signal.aborted) throw error;
    throw new CliError(
      `left; it waits on. Once it is approved: muster sessions run ${id}`,
      ExitCode.cancelled,
    );
  } finally {
    progress.clear();
    io.signals.off('SIGINT', leave);
    io.signals.off('SIGTERM', leave);
  }
}

/** Calls for the run of what is approved. @returns false: not at this time of day */
export async function runApproved({ io }: Context, api: SessionsApi, id: string): Promise<boolean> {
  try {
    await api.run(id);
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const session = await api.get(id);
    const waits = session.state === 'ready' && session.review?.window !== undefined;
    // Somebody else called for it, or our own call arrived and its answer did not.
    if (error.status === 409 && !isFinal(session.state) && session.state !== 'ready') return true;
    if (!waits || error.status !== 403) throw error;
    line(io.stderr, printable(`${error.message}; then: muster sessions run ${id}`));
    return false;
  }
}

async function look(api: SessionsApi, id: string, signal: AbortSignal): Promise<Session | undefined> {
  try {
    return await api.get(id, signal);
  } catch (error) {
    // The server may be restarting: the session waits there all the same.
    if (signal.aborted || !isPassing(error)) throw error;
    return undefined;
  }
}

function waits(review: Review | undefined, ms: number): string {
  const by = review ? ` by ${describeNeeds(review)}` : '';
  return `waiting for approval${by}… ${describeDuration(ms)}`;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      if (signal.aborted) reject(new Error('left'));
      else resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
