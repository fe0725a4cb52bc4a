import { fork } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { DomainError } from '#libs/platform/errors/index';
import { programFile } from '../program-file.js';

/** Reading a thousand statements takes a tenth of a second, most of it for the start of the process. */
const LIMIT_MS = 20_000;
const HEAP_MEGABYTES = 256;

/**
 * Why SQLite cannot read each of these statements, in its words; null for those that it can. They are read in a process of their
 * own, and not run: tables and functions that there are none of here may be there on a host.
 * @throws DomainError unavailable: there is no process for it, or it took too long
 */
export async function sqlProblems(statements: readonly string[]): Promise<(string | null)[]> {
  if (statements.length === 0) return [];
  const child = fork(programFile('sql-syntax'), [], {
    execArgv: [`--max-old-space-size=${HEAP_MEGABYTES}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    cwd: '/',
    // The server's environment has secrets that are none of its business.
    env: {},
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  // What answers hosts comes first.
  if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  try {
    return await new Promise((resolve, reject) => {
      const fail = (why: string): void =>
        reject(new DomainError('unavailable', `the SQL could not be checked (${why}): try again`));
      child.once('message', (problems: (string | null)[]) => resolve(problems));
      child.once('error', (error) => fail(error.message));
      child.once('exit', (code, signal) => fail(signal ?? `exit code ${code}`));
      child.send(statements, (error) => error && fail(error.message));
    });
  } finally {
    child.kill('SIGKILL');
  }
}
