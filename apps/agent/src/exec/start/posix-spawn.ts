import { Socket } from 'node:net';
import { constants } from 'node:os';
import { type Rlimit, RLIMIT_NUMBERS } from '../limits/rlimits.js';
import { type Libc, loadLibc, type PipeEnds } from './libc.js';
import { type Exit, type ProcessSpec, type StartedProcess } from './started-process.js';

/** Starts processes by `posix_spawn`: without a copy of the agent's page tables, in half a millisecond whatever its size. */
export class PosixSpawner {
  private readonly running = new Map<number, (exit: Exit) => void>();
  private readonly collect = (): void => {
    for (const [pid, resolve] of this.running) {
      const status = this.libc.collect(pid);
      if (status === 'running') continue;
      this.running.delete(pid);
      resolve(status === 'gone' ? { code: null, signal: null } : exitOf(status));
    }
  };

  private constructor(private readonly libc: Libc) {
    process.on('SIGCHLD', this.collect);
  }

  /** null where this machine has no such thing. */
  static load(): Promise<PosixSpawner | null> {
    return loadLibc().then(
      (libc) => new PosixSpawner(libc),
      () => null,
    );
  }

  /** Whether processes can be born in a cgroup. */
  get bearsIntoCgroups(): boolean {
    return this.libc.bearsIntoCgroups;
  }

  /** Bounds a process, however it was started, and all that it will bear. */
  restrict(pid: number, rlimits: readonly Rlimit[]): void {
    for (const { resource, soft, hard } of rlimits)
      this.libc.setLimit(pid, RLIMIT_NUMBERS[resource], BigInt(soft), BigInt(hard));
  }

  /** Whether this is something that only a fork can do: become another account; strings that C cannot hold are its to refuse. */
  static canStart({ file, args, cwd, env, account }: ProcessSpec): boolean {
    const strings = [file, ...args, cwd, ...Object.entries(env).flat()];
    return account === null && !strings.some((text) => text.includes('\0'));
  }

  /** @throws what the system said, with its `code` (ENOENT, EACCES, E2BIG, ENOEXEC…) */
  start(spec: ProcessSpec): StartedProcess {
    const pipes: PipeEnds[] = [];
    const cgroup = this.libc.bearsIntoCgroups ? openCgroup(spec) : null;
    const open = (): PipeEnds => {
      const ends = this.libc.pipe();
      pipes.push(ends);
      return ends;
    };
    try {
      const stdout = open();
      const stderr = open();
      const stdin = spec.stdin ? open() : null;
      const { errno, pid } = this.libc.spawn(
        spec.file,
        [spec.file, ...spec.args],
        Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
        spec.cwd,
        [stdin?.read ?? null, stdout.write, stderr.write],
        cgroup,
      );
      if (errno !== 0) throw systemError(errno, spec.file);
      for (const fd of [stdout.write, stderr.write, stdin?.read]) if (fd !== undefined) this.libc.close(fd);
      return {
        ...this.started(pid, stdout.read, stderr.read, stdin?.write ?? null),
        inCgroup: cgroup !== null,
      };
    } catch (error) {
      for (const { read, write } of pipes) for (const fd of [read, write]) this.libc.close(fd);
      throw error;
    } finally {
      if (cgroup !== null) this.libc.close(cgroup);
    }
  }

  private started(pid: number, stdout: number, stderr: number, stdin: number | null): StartedProcess {
    const exited = new Promise<Exit>((resolve) => this.running.set(pid, resolve));
    const readers = [stdout, stderr].map((fd) => new Socket({ fd, readable: true, writable: false })) as [
      Socket,
      Socket,
    ];
    const writer = stdin === null ? null : new Socket({ fd: stdin, readable: false, writable: true });
    // What the process did not read in its life nobody will read.
    if (writer !== null) void exited.then(() => writer.destroy());
    const closed = readers.map((pipe) => new Promise<void>((resolve) => pipe.once('close', () => resolve())));
    return {
      pid,
      stdin: writer,
      stdout: readers[0],
      stderr: readers[1],
      exited,
      closed: Promise.all([exited, ...closed]).then(() => undefined),
    };
  }
}

/** A run without a cgroup is still a run: it is bounded by what is counted otherwise. */
function openCgroup({ cgroup }: ProcessSpec): number | null {
  try {
    return cgroup?.open() ?? null;
  } catch {
    return null;
  }
}

/** Takes a status of `waitpid` apart. */
function exitOf(status: number): Exit {
  const by = status & 0x7f;
  if (by === 0) return { code: (status >> 8) & 0xff, signal: null };
  const names = Object.entries(constants.signals) as [NodeJS.Signals, number][];
  return { code: null, signal: names.find(([, number]) => number === by)?.[0] ?? 'SIGKILL' };
}

function systemError(errno: number, file: string): NodeJS.ErrnoException {
  const code =
    Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `error ${errno}`;
  return Object.assign(new Error(`${code}: ${file}`), { code, errno: -errno, syscall: 'posix_spawn' });
}
