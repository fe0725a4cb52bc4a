import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AgentFixture, type HostRef, startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { Lab, lives } from './support/lab.js';
import { expectLawfulTransitions } from './support/transitions.js';

/*
 * Twelve scripts that mean harm, or do it: each is ended for its own reason, leaves nobody behind, and the host answers meanwhile.
 * Each also ends by itself, within half a minute and with bearable use of the machine: a fault of ours must not take it down.
 */

const MIB = 2 ** 20;
/** Half a second's worth, so that a mistake in them is cheap. A file ends before the disk does: one of them is to be the reason. */
const LIMITS = [
  'cpu_seconds=3',
  `memory_bytes=${256 * MIB}`,
  'processes=100',
  'open_files=200',
  `file_bytes=${16 * MIB}`,
  `disk_bytes=${24 * MIB}`,
  `output_bytes=${8 * MIB}`,
].flatMap((limit) => ['--limit', limit]);

const node = (program: string): string => `#!${process.execPath}\nconst fs = require('fs');\n${program}\n`;
/** Leaves its parent, its session, its group and its environment, and writes down who it is. */
function disguised(scratch: string, what: string): string {
  const daemon = path.join(scratch, 'daemon.sh');
  writeFileSync(daemon, `echo $$ >> '${scratch}/pids'\n${what}\n`);
  return `(setsid env -i /bin/sh -c '/bin/sh ${daemon} >/dev/null 2>&1 &' &)\n`;
}

interface Hostile {
  readonly name: string;
  readonly script: (scratch: string) => string;
  readonly state: 'killed' | 'timed_out';
  readonly reason: string;
  readonly timeout?: number;
  /** How many processes write down who they are before they are ended. */
  readonly writes?: number;
  readonly signal?: number;
}

const HOSTILE: readonly Hostile[] = [
  {
    name: 'a fork bomb',
    script: () => 'f() { [ "$1" = 0 ] && exec sleep 20; f $(($1-1)) & f $(($1-1)) & wait; }\nf 9',
    state: 'killed',
    reason: 'process_limit',
  },
  {
    name: 'a memory hog',
    script: () =>
      node(
        'const all = []; for (let i = 0; i < 60; i++) all.push(Buffer.alloc(1e7, 1)); setTimeout(() => all, 2e4);',
      ),
    state: 'killed',
    reason: 'memory_limit',
  },
  {
    name: 'a disk filler',
    script: (scratch) => `exec head -c ${64 * MIB} /dev/zero > '${scratch}/large'`,
    state: 'killed',
    reason: 'file_size_limit',
  },
  {
    name: 'a spammer of temporary files',
    script: (scratch) => `for i in $(seq 2000); do head -c 50000 /dev/zero > '${scratch}/'$i; done; sleep 20`,
    state: 'killed',
    reason: 'disk_limit',
  },
  {
    name: 'endless output',
    script: () => `yes | head -c ${512 * MIB}; sleep 20`,
    state: 'killed',
    reason: 'output_limit',
  },
  {
    name: 'a hog of files',
    script: () =>
      node(
        'for (let i = 0; i < 900; i++) try { fs.openSync("/dev/null"); } catch { break; } setTimeout(() => 0, 2e4);',
      ),
    state: 'killed',
    reason: 'open_files_limit',
  },
  {
    name: 'many who compute',
    script: () => 'for i in $(seq 8); do timeout 20 sh -c "while :; do :; done" & done; wait',
    state: 'killed',
    reason: 'cpu_limit',
  },
  {
    name: 'a daemon in disguise that computes',
    script: (scratch) => disguised(scratch, 'exec timeout 20 sh -c "while :; do :; done"') + 'exec sleep 20',
    state: 'killed',
    reason: 'cpu_limit',
    writes: 1,
  },
  {
    name: 'daemons in disguise that wait',
    script: (scratch) => disguised(scratch, 'exec sleep 25').repeat(3) + 'exec sleep 25',
    state: 'timed_out',
    reason: 'timeout',
    timeout: 2,
    writes: 3,
  },
  {
    name: 'one that does not listen',
    script: () => 'trap "" TERM INT HUP\nn=0; while [ $n -lt 200 ]; do sleep 0.1; n=$((n+1)); done',
    state: 'timed_out',
    reason: 'timeout',
    timeout: 1,
    signal: 9,
  },
  {
    name: 'a maker of zombies',
    // The shell's children become those of a program that never asks for them.
    script: () => 'for i in $(seq 400); do : & done\nexec sleep 20',
    state: 'killed',
    reason: 'process_limit',
  },
  {
    name: 'one that waits for a pipe that nobody opens',
    script: (scratch) => `mkfifo '${scratch}/pipe'; cat < '${scratch}/pipe'`,
    state: 'timed_out',
    reason: 'timeout',
    timeout: 1,
  },
];

