import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Api, temporaryDirectory, until } from '#libs/testing/index';
import { type Office, startOffice } from './approvals.support.js';

const files = temporaryDirectory('cli-sessions');
const file = (name: string): string => path.join(files, name);

let office: Office;
const started: ChildProcess[] = [];

/** Connections as files: a shell, one that people have to approve, one whose program is not there. */
const CONNECTIONS = `
name: shell
type: custom
command: [/bin/bash]
agent_id: web-1
allowed_env: ['*']
secret:
  envvar:TOKEN: { env: THE_TOKEN }
  filesystem:KEY: { file: key.txt }
---
kind: connection
spec: { name: approved, type: custom, command: [/bin/bash], agent_id: web-1, reviewers: [admin], min_review_approvals: 1 }
---
name: missing
type: custom
command: [no-such-program]
agent_id: web-1
`;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Running {
  readonly child: ChildProcess;
  /** Resolves as soon as this stream holds the text. */
  readonly written: (stream: 'stdout' | 'stderr', text: string) => Promise<void>;
  readonly exit: Promise<Ended>;
}

/** `muster …` with pipes. */
function start(who: Api, args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, ['bin/muster', ...args], {
    env: {
      ...process.env,
      NODE_OPTIONS: '',
      MUSTER_NO_BUILD: '1',
      MUSTER_URL: office.server.url,
      MUSTER_TOKEN: who.bearer,
      THE_TOKEN: 'hunter2-hunter2',
    },
    stdio: 'pipe',
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (data: Buffer) => (output.stdout += data.toString()));
  child.stderr.on('data', (data: Buffer) => (output.stderr += data.toString()));
  child.stdin.end(input);
  return {
    child,
    written: async (stream, text) => {
      while (!output[stream].includes(text)) await once(child[stream], 'data');
    },
    exit: once(child, 'close').then(([code]) => ({ code: code as number | null, ...output })),
  };
}

const muster = (args: readonly string[], input?: string, who = office.client): Promise<Ended> =>
  start(who, args, input).exit;

const connect = (script: string, ...args: string[]): Promise<Ended> => muster(['connect', ...args], script);

/** The id of the newest session. */
async function newest(): Promise<string> {
  const { body } = await office.client.get('/api/sessions?limit=1');
  return body.data[0].id as string;
}

beforeAll(async () => {
  office = await startOffice();
  writeFileSync(file('key.txt'), 'a key of many words\n');
  writeFileSync(file('connections.yml'), CONNECTIONS);
  const applied = await muster(['connections', 'apply', '-f', file('connections.yml')]);
  expect(applied).toEqual({
    code: 0,
    stdout: 'created shell\ncreated approved\ncreated missing\n',
    stderr: '',
  });
}, 60_000);

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

