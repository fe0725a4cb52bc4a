import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Settings } from '#libs/platform/config/index';
import { MusterApi } from '../api/muster-api.js';
import { CliError, ExitCode } from '../errors.js';
import { HttpClient, type Tls } from '../http/http-client.js';
import { describeDuration } from '../output/outcome.js';
import { type Io, line, printable, styled } from '../terminal/io.js';
import { Progress } from '../terminal/progress.js';
import { Child, describeEnd } from './child.js';
import {
  CannotSignIn,
  type Credentials,
  type FirstScript,
  readAdmin,
  runFirstScript,
} from './first-script.js';
import { localUrl } from './local-server.js';
import { LogFile } from './log-file.js';

const stopGraceMs = 15_000;
const readyWithinMs = 180_000;
const shownLines = 12;
const restart = { firstMs: 1000, mostMs: 30_000, forgetAfterMs: 60_000 };

/** Somebody wants it to end. */
class StopAsked extends Error {}

/**
 * Of a server that hears from thousands at once. With V8's 16 MB for what is new it is cleared away every 60 ms, and what is still in use then
 * is kept for long: a fifth of the processor time of a command on 10,000 hosts, with 32 MB half of that. (The image has the same.)
 */
const SERVER_FLAGS = ['--max-semi-space-size=32'];

/** `muster up`: a server and an agent on this machine, from the first line to the last. */
export class Supervisor {
  private readonly url: string;
  private readonly tls: Tls;
  private readonly adminFile: string;
  private readonly agentStateDir: string;
  private readonly progress: Progress;
  private readonly logs: { server: LogFile; agent: LogFile };
  private readonly stopping = new AbortController();
  private readonly hurry = new AbortController();
  private agent: Child | undefined;
  /** Settles when there is no agent and will be none. */
  private agentKept: Promise<void> = Promise.resolve();

  constructor(
    private readonly io: Io,
    private readonly settings: Settings,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly verbose: boolean,
    private readonly launcher = findLauncher(),
  ) {
    this.url = localUrl(settings);
    this.tls = { pinned: settings.tls?.cert };
    this.agentStateDir = join(settings.dataDir, 'agent');
    this.adminFile = join(settings.dataDir, 'admin.json');
    this.progress = new Progress(io, verbose);
    this.logs = { server: this.openLog('server'), agent: this.openLog('agent') };
  }

  async run(): Promise<number> {
    const { signals } = this.io;
    const interrupt = (): void => (this.stopping.signal.aborted ? this.hurry : this.stopping).abort();
    const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    for (const name of names) signals.on(name, interrupt);
    const server = this.startServer();
    try {
      await Promise.race([this.live(), this.death(server), this.stopAsked()]);
    } catch (error) {
      // Whatever was going on when it was to stop ends somehow.
      if (!this.stopping.signal.aborted) throw error;
    } finally {
      this.stopping.abort();
      this.progress.clear();
      // First those who report, then the one who writes it down.
      await this.agent?.stop(stopGraceMs, this.hurry.signal);
      await this.agentKept;
      await server.stop(stopGraceMs, this.hurry.signal);
      this.logs.server.close();
      this.logs.agent.close();
      for (const name of names) signals.off(name, interrupt);
    }
    line(this.io.stdout, 'stopped');
    return ExitCode.ok;
  }

  /** Everything that happens while nobody interrupts. */
  private async live(): Promise<void> {
    const firstStart = !existsSync(this.adminFile);
    await this.waitUntilReady();
    const admin = await readAdmin(this.adminFile);
    this.greet(firstStart ? admin : undefined);
    this.agentKept = this.keepAgent(await this.enrollSecret());
    const admins = [
      ...(isPair(this.settings.firstAdmin) ? [this.settings.firstAdmin] : []),
      ...(admin ? [admin] : []),
    ];
    await Promise.all([this.agentKept, this.showFirstScript(admins)]);
  }

  /** Its death before we ask for it is the end of `up`. */
  private async death(server: Child): Promise<never> {
    const end = await server.ended;
    if (this.stopping.signal.aborted) throw new StopAsked();
    this.progress.clear();
    this.showLastLines(this.logs.server);
    throw new CliError(`the server ${describeEnd(end)}; everything it said is in ${this.logs.server.path}`);
  }