describe('hostile scripts', () => {
  let lab: Lab;
  let agent: AgentFixture;
  let host: HostRef;
  beforeAll(async () => {
    lab = await Lab.open();
    agent = startAgent({ server: lab.server, args: LIMITS });
    host = await agent.online();
  });
  afterAll(() => expectLawfulTransitions(lab.databaseUrl));

  /** The agent's part of the cgroup tree; without it, a process that forgot where it came from is bounded by the kernel alone. */
  function home(): string | undefined {
    const own = /^0::(.*muster-agent-.*)\/agent$/m.exec(
      readFileSync(`/proc/${agent.pid}/cgroup`, 'utf8'),
    )?.[1];
    if (own === undefined) return undefined;
    return ['/sys/fs/cgroup', '/sys/fs/cgroup/unified'].map((at) => at + own).find((at) => existsSync(at));
  }
  const pidsIn = (file: string): number[] => readFileSync(file, 'utf8').trim().split('\n').map(Number);

  async function echo(): Promise<void> {
    const { status, body } = await lab.api.post(`/node/${agent.hostname}/command/exec`, {
      command: 'echo',
      args: ['here'],
    });
    expect({ status, results: body.results }).toMatchObject({
      status: 202,
      results: [{ status: 'ok', exit_code: 0, stdout: 'here\n' }],
    });
  }

  it.each(HOSTILE)(
    '$name: $reason',
    async ({ name, script, state, reason, timeout = 60, writes = 0, signal }) => {
      const scratch = temporaryDirectory('hostile');
      const uuid = await lab.run(host.id, script(scratch), { timeout });
      await lab.reaches(uuid, ['running', state]);
      // While it is at it, the same host does other work.
      await echo();
      expect(await lab.reaches(uuid, [state], 60_000)).toMatchObject({
        reason,
        ...(signal !== undefined && { signal }),
      });
      await echo();
      if (writes === 0 || home() === undefined) return;
      const written = pidsIn(path.join(scratch, 'pids'));
      expect({ name, count: written.length }).toEqual({ name, count: writes });
      expect(written.map(lives)).toEqual(written.map(() => false));
    },
  );

  it('are found by an agent that was killed meanwhile, in whatever disguise', async () => {
    if (home() === undefined) return;
    const scratch = temporaryDirectory('hostile');
    const daemons = disguised(scratch, 'exec sleep 60').repeat(3);
    const uuid = await lab.run(host.id, `${daemons}exec sleep 60`);
    const file = path.join(scratch, 'pids');
    await until(() => existsSync(file) && pidsIn(file).length === 3, { what: 'three daemons' });
    // Where processes cannot be born in their cgroup they are moved there a moment later.
    const isPlaced = (pid: number): boolean =>
      !readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes('/agent\n');
    await until(() => pidsIn(file).every(isPlaced), { what: 'the daemons in their cgroup' });
    await agent.kill('SIGKILL');
    await agent.restart();
    expect(await lab.reaches(uuid, ['lost'], 60_000)).toMatchObject({ reason: 'agent_died' });
    expect(pidsIn(file).map(lives)).toEqual([false, false, false]);
    await echo();
  });

  it('leave no cgroup behind', async () => {
    const at = home();
    if (at === undefined) return;
    const groups = () => readdirSync(at, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    await until(() => groups().length === 1, { what: 'the end of the last cgroup' });
  });
});