describe('connect', () => {
  it('is the script itself: input, arguments, variables, streams and exit code', async () => {
    const script = 'echo "out $1 $X"; echo "err" >&2; printf "no end"; exit 7\n';
    expect(await connect(script, 'shell', '-e', 'X=a b', '--', '-s', '--', 'né')).toEqual({
      code: 7,
      stdout: 'out né a b\nno end',
      stderr: 'err\n',
    });
    expect(await connect('', 'shell')).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('brings files, and what it is told stays with the session', async () => {
    writeFileSync(file('mine.txt'), 'my file\n');
    const mine = `MINE=${file('mine.txt')}`;
    const ran = await connect('wc -c < "$MINE"', 'shell', '--file', mine, '--metadata', 'ticket=1');
    expect(ran).toEqual({ code: 0, stdout: '8\n', stderr: '' });
    const { stdout } = await muster(['sessions', 'get', await newest()]);
    expect(stdout).toMatch(/^metadata {4}ticket=1$/m);
    expect(stdout).toMatch(/^exit code {3}0$/m);
    expect(stdout).toContain('\n  wc -c < "$MINE"\n');
  });

  it('output comes while it runs', async () => {
    const gate = file('gate');
    const { written, exit } = start(
      office.client,
      ['connect', 'shell'],
      `echo begun; until [ -e ${gate} ]; do sleep 0.05; done; echo over`,
    );
    await written('stdout', 'begun\n');
    writeFileSync(gate, '');
    expect(await exit).toEqual({ code: 0, stdout: 'begun\nover\n', stderr: '' });
  });

  it('says what cannot run, what took too long, and who ended it', async () => {
    const missing = await connect('', 'missing');
    expect(missing).toMatchObject({ code: 127, stdout: '' });
    expect(missing.stderr).toContain('no-such-program');
    const late = await connect('sleep 30', 'shell', '--timeout', '1');
    expect(late).toEqual({ code: 124, stdout: '', stderr: 'session timed out after 1 s\n' });
    expect((await connect('kill -KILL $$', 'shell')).code).toBe(137);
    expect(await connect('', 'nowhere')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'muster: connection nowhere not found\n',
    });
  });

  it('Ctrl-C ends it there', async () => {
    const marker = file('survived');
    const { child, written, exit } = start(
      office.client,
      ['connect', 'shell'],
      `trap 'exit 3' TERM; echo begun; sleep 60 & wait; touch ${marker}`,
    );
    await written('stdout', 'begun\n');
    child.kill('SIGINT');
    const { code, stderr } = await exit;
    expect(code).toBe(130);
    expect(stderr).toContain(`session killed by ${office.server.admin.email}`);
    expect(existsSync(marker)).toBe(false);
  });

  it('--json is one document', async () => {
    const { code, stdout } = await connect('echo out; echo err >&2; exit 4', 'shell', '--json');
    expect(code).toBe(4);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'finished',
      exit_code: 4,
      output: { stdout: 'out\n', stderr: 'err\n' },
    });
  });
});

describe('secrets', () => {
  it('reach the session, and nobody else', async () => {
    const used = await connect(
      '[ "$TOKEN" = hunter2-hunter2 ] && cmp "$KEY" - <<< "a key of many words"',
      'shell',
    );
    expect(used).toEqual({ code: 0, stdout: '', stderr: '' });
    const shown = await connect('echo "token: $TOKEN"; cat "$KEY"', 'shell');
    expect(shown.stdout).not.toMatch(/hunter2|a key of/);
    for (const form of [[], ['--json'], ['--yaml']]) {
      const { code, stdout, stderr } = await muster(['connections', 'get', 'shell', ...form]);
      expect(code).toBe(0);
      expect(stdout + stderr).not.toMatch(/hunter2|a key of/);
    }
    const again = await muster(['connections', 'get', 'shell', '--yaml']);
    expect(await muster(['connections', 'apply', '-f', '-'], again.stdout)).toMatchObject({
      code: 0,
      stdout: 'updated shell\n',
    });
    expect((await connect('echo ${#TOKEN}', 'shell')).stdout).toBe('15\n');
  });
});

