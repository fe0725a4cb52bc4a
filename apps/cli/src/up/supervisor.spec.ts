import { EventEmitter } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { loadSettings } from '#libs/platform/config/index';
import { compileFolder } from '../../../../libs/testing/compiled.js';
import { selfSigned } from '../../testing/self-signed.js';
import { Recorder } from '../../testing/terminal.js';
import { CliError } from '../errors.js';
import { claimPort, localUrl } from './local-server.js';
import { Supervisor } from './supervisor.js';

let compiled: string;
beforeAll(() => {
  compiled = compileFolder('apps/cli/testing');
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

/** One `muster up` over stub children, in its own data directory. */
class Up {
  readonly signals = new EventEmitter();
  readonly stdout = new Recorder();
  readonly stderr = new Recorder();

  constructor(readonly folder: string) {}

  async run(trouble = '', verbose = false): Promise<number> {
    const environment = {
      STUB: trouble,
      STUB_NOTES: join(this.folder, 'notes'),
      MUSTER_DATA_DIR: join(this.folder, 'data'),
      MUSTER_HOST: '127.0.0.1',
      MUSTER_DATABASE_URL: 'postgres://secret@nowhere/db',
    };
    const settings = loadSettings(environment);
    const io = {
      stdin: new PassThrough(),
      stdout: this.stdout,
      stderr: this.stderr,
      signals: this.signals,
      color: false,
    };
    const port = await claimPort({ host: settings.host, port: 0 });
    return new Supervisor(
      io,
      { ...settings, port },
      environment,
      verbose,
      join(compiled, 'stub-launcher.js'),
    ).run();
  }

  get notes(): string {
    const file = join(this.folder, 'notes');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  file(name: string): string {
    return join(this.folder, 'data', name);
  }
}

describe('muster up', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'muster-up-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('tells all there is to know at the first start, runs a script, and stops agent before server', async () => {
    const up = new Up(folder);
    const done = up.run();
    await up.stdout.until('Ctrl-C stops');
    up.signals.emit('SIGINT');
    expect(await done).toBe(0);
    const text = up.stdout.text;
    expect(text).toMatch(/URL +http:\/\/127\.0\.0\.1:\d+\n/);
    expect(text).toMatch(/Swagger UI +http:\/\/127\.0\.0\.1:\d+\/docs\n/);
    expect(text).toMatch(/Admin +admin@stub\n +Password +pass-word\n/);
    expect(text).toMatch(/Ran a script on this host, stub-host, in \d+ ms:\n {2}hello from the stub\n/);
    expect(text).toMatch(/stopped\n$/);
    expect(up.stderr.text).toBe('');
    expect(up.notes).toMatch(/signed out\nagent stopped\nserver stopped\n$/);
    for (const name of ['logs/server.log', 'logs/agent.log'])
      expect(statSync(up.file(name)).mode & 0o777).toBe(0o600);
  });

  it('shows the password once', async () => {
    for (const shown of [true, false]) {
      const up = new Up(folder);
      const done = up.run();
      await up.stdout.until('Ctrl-C stops');
      up.signals.emit('SIGTERM');
      await done;
      expect(up.stdout.text.includes('pass-word')).toBe(shown);
    }
  });

  it("gives the agent its secret by the environment, and nothing that is the server's", async () => {
    const up = new Up(folder);
    const done = up.run();
    await up.stdout.until('Ctrl-C stops');
    up.signals.emit('SIGINT');
    await done;
    expect(up.notes).toContain(
      'agent started with MUSTER_AGENT_STATE_DIR MUSTER_ENROLL_SECRET MUSTER_EXIT_WITH_PARENT MUSTER_NO_BUILD MUSTER_SERVER\n',
    );
  });

  it('goes on when the password was changed', async () => {
    const up = new Up(folder);
    const done = up.run('password changed');
    await up.stdout.until('Ctrl-C stops');
    up.signals.emit('SIGINT');
    expect(await done).toBe(0);
    expect(up.stderr.text.trimEnd().split('\n')).toHaveLength(1);
    expect(up.stderr.text).toContain('which is fine');
  });

  it("ends with the server's last lines when it cannot start", async () => {
    const up = new Up(folder);
    await expect(up.run('server cannot start')).rejects.toThrow(
      /^the server ended with exit code 3; .*server\.log$/,
    );
    expect(up.stderr.text).toBe('  error: the database is not mine\n');
  });

  it('ends when the server dies later, and takes the agent along', async () => {
    const up = new Up(folder);
    await expect(up.run('server dies later')).rejects.toBeInstanceOf(CliError);
    expect(up.stderr.text).toContain('error: out of luck');
    expect(up.notes).toContain('agent stopped');
  });

  it('starts the agent again', async () => {
    const up = new Up(folder);
    const done = up.run('agent crashes once');
    await up.stdout.until('hello from the stub');
    up.signals.emit('SIGINT');
    expect(await done).toBe(0);
    expect(up.stderr.text).toContain('the agent ended with exit code 5; starting it again in 1 s');
    expect(up.stderr.text).toContain('error: no luck here');
  });

  it('kills what does not stop when asked twice', async () => {
    const up = new Up(folder);
    const done = up.run('server ignores TERM');
    await up.stdout.until('Ctrl-C stops');
    up.signals.emit('SIGINT');
    while (!up.notes.includes('ignores it')) await new Promise((next) => setTimeout(next, 10));
    up.signals.emit('SIGINT');
    expect(await done).toBe(0);
  });

  it('can be interrupted before anything is ready', async () => {
    const up = new Up(folder);
    const done = up.run();
    setTimeout(() => up.signals.emit('SIGINT'), 30);
    expect(await done).toBe(0);
    expect(up.stdout.text).toMatch(/stopped\n$/);
  });

  it('prints the logs when asked to', async () => {
    const up = new Up(folder);
    await expect(up.run('server cannot start', true)).rejects.toThrow('exit code 3');
    expect(up.stderr.text).toContain('server | {"level":"error","msg":"the database is not mine"}');
  });
});

