import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { readEnvironment } from '../src/config/environment.js';
import { type Context } from '../src/connect.js';
import { run } from '../src/program.js';
import { type Io } from '../src/terminal/io.js';

/** A stream that keeps what it is given. */
export class Recorder extends Writable {
  isTTY = false;
  columns = 80;
  private readonly parts: Buffer[] = [];

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.parts.push(Buffer.from(chunk));
    this.emit('written');
    done();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.parts);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** Resolves as soon as it has been given `text`. */
  async until(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise((resolve) => this.once('written', resolve));
  }
}

/** A person with a terminal (or a program with pipes) and a home directory, who types `muster …`. */
export class Terminal {
  readonly home = mkdtempSync(join(tmpdir(), 'muster-cli-'));
  readonly configFile = join(this.home, '.config/muster/config.json');
  readonly signals = new EventEmitter();
  env: NodeJS.ProcessEnv = {};
  stdin = new PassThrough();
  stdout = new Recorder();
  stderr = new Recorder();

  /** @returns the exit code; what was written is in `stdout` and `stderr`, anew for each call */
  muster(...args: string[]): Promise<number> {
    this.stdout = new Recorder();
    this.stderr = new Recorder();
    return run(args, this.context(), '1.2.3');
  }

  /** The same on a terminal of 80 columns. */
  musterOnTty(...args: string[]): Promise<number> {
    this.stdout = new Recorder();
    this.stderr = new Recorder();
    this.stdout.isTTY = this.stderr.isTTY = true;
    return run(args, this.context(), '1.2.3');
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }

  private context(): Context {
    const io: Io = {
      stdin: this.stdin,
      stdout: this.stdout,
      stderr: this.stderr,
      signals: this.signals,
      color: false,
    };
    return { io, environment: readEnvironment({ HOME: this.home, ...this.env }) };
  }
}
