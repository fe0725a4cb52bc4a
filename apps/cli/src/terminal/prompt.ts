import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { CliError, ExitCode, UsageError } from '../errors.js';
import { type Io } from './io.js';

/**
 * Asks on the terminal; the question goes to stderr, so that output stays output.
 * @param instead the option that answers without asking
 * @param hidden shows nothing of what is typed
 */
export function ask(io: Io, question: string, instead: string, hidden = false): Promise<string> {
  if (io.stdin.isTTY !== true)
    throw new UsageError(`cannot ask for the ${question} without a terminal: use ${instead}`);
  let muted = false;
  const echo = new Writable({
    write(chunk: Buffer, _encoding, done): void {
      if (!muted) io.stderr.write(chunk);
      done();
    },
  });
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: io.stdin, output: echo, terminal: true });
    const leave = (): void => {
      io.stderr.write('\n');
      lines.close();
      reject(new CliError('given up', ExitCode.cancelled));
    };
    lines.once('SIGINT', leave);
    lines.once('close', leave);
    lines.question(`${capital(question)}: `, (answer) => {
      lines.off('close', leave);
      lines.close();
      if (hidden) io.stderr.write('\n');
      resolve(answer);
    });
    // The question itself is out by now; from here on nothing is shown.
    muted = hidden;
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
