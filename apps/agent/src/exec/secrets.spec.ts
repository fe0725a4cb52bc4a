import { randomUUID } from 'node:crypto';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { readEnvironment } from '../config/environment.js';
import { removeTemporary, temporaryDirectory } from '../testing/temporary.js';
import { foreignRunDirectory } from './run-files.js';
import { type RunSpec } from './run-spec.js';
import { Run } from './runner.js';

const directory = temporaryDirectory();
const runsDirectory = path.join(directory, 'runs');
fs.mkdirSync(runsDirectory, { mode: 0o700 });
afterAll(removeTemporary);

const isRoot = process.getuid?.() === 0;
const environment = { PATH: readEnvironment().passedOn['PATH'], HOME: directory };

async function shell(command: string, more: Partial<RunSpec> = {}) {
  const spec: RunSpec = {
    attempt_id: randomUUID(),
    execution_id: randomUUID(),
    payload: { type: 'shell', command },
    clean_env: true,
    cwd: '/',
    timeout_seconds: 30,
    grace_seconds: 2,
    ...more,
  };
  const output = { stdout: '', stderr: '' };
  const run = new Run(
    spec,
    { runsDirectory, environment, hostname: 'box', interpreters: null },
    {
      beforeSpawn: () => undefined,
      onStarted: () => undefined,
      onChunk: (stream, _at, data) => void (output[stream] += data.toString()),
    },
  );
  const result = await run.execute();
  return { ...result, ...output, attempt: spec.attempt_id };
}

describe('secrets', () => {
  it('are in the environment, stronger than what the order says and weaker than Muster’s own, and not in the output', async () => {
    const result = await shell('env | sort; cat /proc/$$/cmdline', {
      env: { TOKEN: 'theirs', OPEN: 'yes' },
      secrets: { env: { TOKEN: 'correct horse', MUSTER_HOST: 'elsewhere' } },
    });
    expect(result.stdout).toContain('TOKEN=[masked]\n');
    expect(result.stdout).toContain('OPEN=yes\n');
    expect(result.stdout).toContain('MUSTER_HOST=box\n');
    expect(result.stdout).not.toContain('horse');
    expect(result.masked).toEqual({ secret: 1 });
    const names = result.stdout.split('\0')[0]?.match(/^[A-Z_]+(?==)/gm);
    expect(names).toEqual([
      'HOME',
      'MUSTER_ATTEMPT_ID',
      'MUSTER_EXECUTION_ID',
      'MUSTER_HOST',
      'OPEN',
      'PATH',
      'PWD',
      'TOKEN',
    ]);
  });

  it('are files that nobody else may read, whose paths are told, and which are gone with the run', async () => {
    const secrets = { files: { KEY_FILE: 'line one\nline two\n', RAW: Buffer.from([0xff, 0, 1, 2]) } };
    const look =
      'stat -c "%a %u" "$KEY_FILE" "$(dirname "$KEY_FILE")"; wc -c < "$RAW"; cat "$KEY_FILE"; echo; echo "$KEY_FILE"';
    const payloads: RunSpec['payload'][] = [
      { type: 'shell', command: look },
      { type: 'script', contents: look, arguments: [] },
    ];
    for (const payload of payloads) {
      const { stdout } = await shell('', { payload, secrets });
      const uid = String(process.getuid?.());
      const [file, parent, size, content, , where = ''] = stdout.split('\n');
      expect([file, parent, size?.trim(), content]).toEqual([`600 ${uid}`, `700 ${uid}`, '4', '[masked]']);
      expect(path.dirname(path.dirname(where))).toBe(runsDirectory);
      expect(fs.readdirSync(runsDirectory)).toEqual([]);
    }
  });

  (isRoot ? it : it.skip)('are readable for another account, which cannot touch the directory', async () => {
    const secrets = { files: { KEY_FILE: 'of nobody' } };
    const look =
      'stat -c "%a %U" "$KEY_FILE"; wc -c < "$KEY_FILE"; rm "$KEY_FILE" 2>/dev/null || echo kept; ls "$(dirname "$KEY_FILE")" 2>/dev/null || echo unlisted';
    const payloads: RunSpec['payload'][] = [
      { type: 'shell', command: look },
      { type: 'script', contents: look, arguments: [] },
    ];
    for (const payload of payloads) {
      const result = await shell('', { payload, secrets, user: 'nobody' });
      expect(result.stdout.split('\n').map((line) => line.trim())).toEqual([
        '600 nobody',
        '9',
        'kept',
        'unlisted',
        '',
      ]);
      expect(fs.existsSync(foreignRunDirectory(result.attempt))).toBe(false);
    }
  });

  it('are left nowhere, and said nowhere, when the run cannot be started', async () => {
    const missing = await shell('', {
      payload: { type: 'command', argv: ['no-such-program'] },
      secrets: { files: { KEY: 'of the run' } },
    });
    expect(missing).toMatchObject({ outcome: 'failed_to_start', reason: 'not_found' });
    const unfit = await shell('true', { secrets: { env: { KEY: 'half\0half' }, files: { FILE: 'x' } } });
    expect(unfit).toMatchObject({ outcome: 'failed_to_start', reason: 'start_failed' });
    expect(unfit.message).toContain('KEY holds a NUL');
    expect(unfit.message).not.toContain('half');
    const large = await shell('true', {
      secrets: { env: { KEY: 'v'.repeat(4_000_000) }, files: { FILE: 'x' } },
    });
    expect(large).toMatchObject({ outcome: 'failed_to_start', reason: 'start_failed' });
    expect(large.message.length).toBeLessThan(200);
    const rule = await shell('true', {
      deny_output: [{ pattern: '[', message: '' }],
      secrets: { files: { FILE: 'x' } },
    });
    expect(rule).toMatchObject({ outcome: 'failed_to_start', reason: 'start_failed' });
    while (fs.readdirSync(runsDirectory).length > 0) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('masks', () => {
  it('hold on both streams, also when a value comes in pieces', async () => {
    const result = await shell(
      'printf hunter; sleep 0.1; printf 2-x; echo hunter2-x >&2; echo; echo a@b.org',
      {
        mask: { values: ['hunter2-x'], types: ['email'] },
      },
    );
    expect(result).toMatchObject({
      outcome: 'finished',
      stdout: '[masked]\n[masked]\n',
      stderr: '[masked]\n',
      masked: { secret: 2, email: 1 },
    });
    expect(await shell('echo fine', { mask: { values: ['hunter2-x'], types: [] } })).not.toHaveProperty(
      'masked',
    );
  });
});

describe('rules about output', () => {
  const deny_output = [{ words: ['forbidden'], message: 'not that word' }];

  it('end a run that goes on, with all of its processes', async () => {
    const result = await shell('echo fine; (while :; do echo a forbidden thing; done) & wait', {
      deny_output,
    });
    expect(result).toMatchObject({
      outcome: 'killed',
      reason: 'output_blocked',
      message: 'not that word',
      exit_code: null,
    });
    expect(result.stdout).toBe('fine\na ');
  });

  it('end one that ignores TERM after the grace', async () => {
    const result = await shell('trap "" TERM; echo forbidden; while :; do sleep 0.05; done', {
      deny_output,
      grace_seconds: 0.2,
    });
    expect(result).toMatchObject({ outcome: 'killed', reason: 'output_blocked', signal: 9, stdout: '' });
  });

  it('count also when the process has ended by itself before it was read', async () => {
    const result = await shell('echo before; echo forbidden', { deny_output });
    expect(result).toMatchObject({ outcome: 'killed', reason: 'output_blocked', stdout: 'before\n' });
  });
});