describe('sessions', () => {
  it('replay shows what was written, streams apart, in its own time or at once', async () => {
    await connect('echo one; sleep 0.6; echo two >&2; sleep 0.6; printf three', 'shell');
    const id = await newest();
    const began = performance.now();
    const all = await muster(['sessions', 'replay', id]);
    expect(all).toEqual({ code: 0, stdout: 'one\nthree', stderr: 'two\n' });
    // Never sooner than it was; by agents' clocks, in milliseconds.
    expect(performance.now() - began).toBeGreaterThanOrEqual(1190);
    expect(await muster(['sessions', 'replay', id, '--no-delay'])).toEqual(all);
    expect((await muster(['sessions', 'download', id])).stdout).toBe('one\ntwo\nthree');
    expect((await muster(['sessions', 'download', id, '--format', 'script'])).stdout).toMatch(/^echo one;/);
  });

  it('kill ends it, and says when that is certain', async () => {
    const running = start(office.client, ['connect', 'shell'], 'echo begun; sleep 60');
    await running.written('stdout', 'begun\n');
    const id = await newest();
    const killed = await muster(['sessions', 'kill', id]);
    expect(killed.code).toBe(0);
    expect(killed.stdout).toMatch(/^killed: session killed by /);
    expect((await running.exit).code).toBe(130);
    expect((await muster(['sessions', 'kill', id])).stdout).toMatch(
      /^nothing to kill: it has ended \(killed/,
    );
  });

  it('--wait leaves it running', async () => {
    const gate = file('gate-2');
    const left = await connect(
      `until [ -e ${gate} ]; do sleep 0.05; done; echo over`,
      'shell',
      '--wait',
      '0',
    );
    expect(left).toMatchObject({ code: 0, stderr: '' });
    const id = left.stdout.trim();
    const replay = start(office.client, ['sessions', 'replay', id]);
    writeFileSync(gate, '');
    expect((await replay.exit).stdout).toBe('over\n');
    const { stdout } = await muster(['sessions', 'list', '--connection', 'shell', '--limit', '1']);
    expect(stdout).toContain(id);
  });
});

describe('what people have to approve', () => {
  const ask = (script: string, ...args: string[]): Running =>
    start(office.ann, ['connect', 'approved', ...args], script);
  const byBob = (...args: string[]): Promise<Ended> => muster(['reviews', ...args], '', office.bob);

  it('waits for its call, and runs once', async () => {
    const parked = await ask('echo approved').exit;
    expect(parked.code).toBe(75);
    const id = parked.stdout.trim();
    expect(parked.stderr).toContain('it waits for approval by admin (0 of 1)');
    expect(parked.stderr).toContain(`muster sessions run ${id}`);
    const early = await muster(['sessions', 'run', id], '', office.ann);
    expect(early).toMatchObject({ code: 1, stderr: 'muster: it has not been approved yet\n' });
    expect((await byBob('list', '--status', 'pending')).stdout).toContain('ann@example.com');
    expect((await byBob('get', id)).stdout).toContain('\n  echo approved\n');
    const own = await muster(['reviews', 'approve', id], '', office.ann);
    expect(own.code).toBe(1);
    expect(await byBob('approve', id)).toMatchObject({
      code: 0,
      stdout: 'approved of ann@example.com: approved\n',
    });
    const ran = await muster(['sessions', 'run', id], '', office.ann);
    expect(ran).toEqual({ code: 0, stdout: 'approved\n', stderr: '' });
    expect((await muster(['sessions', 'run', id], '', office.ann)).code).toBe(1);
  });

  it('--follow-review runs it as soon as it is approved', async () => {
    const running = ask('echo it ran; exit 9', '--follow-review');
    await running.written('stderr', 'it waits for approval');
    const id = await until(async () => {
      const { body } = await office.ann.get(
        '/api/sessions?limit=1&connection=approved&review.status=PENDING',
      );
      return body.data[0]?.id as string | undefined;
    });
    expect((await byBob('approve', id)).code).toBe(0);
    const { code, stdout } = await running.exit;
    expect({ code, stdout }).toEqual({ code: 9, stdout: 'it ran\n' });
  });

  it('a rejected one says by whom and why', async () => {
    const marker = file('ran');
    const running = ask(`touch ${marker}`, '--follow-review');
    await running.written('stderr', '/api/reviews/');
    const id = /review ([0-9a-f-]{36})/.exec(
      (await byBob('list', '--status', 'pending', '--json')).stdout.replace(/"id": "/, 'review '),
    )?.[1];
    expect((await byBob('reject', id!, '--reason', 'not today')).code).toBe(0);
    const { code, stderr } = await running.exit;
    expect(code).toBe(125);
    expect(stderr).toContain('rejected by bob@example.com: not today');
    expect(existsSync(marker)).toBe(false);
  });
});

it('a connection is tested, and deleted', async () => {
  expect((await muster(['connections', 'test', 'shell'])).stdout).toBe('shell works\n');
  expect((await muster(['connections', 'list'])).stdout).toMatch(/^shell +custom +web-1 +online/m);
  expect((await muster(['connections', 'delete', 'missing'])).stdout).toBe('deleted missing\n');
  expect((await muster(['connections', 'get', 'missing'])).code).toBe(1);
  expect(readFileSync(file('connections.yml'), 'utf8')).not.toContain('hunter2');
});
