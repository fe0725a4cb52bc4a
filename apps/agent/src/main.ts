import { settleDown } from './platform/lean.js';
import { UsageError } from './config/command-line.js';
import { readEnvironment } from './config/environment.js';
import { parseOptions, type AgentOptions } from './config/options.js';

/* Entry of `muster agent`; process.argv is [node, muster, 'agent', ...]. Everything heavy is loaded after the parse. */

function commandLine(): string[] {
  return process.argv.slice(process.argv[2] === 'agent' ? 3 : 2);
}

function readOptions(): AgentOptions {
  const args = commandLine();
  // Overwrites the command line: an enroll secret that was given on it leaves the process list.
  process.title = 'muster agent';
  return parseOptions(args, readEnvironment());
}

async function sql(args: readonly string[]): Promise<void> {
  const { runSqlCommand } = await import('./sql/sql-command.js');
  process.exitCode = await runSqlCommand(args, {
    write: (text) => new Promise((resolve) => process.stdout.write(text, () => resolve())),
    error: (text) => process.stderr.write(text),
    width: process.stdout.isTTY ? process.stdout.columns || 80 : null,
  });
}

async function facts(args: readonly string[]): Promise<void> {
  const { runFactsCommand } = await import('./instances/facts-command.js');
  process.exitCode = await runFactsCommand(args, {
    write: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  });
}

async function policy(args: readonly string[]): Promise<void> {
  const { runPolicyCommand } = await import('./policy/policy-command.js');
  process.exitCode = runPolicyCommand(args, {
    write: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
  });
}

async function main(): Promise<void> {
  const [word, ...rest] = commandLine();
  if (word === 'sql') return sql(rest);
  if (word === 'facts') return facts(rest);
  if (word === 'policy') return policy(rest);
  const options = readOptions();
  await import('reflect-metadata');
  const [{ Agent }, { createLogger }, { StateDirInUseError }, { PolicyFileError }] = await Promise.all([
    import('./agent.js'),
    import('./platform/logger.js'),
    import('./identity/lock.js'),
    import('./policy/policy-file.js'),
  ]);
  const log = createLogger(options.logLevel);
  const agent = await Agent.start(options, log).catch((error: unknown) => {
    if (error instanceof StateDirInUseError || error instanceof PolicyFileError)
      throw new UsageError(error.message);
    throw error;
  });
  settleDown();
  const stop = (reason: string): void => {
    void agent.stop(reason).then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop(name));
  if (options.exitWithParent) {
    process.stdin.on('end', () => stop('parent')).on('close', () => stop('parent'));
    process.stdin.on('error', () => stop('parent'));
    process.stdin.resume();
  }
}

main().catch((error: unknown) => {
  const code = error instanceof UsageError ? error.exitCode : 1;
  const message = error instanceof Error ? error.message : String(error);
  if (message !== '') process.stderr.write(`muster agent: ${message}\n`);
  process.exit(code);
});
