import { errorCode } from '../../platform/files.js';
import { type Rlimit } from '../limits/rlimits.js';
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

/** Bounds a process and all that it will bear. What it has borne before keeps what it has. */
export type Restrict = (pid: number, rlimits: readonly Rlimit[]) => void;

let spawning: Promise<PosixSpawner | null> | undefined;
let starting: Promise<Start> | undefined;

// Loaded with the first run: an agent at rest carries none of it.
function loadSpawner(): Promise<PosixSpawner | null> {
  return (spawning ??= PosixSpawner.load());
}

/** The cheapest way to start processes on this machine. */
export function loadStart(): Promise<Start> {
  return (starting ??= loadSpawner().then((spawner) => (spawner === null ? startByFork : startBy(spawner))));
}

/** How limits of the kernel are set here; where that is not possible, by nothing. */
export function loadRestrict(): Promise<Restrict> {
  return loadSpawner().then((spawner) => (pid, rlimits) => spawner?.restrict(pid, rlimits));
}

function startBy(spawner: PosixSpawner): Start {
  return (spec) => {
    const started = by(spawner, spec);
    // Before anybody else has a turn: a program that has just been executed is still being linked.
    if (!(started instanceof Promise) && spec.rlimits !== undefined)
      spawner.restrict(started.pid, spec.rlimits);
    return started;
  };
}

function by(spawner: PosixSpawner, spec: ProcessSpec): StartedProcess | Promise<never> {
  if (!PosixSpawner.canStart(spec)) return startByFork(spec);
  try {
    return spawner.start(spec);
  } catch (error) {
    // An executable file without a shebang: execvp, which a fork calls, takes it for the shell's.
    if (errorCode(error) === 'ENOEXEC') return startByFork(spec);
    throw error;
  }
}
