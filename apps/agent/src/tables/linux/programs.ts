import { execFileSync } from 'node:child_process';
import { errorCode } from '../../platform/files.js';
import { type Warn } from './files.js';

const MOST_BYTES = 64 * 1024 * 1024;
/** Nothing of the agent's own environment: the same answer however it was started. */
const ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin', LC_ALL: 'C.UTF-8' };

/**
 * What a program of this machine says on its standard output; null when there is no such program, or when it fails or takes
 * longer (then with a warning). Without a shell. For what no file tells.
 */
export function outputOf(
  command: string,
  args: readonly string[],
  scan: Warn,
  milliseconds = 10_000,
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
    if (errorCode(error) !== 'ENOENT') scan.warn(`${command} has failed`);
    return null;
  }
}
