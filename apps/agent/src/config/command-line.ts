import { CommanderError, type Command } from 'commander';

/** Exit code for wrong usage. */
const EXIT_USAGE = 2;

/** Says in one line why the agent cannot start, or that it only had to print something. */
export class UsageError extends Error {
  constructor(
    message: string,
    readonly exitCode = EXIT_USAGE,
  ) {
    super(message);
  }
}

/**
 * Parses arguments with a command, which keeps what it found.
 * @param args without node and the command's own words
 * @throws UsageError; with exit code 0 and no message when help was asked for, which has been printed
 */
export function parseCommandLine(command: Command, args: readonly string[]): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) throw new UsageError('', 0);
    throw new UsageError(error.message.replace(/^error: /, ''));
  }
}
