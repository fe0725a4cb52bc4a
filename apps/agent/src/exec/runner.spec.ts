import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readEnvironment } from '../config/environment.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { findTree, startTimeOf } from './processes.js';
import { type RunSpec } from './run-spec.js';
import { Run, type RunResult } from './runner.js';

const directory = temporaryDirectory();
fs.chmodSync(directory, 0o755);
const runsDirectory = path.join(directory, 'runs');
fs.mkdirSync(runsDirectory, { mode: 0o700 });
afterAll(removeTemporary);

const environment = {
  PATH: readEnvironment().passedOn['PATH'],
  HOME: directory,
  MUSTER_ENROLL_SECRET: 'hidden',
  FROM_AGENT: 'yes',
};
const isRoot = process.getuid?.() === 0;

interface Finished extends RunResult {
  stdout: Buffer;
  stderr: Buffer;
  order: string[];
}

interface Begun {
  run: Run;
  spec: RunSpec;
  started: Promise<number>;
  /** Resolves when stdout contains this. */
  said: (text: string) => Promise<void>;
  done: Promise<Finished>;
}

function begin(
  payload: RunSpec['payload'],
  more: Partial<RunSpec> = {},
  interpreters: string[] | null = null,
): Begun {
  const spec: RunSpec = {
    attempt_id: randomUUID(),
    execution_id: randomUUID(),
    payload,
    clean_env: false,
    timeout_seconds: 30,
    grace_seconds: 2,
    ...more,
  };
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
  const order: string[] = [];
  let waiting: { text: string; resolve: () => void }[] = [];
  let onStarted: (pid: number) => void = () => undefined;
  const started = new Promise<number>((resolve) => (onStarted = resolve));
  const run = new Run(
    spec,
    { runsDirectory, environment, hostname: 'box', interpreters },
    {
      beforeSpawn: () => undefined,
      onStarted,
      onChunk: (stream, _at, data) => {
        expect(data.length).toBeLessThanOrEqual(65_536);
        parts[stream].push(Buffer.from(data));
        order.push(stream);
        const text = waiting.length > 0 ? Buffer.concat(parts.stdout).toString() : '';
        for (const wait of waiting) if (text.includes(wait.text)) wait.resolve();
        waiting = waiting.filter((wait) => !text.includes(wait.text));
        return undefined;
      },
    },
  );
  const said = (text: string) => new Promise<void>((resolve) => waiting.push({ text, resolve }));
  const done = run.execute().then((result) => ({
    ...result,
    stdout: Buffer.concat(parts.stdout),
    stderr: Buffer.concat(parts.stderr),
    order,
  }));
  return { run, spec, started, said, done };
}
const shell = (command: string, more: Partial<RunSpec> = {}) => begin({ type: 'shell', command }, more);
const command = (...argv: string[]) => begin({ type: 'command', argv });
const script = (
  contents: string | Buffer,
  args: string[] = [],
  more: Partial<RunSpec> = {},
  allowed: string[] | null = null,
) => begin({ type: 'script', contents, arguments: args }, more, allowed);
const pidIn = (text: Buffer | string) => Number(/pid=(\d+)/.exec(text.toString())?.[1]);
const stop = { outcome: 'killed', reason: 'cancel_requested', message: 'enough' } as const;

