import * as fs from 'node:fs';
import * as path from 'node:path';
import { removeTemporary, temporaryDirectory } from '../../testing/temporary.js';
import { startByFork } from './fork.js';
import { loadStart, type ProcessSpec, type Start, type StartedProcess } from './index.js';
import { PosixSpawner } from './posix-spawn.js';

const directory = temporaryDirectory();
const spawner = await PosixSpawner.load();
const start = await loadStart();
afterAll(removeTemporary);

function file(name: string, contents: string, mode = 0o755): string {
  const at = path.join(directory, name);
  fs.writeFileSync(at, contents, { mode });
  return at;
}

function spec(file: string, args: string[], more: Partial<ProcessSpec> = {}): ProcessSpec {
  return { file, args, cwd: '/', env: { PATH: '/usr/bin:/bin' }, account: null, stdin: false, ...more };
}

async function textOf(child: StartedProcess): Promise<{ out: string; err: string }> {
  const read = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (read.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (read.err += text));
  await child.closed;
  return read;
}

it('is by posix_spawn on Linux', () => {
  expect(spawner === null).toBe(process.platform !== 'linux');
});

describe.each<[string, Start | null]>([
  ['a fork', startByFork],
  ['posix_spawn', spawner && ((asked) => spawner.start(asked))],
  ['the cheapest way', start],
])('a process that is started by %s', (_name, by) => {
  if (by === null) return;

  it('has its arguments, environment and directory, no input, and two pipes of its own', async () => {
    const child = await by(
      spec('/bin/sh', ['-c', 'cat; echo "$1|$A|$(pwd)"; echo e >&2', 'sh', '$(x) ü'], {
        cwd: directory,
        env: { PATH: '/usr/bin:/bin', A: 'b=c' },
      }),
    );
    expect(await textOf(child)).toEqual({ out: `$(x) ü|b=c|${fs.realpathSync(directory)}\n`, err: 'e\n' });
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });

  it('leads a session, has no descriptor of ours, and dies of signals that we ignore', async () => {
    const held = fs.openSync(file('held', 'x'), 'r');
    const child = await by(
      spec('/bin/sh', [
        '-c',
        'set -- $(cat /proc/$$/stat); echo $1 $5 $6; ls -l /proc/$$/fd | tr "\\n" " "; kill -PIPE $$',
      ]),
    );
    const { out } = await textOf(child);
    expect(out.split('\n')[0]).toBe(`${child.pid} ${child.pid} ${child.pid}`);
    expect(out.split('\n')[1]).toMatch(/ 0 -> .* 1 -> .* 2 -> /);
    expect(out).not.toContain('held');
    fs.closeSync(held);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGPIPE' });
  });

  it('reads what it is given, to the end', async () => {
    const child = await by(spec('/bin/sh', ['-c', 'wc -c'], { stdin: true }));
    child.stdin?.end(Buffer.alloc(1_000_000, 'x'));
    expect((await textOf(child)).out.trim()).toBe('1000000');
  });

  it('may end without having read its input', async () => {
    const child = await by(spec('/bin/sh', ['-c', 'exit 3'], { stdin: true }));
    const gone = new Promise((resolve) => child.stdin?.once('close', resolve));
    child.stdin?.on('error', () => undefined).end(Buffer.alloc(1_000_000, 'x'));
    child.stdout.resume();
    child.stderr.resume();
    expect(await child.exited).toEqual({ code: 3, signal: null });
    await Promise.all([child.closed, gone]);
  });

  it.each([
    ['/nowhere/at-all', '/', 'ENOENT'],
    [file('plain', 'x', 0o644), '/', 'EACCES'],
    ['/bin/sh', '/nowhere', 'ENOENT'],
  ])('%s in %s cannot be: %s', async (program, cwd, code) => {
    await expect((async () => by(spec(program, [], { cwd })))()).rejects.toMatchObject({ code });
  });

  it('is not started with arguments that the system cannot take', async () => {
    await expect((async () => by(spec('/bin/echo', ['x'.repeat(4_000_000)])))()).rejects.toMatchObject({
      code: 'E2BIG',
    });
  });

  it('may be one of many, each with its own end', async () => {
    const children = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => by(spec('/bin/sh', ['-c', `echo ${i}; exit ${i}`]))),
    );
    const texts = await Promise.all(children.map(textOf));
    expect(texts.map(({ out }) => out)).toEqual(children.map((_, i) => `${i}\n`));
    const ends = await Promise.all(children.map((child) => child.exited));
    expect(ends.map(({ code }) => code)).toEqual(children.map((_, i) => i));
  });

  it('leaves no descriptor open', async () => {
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const run = async (): Promise<void> => {
      await textOf(await by(spec('/bin/echo', ['x'], { stdin: true })));
      await (async () => by(spec('/nowhere', [])))().catch(() => undefined);
    };
    await run();
    const before = open();
    for (let i = 0; i < 20; i += 1) await run();
    expect(open()).toBeLessThanOrEqual(before + 1);
  });
});

describe('the cheapest way', () => {
  it('takes a file without a shebang for the shell’s, as execvp does', async () => {
    const child = await start(spec(file('bare', 'echo from a bare file'), []));
    expect((await textOf(child)).out).toBe('from a bare file\n');
  });

  it('refuses what C cannot hold instead of cutting it', async () => {
    await expect((async () => start(spec('/bin/echo', ['a\0b'])))()).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_VALUE',
    });
  });
});
