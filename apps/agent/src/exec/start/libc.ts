import { constants } from 'node:os';

const O_CLOEXEC = 0o2000000;
const WNOHANG = 1;
/** Flags of posix_spawn: default dispositions, an empty signal mask, a session of its own. */
const SETSIGDEF = 0x04;
const SETSIGMASK = 0x08;
const SETSID = 0x80;
const SETCGROUP = 0x100;
/** glibc's largest of the opaque structures has 336 bytes, musl's too. */
const OPAQUE_BYTES = 1024;
/** sigset_t, on every Linux. */
const SIGSET_BYTES = 128;

/** A pipe's ends; both are closed when a program is executed. */
export interface PipeEnds {
  readonly read: number;
  readonly write: number;
}

/** The few functions of the C library that start a process without a copy of ours. */
export interface Libc {
  /** @returns errno, or 0 */
  spawn: (
    file: string,
    argv: readonly string[],
    env: readonly string[],
    cwd: string,
    stdio: readonly [number | null, number, number],
    cgroup: number | null,
  ) => { errno: number; pid: number };
  /** Whether processes can be born in a cgroup: glibc from 2.39 on. */
  bearsIntoCgroups: boolean;
  /** Limits a process. False: it is gone, or not ours to limit. */
  setLimit: (pid: number, resource: number, soft: bigint, hard: bigint) => boolean;
  /** @throws when no descriptor is left */
  pipe: () => PipeEnds;
  close: (fd: number) => void;
  /** The status of a child that has ended, as `waitpid` has it; `running`; or `gone`: not (any more) a child of ours. */
  collect: (pid: number) => number | 'running' | 'gone';
}

/** Of the functions below, all of which take numbers, strings and buffers. */
type Call = (...values: unknown[]) => number;

/** Loads them. @throws where there is no such library for this machine, or it lacks one of the functions */
export async function loadLibc(): Promise<Libc> {
  if (process.platform !== 'linux') throw new Error('posix_spawn is used on Linux only');
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const load = (declaration: string): Call => library.func(declaration) as Call;
  const posixSpawn = load(
    'int posix_spawn(_Out_ int *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
  );
  const initActions = load('int posix_spawn_file_actions_init(void *actions)');
  const destroyActions = load('int posix_spawn_file_actions_destroy(void *actions)');
  const addDup2 = load('int posix_spawn_file_actions_adddup2(void *actions, int fd, int to)');
  const addOpen = load(
    'int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, int mode)',
  );
  const addChdir = load('int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)');
  const initAttributes = load('int posix_spawnattr_init(void *attributes)');
  const setFlags = load('int posix_spawnattr_setflags(void *attributes, short flags)');
  const setDefaults = load('int posix_spawnattr_setsigdefault(void *attributes, void *set)');
  const setMask = load('int posix_spawnattr_setsigmask(void *attributes, void *set)');
  const pipe2 = load('int pipe2(int *ends, int flags)');
  const close = load('int close(int fd)');
  const waitpid = load('int waitpid(int pid, _Out_ int *status, int options)');

  const prlimit = load('int prlimit(int pid, int resource, void *set, void *old)');
  const setCgroup = optional(() => load('int posix_spawnattr_setcgroup_np(void *attributes, int fd)'));

  const attributes = Buffer.alloc(OPAQUE_BYTES);
  initAttributes(attributes);
  const flags = SETSIGDEF | SETSIGMASK | SETSID;
  setFlags(attributes, flags);
  // Node ignores SIGPIPE, and what is ignored stays so in a new program: `yes | head` would not end.
  setDefaults(attributes, Buffer.alloc(SIGSET_BYTES, 0xff));
  setMask(attributes, Buffer.alloc(SIGSET_BYTES));

  return {
    bearsIntoCgroups: setCgroup !== null,
    spawn(file, argv, env, cwd, [stdin, stdout, stderr], cgroup) {
      if (setCgroup !== null) {
        setFlags(attributes, cgroup === null ? flags : flags | SETCGROUP);
        if (cgroup !== null) setCgroup(attributes, cgroup);
      }
      const actions = Buffer.alloc(OPAQUE_BYTES);
      initActions(actions);
      try {
        const errno =
          (stdin === null ? addOpen(actions, 0, '/dev/null', 0, 0) : addDup2(actions, stdin, 0)) ||
          addDup2(actions, stdout, 1) ||
          addDup2(actions, stderr, 2) ||
          addChdir(actions, cwd);
        if (errno !== 0) return { errno, pid: 0 };
        const pid = [0];
        return {
          errno: posixSpawn(pid, file, actions, attributes, [...argv, null], [...env, null]),
          pid: pid[0] ?? 0,
        };
      } finally {
        destroyActions(actions);
      }
    },
    pipe() {
      const ends = new Int32Array(2);
      if (pipe2(ends, O_CLOEXEC) !== 0)
        throw Object.assign(new Error('no file descriptor is left'), {
          code: 'EMFILE',
          errno: constants.errno.EMFILE,
        });
      return { read: ends[0] ?? -1, write: ends[1] ?? -1 };
    },
    close: (fd) => void close(fd),
    setLimit: (pid, resource, soft, hard) =>
      prlimit(pid, resource, new BigUint64Array([soft, hard]), null) === 0,
    collect(pid) {
      const status = [0];
      const ended = waitpid(pid, status, WNOHANG);
      if (ended === pid) return status[0] ?? 0;
      return ended === 0 ? 'running' : 'gone';
    },
  };
}

/** What only some C libraries have. */
function optional<T>(find: () => T): T | null {
  try {
    return find();
  } catch {
    return null;
  }
}
