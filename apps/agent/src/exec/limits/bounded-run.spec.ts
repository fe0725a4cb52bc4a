import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { type RunLimits } from '#libs/protocol/index';
import { readEnvironment } from '../../config/environment.js';
import { readTextOr } from '../../platform/files.js';
import { removeTemporary, temporaryDirectory } from '../../testing/temporary.js';
import { findTree } from '../processes.js';
import { Run, type RunResult } from '../runner.js';

/* Without cgroups: what is left where the agent has none. Every script here is bounded by itself, too. */

const directory = temporaryDirectory();
const runsDirectory = path.join(directory, 'runs');
fs.mkdirSync(runsDirectory, { mode: 0o700 });
afterAll(removeTemporary);

const MIB = 2 ** 20;

async function run(contents: string, limits: RunLimits, own: RunLimits = {}): Promise<RunResult> {
  const attempt = randomUUID();
  const spec = {
    attempt_id: attempt,
    execution_id: randomUUID(),
    payload: { type: 'script' as const, contents, arguments: [directory] },
    clean_env: false,
    timeout_seconds: 60,
    grace_seconds: 5,
    limits: own,
  };
  const environment = { PATH: readEnvironment().passedOn['PATH'], HOME: directory };
  const options = { runsDirectory, environment, hostname: 'box', interpreters: null, limits: () => limits };
  const observer = { beforeSpawn: () => undefined, onStarted: () => undefined, onChunk: () => undefined };
  const result = await new Run(spec, options, observer).execute();
  expect(await findTree(null, attempt)).toEqual([]);
  return result;
}

const node = (program: string): string => `#!${process.execPath}\n${program}\n`;

const FORKER = 'f() { [ "$1" = 0 ] && exec sleep 20; f $(($1-1)) & f $(($1-1)) & wait; }\nf 7\n';

describe('a run that uses up', () => {
  const cases: [string, string, RunLimits, string][] = [
    ['its processes', FORKER, { processes: 40 }, 'process_limit'],
    [
      'its memory',
      node(
        'const all = []; for (let i = 0; i < 60; i++) all.push(Buffer.alloc(8e6, 1)); setTimeout(() => all, 20000);',
      ),
      { memory_bytes: 200 * MIB },
      'memory_limit',
    ],
    [
      'its open files',
      node(
        "const fs = require('fs'); for (let i = 0; i < 500; i++) try { fs.openSync('/dev/null') } catch { break } setTimeout(() => 0, 20000);",
      ),
      { open_files: 100 },
      'open_files_limit',
    ],
    [
      'its disk, file by file',
      'for i in $(seq 2000); do head -c 50000 /dev/zero > "$1/f$i"; done; sleep 20',
      { disk_bytes: 4 * MIB },
      'disk_limit',
    ],
    [
      'its size of files',
      'exec head -c 9000000 /dev/zero > "$1/large"',
      { file_bytes: MIB },
      'file_size_limit',
    ],
    [
      'its size of files, in a child',
      'head -c 9000000 /dev/zero > "$1/large"',
      { file_bytes: MIB },
      'file_size_limit',
    ],
    [
      'its processor time, in several processes',
      'for i in 1 2 3 4; do timeout 20 sh -c "while :; do :; done" & done; wait',
      { cpu_seconds: 1 },
      'cpu_limit',
    ],
    ['its output', 'timeout 20 yes', { output_bytes: MIB }, 'output_limit'],
    ['its output, within moments', 'head -c 200000 /dev/zero', { output_bytes: 1000 }, 'output_limit'],
  ];
  it.each(cases)('%s is ended for that', async (_name, script, limits, reason) => {
    const result = await run(script, limits);
    expect(result).toMatchObject({ outcome: 'killed', reason });
    expect(result.message).toContain(`this host's limit ${Object.keys(limits)[0]}: `);
  });

  it('what the order allows is ended as well, when that is less', async () => {
    expect(await run('timeout 20 yes', { output_bytes: 500 * MIB }, { output_bytes: MIB })).toMatchObject({
      reason: 'output_limit',
    });
  });
});

it('a run within its limits, and one that is killed by somebody else, are told as they were', async () => {
  const limits = {
    cpu_seconds: 100,
    memory_bytes: 2 ** 34,
    processes: 1000,
    open_files: 1000,
    file_bytes: MIB,
  };
  expect(await run('sleep 0.3; exit 3', { ...limits, disk_bytes: MIB, output_bytes: MIB })).toMatchObject({
    outcome: 'finished',
    reason: null,
    exit_code: 3,
  });
  expect(await run('sleep 0.3; kill -KILL $$', limits)).toMatchObject({
    outcome: 'finished',
    reason: null,
    exit_code: null,
    signal: 9,
  });
});

it('what the kernel keeps holds from the start, for children too, and cannot be raised above', async () => {
  const lines: string[] = [];
  const attempt = randomUUID();
  const spec = {
    attempt_id: attempt,
    execution_id: attempt,
    payload: {
      type: 'shell' as const,
      command: 'ulimit -n; ulimit -Hn; sh -c "ulimit -n; ulimit -t; ulimit -f"',
    },
    clean_env: true,
    timeout_seconds: 60,
    grace_seconds: 5,
  };
  const limits = { open_files: 77, cpu_seconds: 12, file_bytes: MIB };
  const options = { runsDirectory, environment: {}, hostname: 'b', interpreters: null, limits: () => limits };
  await new Run(spec, options, {
    beforeSpawn: () => undefined,
    onStarted: () => undefined,
    onChunk: (_stream, _at, data) => void lines.push(data.toString()),
  }).execute();
  // `ulimit -f` counts in blocks of 512 bytes.
  expect(lines.join('')).toBe('77\n77\n77\n17\n2048\n');
});

it('stands back for the session of the agent where sessions have shares; what it leaves behind does not', async () => {
  const own = readTextOr('/proc/self/autogroup');
  // Elsewhere every process has its share by itself, or its cgroup has.
  const shared = readTextOr('/proc/sys/kernel/sched_autogroup_enabled') === '1';
  const file = path.join(directory, 'autogroups');
  const wait = shared ? "until grep -q 'nice 5' /proc/$$/autogroup; do sleep 0.01; done" : '';
  const tell = `{ cat /proc/$$/autogroup; setsid cat /proc/self/autogroup; } > ${file}`;
  expect(await run(`${wait}\n${tell}\n`, {})).toMatchObject({ outcome: 'finished' });
  const nice = (readTextOr(file).match(/nice -?\d+$/gm) ?? []).slice(0, 2);
  if (shared) expect(nice).toEqual(['nice 5', 'nice 0']);
  expect(readTextOr('/proc/self/autogroup')).toBe(own);
});
