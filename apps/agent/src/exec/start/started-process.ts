import { type Readable, type Writable } from 'node:stream';
import { type RunCgroup } from '../limits/cgroup.js';
import { type Rlimit } from '../limits/rlimits.js';
import { type Account } from '../user.js';

/** What a process is started from; everything in it has been checked. */
export interface ProcessSpec {
  /** Absolute, or relative to `cwd`. */
  readonly file: string;
  /** Without the program's own name, which is `file`. */
  readonly args: readonly string[];
  readonly cwd: string;
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Whom it is to run as; null: as the agent. */
  readonly account: Account | null;
  /** Whether it gets a pipe to read from; otherwise its input is empty. */
  readonly stdin: boolean;
  /** Where it is to be born, if that is possible. */
  readonly cgroup?: RunCgroup | null;
  /** What the kernel is to keep; never more than what the agent itself may. */
  readonly rlimits?: readonly Rlimit[];
}

/** How the first process ended: one of both is set, as `waitpid` tells them apart. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that exists, leader of a session and a process group of its own. */
export interface StartedProcess {
  readonly pid: number;
  /** It was born in the cgroup that was asked for. */
  readonly inCgroup?: boolean;
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** It has ended; its output may still be on the way. */
  readonly exited: Promise<Exit>;
  /** It has ended, and both pipes were read to their end or destroyed. */
  readonly closed: Promise<void>;
}
