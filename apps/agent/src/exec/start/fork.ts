import { spawn } from 'node:child_process';
import { type Exit, type ProcessSpec, type StartedProcess } from './started-process.js';

/**
 * Starts a process as Node does: by a fork, which copies the agent's page tables and holds its event loop until the
 * new program runs (2 to 8 ms, by the agent's size). Knows every platform, and how to become another account.
 * @returns a promise when it cannot: what the system said, with its `code`
 * @throws likewise (E2BIG…)
 */
export function startByFork(spec: ProcessSpec): StartedProcess | Promise<never> {
  const child = spawn(spec.file, spec.args, {
    cwd: spec.cwd,
    env: spec.env,
    detached: true,
    stdio: [spec.stdin ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    ...(spec.account === null ? {} : { uid: spec.account.uid, gid: spec.account.gid }),
  });
  const { pid, stdin, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null)
    return new Promise((_, reject) => child.once('error', reject));
  // Of a process that exists these tell of signals that could not be sent; we send none through it.
  child.on('error', () => undefined);
  return {
    pid,
    stdin,
    stdout,
    stderr,
    exited: new Promise<Exit>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal }))),
    closed: new Promise((resolve) => child.once('close', () => resolve())),
  };
}