  private stopAsked(): Promise<never> {
    return new Promise((_resolve, reject) => {
      this.stopping.signal.addEventListener('abort', () => {
        this.progress.show('stopping…');
        reject(new StopAsked());
      });
    });
  }

  private startServer(): Child {
    return new Child({
      args: [...SERVER_FLAGS, this.launcher, 'server'],
      env: {
        ...this.environment,
        ...this.forBoth(),
        MUSTER_PORT: String(this.settings.port),
        MUSTER_DATA_DIR: this.settings.dataDir,
        MUSTER_FIRST_ADMIN: 'generate',
      },
      log: this.logs.server,
      echo: this.echo('server'),
    });
  }

  private startAgent(enrollSecret: string | undefined): Child {
    // What is the server's own stays with the server: scripts inherit the agent's environment.
    const env = Object.fromEntries(
      Object.entries(this.environment).filter(
        ([name]) =>
          !name.startsWith('MUSTER_') || name.startsWith('MUSTER_AGENT_') || name === 'MUSTER_LOG_LEVEL',
      ),
    );
    return new Child({
      args: [this.launcher, 'agent'],
      env: {
        ...env,
        ...this.forBoth(),
        MUSTER_SERVER: this.url,
        MUSTER_AGENT_STATE_DIR: this.agentStateDir,
        ...(enrollSecret === undefined ? {} : { MUSTER_ENROLL_SECRET: enrollSecret }),
        ...(this.settings.tls ? { NODE_EXTRA_CA_CERTS: this.trustedFile(this.settings.tls.cert) } : {}),
      },
      log: this.logs.agent,
      echo: this.echo('agent'),
    });
  }

  /** The agent trusts our certificate, whoever signed it, besides what it trusts anyway. */
  private trustedFile(certificate: string): string {
    const path = join(this.settings.dataDir, 'agent-trust.pem');
    const given = this.environment['NODE_EXTRA_CA_CERTS'];
    const others = given !== undefined && existsSync(given) ? readFileSync(given, 'utf8') : '';
    writeFileSync(path, `${certificate}\n${others}`, { mode: 0o600 });
    return path;
  }

  /** This process has just made sure that everything is built. */
  private forBoth(): NodeJS.ProcessEnv {
    return { MUSTER_NO_BUILD: '1' };
  }

  private async waitUntilReady(): Promise<void> {
    this.progress.show('starting… (the first start prepares the database)');
    const api = new MusterApi(new HttpClient({ url: this.url, tls: this.tls, timeoutMs: 5000 }));
    const deadline = performance.now() + readyWithinMs;
    try {
      for (;;) {
        try {
          return await api.ready(this.stopping.signal);
        } catch (error) {
          if (performance.now() > deadline) {
            this.showLastLines(this.logs.server);
            throw new CliError(
              `the server was not ready within ${readyWithinMs / 1000} s (${String(error)})`,
            );
          }
        }
        await sleep(50, undefined, { signal: this.stopping.signal });
      }
    } finally {
      api.close();
      this.progress.clear();
    }
  }

  private greet(newAdmin: Credentials | undefined): void {
    const { stdout } = this.io;
    const field = (name: string, value: string): void =>
      line(stdout, `  ${name.padEnd(11)} ${styled(this.io, stdout, 'bold', value)}`);
    line(stdout, 'Muster is running.');
    field('URL', this.url);
    field('Swagger UI', `${this.url}/docs`);
    if (newAdmin) {
      field('Admin', newAdmin.email);
      field('Password', newAdmin.password);
      line(stdout, `  (kept in ${this.adminFile}, readable by this user alone)`);
    }
  }

  private async enrollSecret(): Promise<string | undefined> {
    try {
      return (await readFile(join(this.settings.dataDir, 'enroll-secret'), 'utf8')).trim();
    } catch (error) {
      // Not generated: then the first start was given one, or the agent enrolled long ago.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return this.settings.enrollSecret ?? undefined;
      throw new CliError(
        `cannot read the enroll secret in ${this.settings.dataDir} (${(error as NodeJS.ErrnoException).code ?? 'error'})`,
      );
    }
  }

