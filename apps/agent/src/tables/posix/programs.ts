import { execFileSync } from 'node:child_process';
import { errorCode } from '../../platform/files.js';
import { type Warn } from './files.js';

const MOST_BYTES = 64 * 1024 * 1024;
/** Nothing of the agent's own environment: the same answer however it was started. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin', LC_ALL: 'C.UTF-8', TZ: 'UTC' };

/**
 * What a program of this machine says on its standard output; null when there is no such program, or when it fails or takes
 * longer (then with a warning). Without a shell. For what no file tells.
 *
 * @param partial take what it has said also where its exit status is not zero: it could not look at some of what was asked for
 */
export function outputOf(
  command: string,
  args: readonly string[],
  scan: Warn,
  { milliseconds = 10_000, partial = false }: { milliseconds?: number; partial?: boolean } = {},
): string | null {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      timeout: milliseconds,
      killSignal: 'SIGKILL',
      maxBuffer: MOST_BYTES,
      env: ENVIRONMENT,
      cwd: '/',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch (error) {
    const { status, stdout } = error as { status?: number | null; stdout?: unknown };
    if (partial && typeof status === 'number' && typeof stdout === 'string') return stdout;
    if (errorCode(error) !== 'ENOENT') scan.warn(`${command} has failed`);
    return null;
  }
}
