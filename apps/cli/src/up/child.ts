import { type ChildProcess, spawn } from 'node:child_process';
import { writeSync } from 'node:fs';
import { type LogFile } from './log-file.js';

export interface ChildOptions {
  /** Arguments for this very Node. */
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly log: LogFile;
  /** Given each piece of its output, besides the log. */
  readonly echo?: (bytes: Buffer) => void;
}

export interface ChildEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Set when it could not be started at all. */
  readonly error?: Error;
}

/**
 * The server or the agent as a child: in its own process group, so that Ctrl-C reaches `up` alone and the order of
 * stopping is ours; with a pipe as its standard input, whose end tells it that `up` is gone, however that went.
 */
export class Child {
  readonly ended: Promise<ChildEnd>;
  private readonly process: ChildProcess;
  private over = false;

  constructor(options: ChildOptions) {
    options.log.mark();
    const output = options.echo ? 'pipe' : options.log.descriptor;
    this.process = spawn(process.execPath, options.args, {
      env: { ...options.env, MUSTER_EXIT_WITH_PARENT: '1' },
      stdio: ['pipe', output, output],
      detached: true,
    });
    for (const stream of [this.process.stdout, this.process.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        writeSync(options.log.descriptor, bytes);
        options.echo?.(bytes);
      });
    }
    // It may be gone before the pipe is; that is told by its end.
    this.process.stdin?.on('error', () => undefined);
    this.ended = new Promise((resolve) => {
      const end = (value: ChildEnd): void => {
        this.over = true;
        resolve(value);
      };
      this.process.once('error', (error) => {
        if (this.process.pid === undefined) end({ code: null, signal: null, error });
      });
      // Not `close`: a process that outlives it may hold its output open.
      this.process.once('exit', (code, signal) => end({ code, signal }));
    });
  }

  /** TERM, then KILL to its whole group after `graceMs` or when `hurry` aborts. */
  async stop(graceMs: number, hurry: AbortSignal): Promise<void> {
    if (this.over) return;
    this.process.kill('SIGTERM');
    const kill = (): void => this.killGroup();
    const timer = setTimeout(kill, graceMs);
    hurry.addEventListener('abort', kill, { once: true });
    if (hurry.aborted) kill();
    await this.ended;
    clearTimeout(timer);
    hurry.removeEventListener('abort', kill);
  }

  private killGroup(): void {
    const { pid } = this.process;
    if (this.over || pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      this.process.kill('SIGKILL');
    }
  }
}

export function describeEnd({ code, signal, error }: ChildEnd): string {
  if (error) return `could not be started (${error.message})`;
  return signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
}