describe('claimPort', () => {
  it('says in one line that the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((listening) => other.listen(0, '127.0.0.1', listening));
    const { port } = other.address() as { port: number };
    await expect(claimPort({ host: '127.0.0.1', port })).rejects.toThrow(
      `port ${port} on 127.0.0.1 is already in use`,
    );
    await new Promise((closed) => other.close(closed));
    expect(await claimPort({ host: '127.0.0.1', port })).toBe(port);
  });

  it('says that the address is not of this machine', async () => {
    await expect(claimPort({ host: '192.0.2.1', port: 0 })).rejects.toThrow(
      '192.0.2.1 is no address of this machine',
    );
  });
});

describe('localUrl', () => {
  const address = { host: '0.0.0.0', port: 8420 };

  it('is one that works on this machine', () => {
    expect(localUrl({ ...address, tls: null })).toBe('http://127.0.0.1:8420');
    expect(localUrl({ host: '::', port: 1, tls: null })).toBe('http://127.0.0.1:1');
    expect(localUrl({ host: '10.0.0.7', port: 1, tls: null })).toBe('http://10.0.0.7:1');
  });

  it('bears a name that the certificate is for', () => {
    const tls = (...names: string[]): { cert: string; key: string } => selfSigned(...names);
    expect(localUrl({ ...address, tls: tls('127.0.0.1') })).toBe('https://127.0.0.1:8420');
    expect(localUrl({ ...address, tls: tls('muster.test', 'localhost') })).toBe('https://localhost:8420');
    expect(localUrl({ ...address, tls: tls(hostname()) })).toBe(`https://${hostname()}:8420`);
    expect(localUrl({ ...address, tls: tls('muster.test') })).toBe('https://127.0.0.1:8420');
  });
});