  /** Starts the agent, and again whenever it ends by itself. */
  private async keepAgent(enrollSecret: string | undefined): Promise<void> {
    const stop = this.stopping.signal;
    let delay = restart.firstMs;
    while (!stop.aborted) {
      const began = performance.now();
      this.agent = this.startAgent(enrollSecret);
      const end = await this.agent.ended;
      if (stop.aborted) return;
      const lived = performance.now() - began;
      if (lived > restart.forgetAfterMs) delay = restart.firstMs;
      this.progress.clear();
      // One that hardly began said why; what one that had worked said last is its daily business.
      if (lived < restart.forgetAfterMs / 6) this.showLastLines(this.logs.agent, 3);
      this.progress.warn(
        `the agent ${describeEnd(end)}; starting it again in ${delay / 1000} s (log: ${this.logs.agent.path})`,
      );
      await sleep(delay, undefined, { signal: stop }).catch(() => undefined);
      delay = Math.min(delay * 2, restart.mostMs);
    }
  }

  private async showFirstScript(admins: readonly Credentials[]): Promise<void> {
    const { stdout, stderr } = this.io;
    this.progress.show('waiting for this host to come online…');
    try {
      const first = await this.firstScript(admins);
      this.progress.clear();
      line(
        stdout,
        `Ran a script on this host, ${printable(first.hostname)}, in ${describeDuration(first.milliseconds)}:`,
      );
      for (const text of first.output.split('\n')) line(stdout, `  ${printable(text)}`);
    } catch (error) {
      this.progress.clear();
      if (this.stopping.signal.aborted) throw new StopAsked();
      if (error instanceof CannotSignIn) {
        line(
          stderr,
          `No first script this time: the password in ${this.adminFile} is not the admin's any more, which is fine.`,
        );
      } else if (error instanceof CliError) {
        this.showLastLines(this.logs.agent);
        this.progress.warn(`the first script did not run: ${error.message} (log: ${this.logs.agent.path})`);
      } else {
        throw error;
      }
    }
    line(stdout, 'Ctrl-C stops everything.');
  }

  /** With the first pair that the server accepts. */
  private async firstScript(admins: readonly Credentials[]): Promise<FirstScript> {
    for (const admin of admins) {
      try {
        return await runFirstScript(
          { url: this.url, tls: this.tls },
          admin,
          this.agentStateDir,
          this.stopping.signal,
        );
      } catch (error) {
        if (!(error instanceof CannotSignIn)) throw error;
      }
    }
    throw new CannotSignIn();
  }

  private openLog(name: string): LogFile {
    const path = join(this.settings.dataDir, 'logs', `${name}.log`);
    try {
      return new LogFile(path);
    } catch (error) {
      throw new CliError(`cannot write ${path} (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
    }
  }

  private showLastLines(log: LogFile, count = shownLines): void {
    for (const text of log.lastLines(count))
      line(this.io.stderr, `  ${styled(this.io, this.io.stderr, 'dim', printable(text))}`);
  }

  /** With `--verbose`: each whole line on stderr, with the name of who said it. */
  private echo(name: string): ((bytes: Buffer) => void) | undefined {
    if (!this.verbose) return undefined;
    let rest = '';
    return (bytes) => {
      const lines = (rest + bytes.toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      for (const text of lines) line(this.io.stderr, `${name.padEnd(6)} | ${text}`);
    };
  }
}

function isPair(admin: Settings['firstAdmin']): admin is Credentials {
  return admin !== null && admin !== 'generate';
}

/** `bin/muster` of the installation that this file belongs to, whether built or not. */
function findLauncher(): string {
  for (
    let folder = dirname(fileURLToPath(import.meta.url));
    folder !== dirname(folder);
    folder = dirname(folder)
  ) {
    const launcher = join(folder, 'bin', 'muster');
    if (existsSync(launcher)) return launcher;
  }
  throw new CliError('bin/muster is not where this program is installed');
}
