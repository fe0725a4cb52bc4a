import { createInterface } from 'node:readline';
import { type Readable, type Writable } from 'node:stream';

/** What a program that drives a swarm may ask, one word per line on its standard input. */
export interface Commands {
  /** A line of numbers is wanted. */
  stats(): void;
  /** Counts and latencies are to begin at zero. */
  reset(): void;
  stop(): void;
}

/** Carries out commands as they come; `closed` is told when no more can come. */
export function listen(input: Readable, commands: Commands, closed: () => void): void {
  const lines = createInterface({ input });
  lines.on('line', (line) => {
    const word = line.trim();
    if (word === 'stats' || word === 'reset' || word === 'stop') commands[word]();
  });
  lines.once('close', closed);
  input.on('error', closed);
}

/** Writes one event as a line of JSON; resolves when it has left this process. */
export function tell(output: Writable, event: string, values: object): Promise<void> {
  return new Promise((resolve) => output.write(`${JSON.stringify({ event, ...values })}\n`, () => resolve()));
}
