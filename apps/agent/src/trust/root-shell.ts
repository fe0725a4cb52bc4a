import { type Payload } from '#libs/protocol/index';

/** Read what they are given as a program. */
const SHELLS = 'sh bash dash ash zsh ksh mksh csh tcsh fish rbash busybox toybox pwsh';
const INTERPRETERS =
  'python perl ruby node nodejs deno bun php lua luajit tclsh wish expect awk gawk mawk nawk sed osascript R Rscript';
/** Start what they are given, as it is or as another. */
const LAUNCHERS =
  'env sudo su doas runuser setpriv pkexec chroot nsenter unshare systemd-run nohup nice ionice chrt taskset timeout stdbuf setsid xargs find ' +
  'parallel flock script watch time ssh at batch crontab docker podman ctr kubectl make gdb strace ltrace vi vim ex ed emacs nano tar rsync git';

const NAMES: ReadonlySet<string> = new Set(`${SHELLS} ${INTERPRETERS} ${LAUNCHERS}`.split(' '));

/** What of a run says whether it is a shell in the hands of whoever wrote it. */
export interface Started {
  readonly kind: string;
  readonly payload: Payload;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/**
 * Whether this gives whoever wrote it a shell: scripts, shell lines, sessions, programs that read or start what they are given, and whatever brings
 * variables, by which a program can be made to load another. It helps against haste, and is no wall: there are more programs than names here.
 */
export function startsShell({ kind, payload, env = {} }: Started): boolean {
  if (payload.type !== 'command' || kind === 'exec_session' || Object.keys(env).length > 0) return true;
  const program = payload.argv[0] ?? '';
  const name = program.slice(program.lastIndexOf('/') + 1);
  return NAMES.has(name) || NAMES.has(name.replace(/[-.\d]+$/, ''));
}
