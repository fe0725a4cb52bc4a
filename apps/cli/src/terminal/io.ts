import { type EventEmitter } from 'node:events';
import { type Readable, type Writable } from 'node:stream';
import { styleText } from 'node:util';
import { CliError, ExitCode } from '../errors.js';

type Style = Parameters<typeof styleText>[0];
type MaybeTty<T> = T & { isTTY?: boolean; columns?: number; rows?: number };

/** Where a command's words come from and go to: the process's own streams, or a test's. */
export interface Io {
  readonly stdin: MaybeTty<Readable>;
  readonly stdout: MaybeTty<Writable>;
  readonly stderr: MaybeTty<Writable>;
  /** Emits SIGINT, SIGTERM and SIGHUP. */
  readonly signals: Pick<EventEmitter, 'on' | 'off'>;
  readonly color: boolean;
}

export function processIo(color: boolean): Io {
  // `muster logs … | head`: the reader has left, and so do we, as a shell's own tools would.
  const leave = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE' || error.code === 'EIO') process.exit(ExitCode.failure);
    throw error;
  };
  process.stdout.on('error', leave);
  process.stderr.on('error', leave);
  return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, signals: process, color };
}

/** Waits while the reader is slower than we are, so that nothing piles up in memory. */
export function write(stream: Writable, data: string | Uint8Array): Promise<void> {
  if (stream.write(data)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const settle = (error?: Error): void => {
      stream.off('drain', settle).off('error', settle).off('close', settle);
      if (error) reject(error);
      else resolve();
    };
    stream.on('drain', settle).on('error', settle).on('close', settle);
  });
}

export function line(stream: Writable, text = ''): void {
  stream.write(`${text}\n`);
}

export function styled(io: Io, stream: MaybeTty<Writable>, style: Style, text: string): string {
  return io.color && stream.isTTY ? styleText(style, text) : text;
}

/** Names and messages come from hosts and servers; what they hold must not steer the terminal. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are the point
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '�');
}

/** Everything that a pipe brings, as text. */
export async function readAllText(stream: Readable): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of stream) parts.push(Buffer.from(part as Buffer | string));
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(parts));
}

/** Standard input as text. @throws CliError where it is none */
export async function readStdin(io: Io): Promise<string> {
  try {
    return await readAllText(io.stdin);
  } catch (error) {
    const { code = 'error' } = error as NodeJS.ErrnoException;
    if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') throw new CliError('standard input is not UTF-8 text');
    throw new CliError(`cannot read standard input (${code})`);
  }
}
