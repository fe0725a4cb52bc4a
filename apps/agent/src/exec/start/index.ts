import { errorCode } from '../../platform/files.js';
import { startByFork } from './fork.js';
import { PosixSpawner } from './posix-spawn.js';
import { type ProcessSpec, type StartedProcess } from './started-process.js';

export { type Exit, type ProcessSpec, type StartedProcess } from './started-process.js';

/**
 * Starts a process in a session of its own. When it exists, that is told at once, so that nothing comes between its
 * start and who watches it; a promise only ever brings what the system said against it (`code`: ENOENT, EACCES…).
 * @throws likewise
 */
export type Start = (spec: ProcessSpec) => StartedProcess | Promise<never>;

let starting: Promise<Start> | undefined;

/** The cheapest way to start processes on this machine. Loaded with the first run: an agent at rest carries none of it. */
export function loadStart(): Promise<Start> {
  starting ??= PosixSpawner.load().then((spawner) => (spawner === null ? startByFork : startBy(spawner)));
  return starting;
}

function startBy(spawner: PosixSpawner): Start {
  return (spec) => {
    if (!PosixSpawner.canStart(spec)) return startByFork(spec);
    try {
      return spawner.start(spec);
    } catch (error) {
      // An executable file without a shebang: execvp, which a fork calls, takes it for the shell's.
      if (errorCode(error) === 'ENOEXEC') return startByFork(spec);
      throw error;
    }
  };
}