describe('what runs', () => {
  it('a command gets its arguments as they are, from PATH, without a shell', async () => {
    const result = await command('printf', '%s|', 'a b', '$HOME', '*').done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 0, signal: null, reason: null });
    expect(result.stdout.toString()).toBe('a b|$HOME|*|');
  });

  it('a shell line goes to /bin/sh, its exit code comes back', async () => {
    const result = await shell('echo out; echo err >&2; exit 3').done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 3 });
    expect([result.stdout.toString(), result.stderr.toString()]).toEqual(['out\n', 'err\n']);
    expect(result.duration_ms).toBeGreaterThanOrEqual(0);
  });

  it('a script without a shebang is for /bin/sh, with one for its interpreter and one argument', async () => {
    expect((await script('echo "$1-$2"', ['x y', 'z']).done).stdout.toString()).toBe('x y-z\n');
    const result = await script('#! /bin/sh -e \nfalse\necho never\n').done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 1 });
    const node = await script(`#!${process.execPath}\nconsole.log(process.argv.slice(2).join())`, ['1', '2'])
      .done;
    expect(node.stdout.toString()).toBe('1,2\n');
  });

  it('a script leaves no file behind, and only its owner may read it meanwhile', async () => {
    const begun = script('stat -c %a "$0" "$(dirname "$0")"');
    expect((await begun.done).stdout.toString()).toBe('700\n700\n');
    // Deleted after the result has left: it is only a matter of moments.
    while (fs.readdirSync(runsDirectory).length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('gets standard input and its end, or nothing', async () => {
    expect((await shell('cat', { stdin: 'hello' }).done).stdout.toString()).toBe('hello');
    expect((await shell('cat').done).stdout.length).toBe(0);
    const large = Buffer.alloc(3_000_000, 'x');
    expect((await shell('wc -c', { stdin: large }).done).stdout.toString().trim()).toBe('3000000');
    expect((await shell('exec true', { stdin: large }).done).exit_code).toBe(0);
  });

  it('gets the environment of the agent, but nothing of Muster’s own', async () => {
    const begun = shell('env', { env: { EXTRA: '1' } });
    const text = (await begun.done).stdout.toString();
    expect(text).toContain('FROM_AGENT=yes');
    expect(text).toContain('EXTRA=1');
    expect(text).not.toContain('hidden');
    expect(text).toContain(`MUSTER_ATTEMPT_ID=${begun.spec.attempt_id}`);
    expect(text).toContain('MUSTER_HOST=box');
    const clean =
      (await command('env').done,
      await begin({ type: 'command', argv: ['env'] }, { clean_env: true, env: { A: 'b' } }).done);
    const names = clean.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .sort();
    expect(names).toEqual(['A', 'HOME', 'MUSTER_ATTEMPT_ID', 'MUSTER_EXECUTION_ID', 'MUSTER_HOST', 'PATH']);
  });

  it('runs where it is told', async () => {
    expect((await shell('pwd', { cwd: '/usr' }).done).stdout.toString()).toBe('/usr\n');
  });
});

describe('what cannot be started says why', () => {
  const cases: [string, () => Begun, string, RegExp][] = [
    [
      'a command that does not exist',
      () => command('no-such-command'),
      'not_found',
      /no-such-command: command not found/,
    ],
    ['a path that does not exist', () => command('/no/such'), 'not_found', /not found/],
    [
      'a command that may not be executed',
      () => command('/etc/passwd'),
      'not_executable',
      /permission denied/,
    ],
    ['a directory', () => command('/etc'), 'not_executable', /directory/],
    [
      'a missing interpreter',
      () => script('#!/no/such/python\n'),
      'not_found',
      /interpreter \/no\/such\/python: not found/,
    ],
    ['Windows line endings', () => script('#!/bin/sh\r\necho\r\n'), 'not_found', /carriage return/],
    ['a missing working directory', () => shell('true', { cwd: '/no/such' }), 'bad_cwd', /does not exist/],
    ['a file as working directory', () => shell('true', { cwd: '/etc/passwd' }), 'bad_cwd', /no directory/],
    ['a relative working directory', () => shell('true', { cwd: 'x' }), 'bad_cwd', /not absolute/],
    ['an unknown user', () => shell('true', { user: 'no-such-user' }), 'bad_user', /no user "no-such-user"/],
    [
      'an interpreter that is not allowed',
      () => script('#!/usr/bin/env python3\n', [], {}, ['sh']),
      'interpreter_not_allowed',
      /does not allow/,
    ],
    ['a NUL in an argument', () => command('echo', 'a\0b'), 'start_failed', /could not be started/],
    [
      'too long an argument',
      () => command('echo', 'x'.repeat(3_000_000)),
      'start_failed',
      /larger than the system allows/,
    ],
  ];
  it.each(cases)('%s', async (_name, start, reason, message) => {
    const result = await start().done;
    expect(result).toMatchObject({
      outcome: 'failed_to_start',
      reason,
      exit_code: null,
      signal: null,
      started_at: null,
    });
    expect(result.message).toMatch(message);
    expect(fs.readdirSync(runsDirectory)).toEqual([]);
  });

  it('allowed interpreters run', async () => {
    expect((await script('echo hi', [], {}, ['sh']).done).exit_code).toBe(0);
    expect((await script('#!/usr/bin/env sh\necho hi', [], {}, ['sh']).done).exit_code).toBe(0);
  });
});

(isRoot ? describe : describe.skip)('another user', () => {
  it('runs commands and scripts as that user, who cannot see the agent', async () => {
    const text = (
      await shell('id -un; id -G; echo $HOME; true', { user: 'nobody', cwd: '/' }).done
    ).stdout.toString();
    expect(text.split('\n')[0]).toBe('nobody');
    const result = await script('id -un; echo "$1"', ['arg'], { user: 'nobody', cwd: '/' }).done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 0 });
    expect(result.stdout.toString()).toBe('nobody\narg\n');
  });
});

