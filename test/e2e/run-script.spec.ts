import { readdirSync } from 'node:fs';
import path from 'node:path';
import { startAgent, temporaryDirectory, until } from '#libs/testing/index';
import { ended, firstOutput, lives, outcome, run, resultOf, startWorld, type World } from './support.js';

let world: World;
let directory: string;
/** Cancelled before the other tests begin, on a host of its own: its grace of ten seconds passes meanwhile. */
let stubborn: Promise<{ id: string; pid: number[] }>;

beforeAll(async () => {
  world = await startWorld();
  directory = temporaryDirectory('scripts');
  stubborn = cancelStubborn();
});

async function cancelStubborn() {
  const { id: hostId } = await startAgent({ server: world.server }).online();
  const contents = `trap '' TERM; sh -c 'while :; do sleep 1; done' & echo $$ $!; while :; do sleep 1; done`;
  const id = await run(world.client, hostId, contents);
  const pid = pids(await firstOutput(world, id));
  await world.client.post(`/api/v1/executions/${id}/cancel`);
  return { id, pid };
}

/** The words that a script printed, as process ids. */
const pids = (text: string) =>
  text
    .trim()
    .split(/\s+/)
    .map(Number)
    .filter((pid) => pid > 1);

describe('a script that runs', () => {
  it('is answered with 202 and these two fields, then with the documented result', async () => {
    const contents = "echo 'hello'";
    const asked = Date.now();
    const answer = await world.client.post('/api/v1/fleet/scripts/run', {
      host_id: world.host.id,
      script_contents: contents,
    });
    expect(answer.status).toBe(202);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(answer.body).toEqual({
      host_id: world.host.id,
      execution_id: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    });
    const id = answer.body.execution_id as string;
    const result = await resultOf(world.client, id);
    expect(result).toEqual({
      script_contents: contents,
      script_id: null,
      exit_code: 0,
      output: 'hello\n',
      message: '',
      hostname: world.agent.hostname,
      host_timeout: false,
      host_id: world.host.id,
      execution_id: id,
      runtime: 0,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/),
      truncated: false,
    });
    expect(Math.abs(Date.parse(result.created_at as string) - asked)).toBeLessThan(5_000);
    for (const version of ['latest', '2022-04']) {
      const again = await world.client.get(`/api/${version}/fleet/scripts/results/${id.toUpperCase()}`);
      expect([again.status, again.body]).toEqual([200, result]);
    }
  });

  it.each([0, 1, 2, 77, 126, 127, 128, 255])('tells exit code %i', async (code) => {
    const result = await outcome(world, `echo out; exit ${code}`);
    expect(result).toMatchObject({ exit_code: code, message: '', output: 'out\n' });
  });

  it('shows stderr and stdout in one output, and how long it took', async () => {
    const id = await run(world.client, world.host.id, 'echo out; sleep 0.1; echo err >&2; sleep 1; exit 3');
    expect(await resultOf(world.client, id)).toMatchObject({
      exit_code: 3,
      output: 'out\nerr\n',
      runtime: 1,
    });
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'finished', exit_code: 3, stdout_bytes: 4, stderr_bytes: 4 });
    expect(target.duration_ms).toBeGreaterThanOrEqual(1_100);
  });

  it('without output has none', async () => {
    expect(await outcome(world, 'true')).toMatchObject({ output: '', exit_code: 0, truncated: false });
  });

  it('gets its arguments as they are', async () => {
    const args = ['plain', 'two words', '', '$HOME', '*', "it's", '"', 'ä\n', '-n', '--', ';exit 9'];
    const result = await outcome(world, 'printf "[%s]" "$#" "$@"', { arguments: args });
    expect(result.output).toBe([args.length, ...args].map((arg) => `[${arg}]`).join(''));
  });

  it('gets no input, and an environment without our secrets', async () => {
    expect((await outcome(world, 'cat; echo end')).output).toBe('end\n');
    const { output } = await outcome(world, 'env; tr "\\0" "\\n" < /proc/$PPID/cmdline');
    expect(output).not.toContain(world.server.enrollSecret);
    expect(output).toMatch(/^MUSTER_EXECUTION_ID=/m);
    expect(output).not.toMatch(/^MUSTER_EXIT_WITH_PARENT=/m);
  });

  it('keeps text of every script and exactly its bytes', async () => {
    const contents = 'printf "%s" "grüße 你好 👋🏽 \u202e"\r\n#\ttab';
    const result = await outcome(world, contents.replace('\r', ''));
    expect(result.output).toBe('grüße 你好 👋🏽 \u202e');
    expect(result.script_contents).toBe(contents.replace('\r', ''));
    expect((await outcome(world, 'exit 4\r\n')).script_contents).toBe('exit 4\r\n');
  });

  it('leaves no file behind', async () => {
    const { output } = await outcome(world, 'echo "$0"; ls -l "$0"');
    expect(output).toContain(world.agent.stateDir);
    await until(() => readdirSync(path.join(world.agent.stateDir, 'runs')).length === 0);
  });
});

