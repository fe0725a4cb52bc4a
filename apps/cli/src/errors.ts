/** Exit codes of the commands; where one host is meant, `run-script` answers with the remote code instead. */
export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  /** It waits for somebody, or goes on without us: try later. */
  notYet: 75,
  timedOut: 124,
  notRun: 125,
  notExecutable: 126,
  notFound: 127,
  cancelled: 130,
} as const;

/** An end with one line for the person at the terminal. */
export class CliError extends Error {
  override readonly name: string = 'CliError';

  constructor(
    message: string,
    readonly exitCode: number = ExitCode.failure,
  ) {
    super(message);
  }
}

/** The command was called in a way that makes no sense. */
export class UsageError extends CliError {
  override readonly name = 'UsageError';

  constructor(message: string) {
    super(message, ExitCode.usage);
  }
}