describe('the end', () => {
  it('of a run that takes too long is a timeout', async () => {
    const result = await shell('echo before; exec sleep 60', { timeout_seconds: 1 }).done;
    expect(result).toMatchObject({ outcome: 'timed_out', reason: 'timeout', exit_code: null, signal: 15 });
    expect(result.stdout.toString()).toBe('before\n');
    expect(result.duration_ms).toBeGreaterThanOrEqual(1000);
  });

  it('comes by KILL where TERM is ignored', async () => {
    const begun = shell('trap "" TERM; echo ready; while :; do sleep 1; done', { grace_seconds: 0.3 });
    await begun.said('ready');
    begun.run.terminate(stop);
    expect(await begun.done).toMatchObject({
      outcome: 'killed',
      reason: 'cancel_requested',
      message: 'enough',
      signal: 9,
    });
  });

  it('leaves time to clean up', async () => {
    const begun = shell('trap "echo bye; exit 7" TERM; echo ready; while :; do sleep 0.05; done');
    await begun.said('ready');
    begun.run.terminate(stop);
    const result = await begun.done;
    expect(result).toMatchObject({ outcome: 'killed', exit_code: 7 });
    expect(result.stdout.toString()).toBe('ready\nbye\n');
  });

  it('takes the whole tree with it, escapees too', async () => {
    const begun = shell(
      'sleep 1000 & (setsid sh -c "echo pid=\\$\\$; trap \\"\\" TERM; while :; do sleep 1; done" &) ; sleep 0.3; echo ready; wait',
      { grace_seconds: 0.3 },
    );
    const pid = await begun.started;
    await begun.said('ready');
    expect((await findTree(pid, begun.spec.attempt_id)).length).toBeGreaterThanOrEqual(3);
    begun.run.terminate(stop);
    const result = await begun.done;
    expect(result.outcome).toBe('killed');
    expect(startTimeOf(pidIn(result.stdout))).toBe(0);
    expect(await findTree(pid, begun.spec.attempt_id)).toEqual([]);
  });

  it('of the first process is the end of its group, and is not waited for longer than that', async () => {
    const begun = shell('(trap "" TERM; sleep 1000) & echo pid=$!; exit 4');
    const result = await begun.done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 4, reason: null });
    expect(result.duration_ms).toBeLessThan(1000);
    expect(await findTree(await begun.started, begun.spec.attempt_id)).toEqual([]);
  });

  it('does not wait for a daemon that left and holds the pipes, and leaves it alone', async () => {
    const begun = shell('setsid sleep 1000 & sleep 0.2; echo pid=$!');
    const result = await begun.done;
    expect(result).toMatchObject({ outcome: 'finished', exit_code: 0 });
    const [daemon] = await findTree(null, begun.spec.attempt_id);
    expect(daemon).toBeGreaterThan(0);
    process.kill(daemon!, 'SIGKILL');
  });

  it('by a foreign signal is told as it was', async () => {
    expect(await shell('kill -SEGV $$').done).toMatchObject({
      outcome: 'finished',
      exit_code: null,
      signal: 11,
    });
  });

  it('may be asked for before anything was started', async () => {
    const begun = shell('echo no');
    begun.run.terminate(stop);
    const result = await begun.done;
    expect(result).toMatchObject({ outcome: 'killed', reason: 'cancel_requested', started_at: null });
    expect(result.stdout.length).toBe(0);
  });
});

describe('output', () => {
  it('is bytes: NUL, invalid UTF-8 and all', async () => {
    const result = await shell("printf 'a\\000b\\377\\376c'").done;
    expect(result.stdout).toEqual(Buffer.from([0x61, 0, 0x62, 0xff, 0xfe, 0x63]));
  });

  it('does not split characters between chunks', async () => {
    const text = '€'.repeat(50_000);
    const begun = shell('cat', { stdin: text });
    const seen: string[] = [];
    const result = await begun.done;
    seen.push(result.stdout.toString());
    expect(seen.join('')).toBe(text);
  });

  it('of one line of 100 MB comes whole', async () => {
    const result = await shell('head -c 100000000 /dev/zero | tr "\\000" x').done;
    expect(result.stdout.length).toBe(100_000_000);
  });

  it('of a slow pair of streams keeps their order', async () => {
    const result = await shell('echo 1; sleep 0.1; echo 2 >&2; sleep 0.1; echo 3').done;
    expect(result.order).toEqual(['stdout', 'stderr', 'stdout']);
  });
});