describe('the interpreter', () => {
  it.each([
    ['none: /bin/sh', 'echo "$0 ${BASH_VERSION:-sh}" | grep -c "sh$"', '1\n'],
    ['#!/bin/sh', '#!/bin/sh\necho hi', 'hi\n'],
    ['#!/bin/sh with an argument', '#!/bin/sh -e\nfalse\necho not here', ''],
    ['#! with blanks', '#!  /bin/sh   -u  \necho "$-" | grep -o u', 'u\n'],
    ['#!/usr/bin/env bash', '#!/usr/bin/env bash\necho "${BASH_VERSION:+bash}"', 'bash\n'],
    ['#!/usr/bin/env -S with arguments', '#!/usr/bin/env -S A=1 bash -u\necho "$A$-" | grep -o 1.*u', '1'],
    ['node', `#!${process.execPath}\nconsole.log(process.argv.slice(2).length)`, '0\n'],
    ['a comment that is no shebang', '# !/nowhere\necho hi', 'hi\n'],
  ])('%s', async (_, contents, output) => {
    const result = await outcome(world, contents);
    expect(result.message).toBe('');
    expect(result.output).toContain(output);
  });

  it('that does not exist is said, and nothing runs', async () => {
    const id = await run(world.client, world.host.id, '#!/no/such/interpreter\necho hi');
    expect(await resultOf(world.client, id)).toMatchObject({
      exit_code: -1,
      output: expect.stringContaining('/no/such/interpreter'),
      message: expect.stringMatching(/did not start.*\/no\/such\/interpreter/),
    });
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'failed_to_start', reason: 'not_found', exit_code: null });
    expect(target.started_at).toBeNull();
  });

  it('that env cannot find ends with env’s own 127', async () => {
    const result = await outcome(world, '#!/usr/bin/env no-such-program-at-all\necho hi');
    expect(result.exit_code).toBe(127);
    expect(result.output).toContain('no-such-program-at-all');
  });

  it.each([
    ['#!/etc\necho hi', 'not_executable'],
    ['#!/etc/passwd\necho hi', 'not_executable'],
    ['#!\necho hi', 'not_found'],
    ['#!/bin/sh\r\necho hi\r\n', 'not_found'],
  ])('%j cannot be started, and the reason is told', async (contents, reason) => {
    const id = await run(world.client, world.host.id, contents);
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'failed_to_start', reason });
    const result = await resultOf(world.client, id);
    expect(result).toMatchObject({ exit_code: -1, output: target.message });
    expect(target.message).toMatch(/\S/);
  });
});

describe('a script that is ended', () => {
  it('by its timeout says so in Fleet’s words, and in time', async () => {
    const begun = Date.now();
    const result = await outcome(world, 'echo before; sleep 60; echo after', { timeout: 1 });
    expect(Date.now() - begun).toBeLessThan(10_000);
    expect(result).toMatchObject({
      exit_code: -1,
      output: 'before\n',
      message: 'Timeout. Fleet stopped the script after 1 seconds to protect host performance.',
      runtime: 1,
      host_timeout: false,
    });
    const { target } = await ended(world.client, result.execution_id as string);
    expect(target).toMatchObject({ state: 'timed_out', reason: 'timeout', exit_code: null, signal: 15 });
  });

  it('by its timeout may tidy up, and its exit code then stands beside the outcome', async () => {
    const result = await outcome(world, 'trap "echo tidy; exit 7" TERM; sleep 60 & wait', { timeout: 1 });
    expect(result).toMatchObject({ exit_code: -1, output: 'tidy\n' });
  });

  it.each([
    ['TERM', 15],
    ['KILL', 9],
    ['SEGV', 11],
    ['HUP', 1],
  ])('by SIG%s from elsewhere has exit code 128 + signal', async (name, number) => {
    const result = await outcome(world, `echo dying; kill -${name} $$; sleep 9`);
    expect(result).toMatchObject({ exit_code: 128 + number, output: 'dying\n', message: '' });
    const { target } = await ended(world.client, result.execution_id as string);
    expect(target).toMatchObject({ state: 'finished', exit_code: null, signal: number });
  });

  it('takes with it what it left running in the background', async () => {
    const { output } = await outcome(world, 'sleep 300 & echo $!; (sleep 300 & echo $!); exit 0');
    expect(pids(output as string)).toHaveLength(2);
    for (const pid of pids(output as string)) await until(() => !lives(pid), { what: `the end of ${pid}` });
  });

  it('takes with it those who left its group or lost their parent', async () => {
    const file = path.join(directory, 'family');
    const contents = `#!/bin/bash
      setsid sleep 300 & echo $! >> ${file}
      (setsid sh -c 'echo $$ >> ${file}; exec sleep 300' &)
      (sh -c 'echo $$ >> ${file}; exec sleep 300' &)
      until [ "$(wc -l < ${file})" = 3 ]; do sleep 0.05; done
      cat ${file}; sleep 300`;
    const id = await run(world.client, world.host.id, contents);
    const family = pids(await firstOutput(world, id));
    expect(family).toHaveLength(3);
    for (const pid of family) expect(lives(pid)).toBe(true);
    expect((await world.client.post(`/api/v1/executions/${id}/cancel`)).status).toBe(202);
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'killed', reason: 'cancel_requested' });
    for (const pid of family) expect({ pid, lives: lives(pid) }).toEqual({ pid, lives: false });
  });

  it('is killed, and all of its kind, when it ignores TERM for the whole grace', async () => {
    const { pid: family, id } = await stubborn;
    expect(family).toHaveLength(2);
    const { target } = await ended(world.client, id);
    expect(target).toMatchObject({ state: 'killed', reason: 'cancel_requested', exit_code: null, signal: 9 });
    for (const pid of family) expect({ pid, lives: lives(pid) }).toEqual({ pid, lives: false });
  });
});
