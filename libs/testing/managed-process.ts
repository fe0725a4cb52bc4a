import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const repository = path.resolve(import.meta.dirname, '../..');

const STOP_WITHIN_MS = 20_000;

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** As whom to run something; only root may choose. */
export interface ProcessUser {
  uid: number;
  gid: number;
}

const cleanups: (() => Promise<void> | void)[] = [];

/** Something to do after the tests of this file, newest first, whatever happened before. */
export function atEnd(cleanup: () => Promise<void> | void): void {
  cleanups.push(cleanup);
}

/** Ends every process and removes every directory and database that the fixtures made. Runs by itself in jest. */
export async function cleanUp(): Promise<void> {
  const errors: unknown[] = [];
  for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) {
    try {
      await cleanup();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0)
    throw new AggregateError(errors, `clean-up failed: ${errors.map(String).join('; ')}`);
}

// Jest's hooks are global, and only there while a test file is loaded; benchmarks call cleanUp themselves.
if (typeof afterAll === 'function') afterAll(cleanUp);

/** A directory of one's own, removed at the end. */
export function temporaryDirectory(name: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), `muster-${name}-`));
  atEnd(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A program of ours in a process of its own that can be killed and started again; its output is kept. */
export class ManagedProcess {
  private child: ChildProcess;
  private output = '';
  private exit!: Promise<Exit>;
  private ended = false;

  constructor(
    private readonly args: string[],
    private readonly env: Record<string, string>,
    private readonly user?: ProcessUser,
    /** What stands before the command: `nsenter …`. */
    private readonly before: readonly string[] = [],
  ) {
    this.child = this.spawn();
    atEnd(async () => {
      await this.stop();
    });
  }

  get pid(): number {
    return this.child.pid ?? -1;
  }

  get running(): boolean {
    return !this.ended;
  }

  /** The end of the current run. */
  get exited(): Promise<Exit> {
    return this.exit;
  }

  /** What it wrote so far, over all its runs. */
  log(): string {
    return this.output;
  }

  /** Sends a signal; for SIGKILL and SIGTERM resolves when the process is gone. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.ended) return;
    this.child.kill(signal);
    if (signal === 'SIGKILL' || signal === 'SIGTERM') await this.exit;
  }

  /** Asks it to stop, as an operator would; one that does not is killed, and that is an error. */
  async stop(): Promise<Exit> {
    let late = false;
    const patience = setTimeout(() => {
      late = true;
      this.child.kill('SIGKILL');
    }, STOP_WITHIN_MS);
    await this.kill('SIGCONT'); // a test may have frozen it
    await this.kill('SIGTERM');
    clearTimeout(patience);
    if (late)
      throw new Error(`process ${this.pid} did not stop within ${STOP_WITHIN_MS} ms:\n${this.output}`);
    return this.exit;
  }

  /** Starts it again with the same arguments, after whatever ended it. */
  async respawn(): Promise<void> {
    if (!this.ended) await this.stop();
    this.child = this.spawn();
  }

  private spawn(): ChildProcess {
    this.ended = false;
    const command = [...this.before, process.execPath, path.join(repository, 'bin', 'muster'), ...this.args];
    const child = spawn(command[0] ?? '', command.slice(1), {
      cwd: repository,
      // The tests' own settings must not reach the program; `npm test` has built already.
      env: { ...withoutMuster(process.env), MUSTER_NO_BUILD: '1', MUSTER_EXIT_WITH_PARENT: '1', ...this.env },
      // The open standard input tells the program that we live.
      stdio: ['pipe', 'pipe', 'pipe'],
      ...this.user,
    });
    const keep = (chunk: Buffer) => {
      this.output += chunk.toString('utf8');
    };
    child.stdout.on('data', keep);
    child.stderr.on('data', keep);
    child.stdin.on('error', () => undefined); // it may be gone already
    this.exit = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.ended = true;
        resolve({ code, signal });
      };
      child.once('error', (error) => {
        this.output += `${error.message}\n`;
        end(null, null);
      });
      child.once('exit', end);
    });
    return child;
  }
}

function withoutMuster(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('MUSTER_') && name !== 'NODE_OPTIONS'),
  );
}
