import { Command } from 'commander';
import { parseCommandLine, UsageError } from '../config/command-line.js';
import { OsqueryRunner } from '../tables/query/osquery-runner.js';
import { DEFAULT_LIMITS, type QueryOutcome, type Runner } from '../tables/query/query.js';
import { QueryRunner } from '../tables/query/runner.js';
import { jsonSink, lineSink, tableSink, type Output } from './sinks.js';

const EXIT_FAILED = 1;
const MEGABYTE = 1024 * 1024;

const EXAMPLE = `
Rows go to standard output, warnings and errors to standard error. Exit code: 0, 1 when the query failed, 2 for wrong usage.

Example:
  muster agent sql "select pid, name, resident_size from processes order by resident_size desc limit 5"`;

interface Flags {
  json?: true;
  line?: true;
  timeout: string;
  memory: string;
  rows: string;
  osquery?: string;
}

/**
 * `muster agent sql`: one query over this host's tables, without a server.
 * @param args after `agent sql`
 * @returns the exit code
 * @throws UsageError
 */
export async function runSqlCommand(args: readonly string[], output: Output): Promise<number> {
  const { sql, flags } = parse(args);
  const runner: Runner = flags.osquery === undefined ? new QueryRunner() : new OsqueryRunner(flags.osquery);
  const sink = flags.json ? jsonSink(output) : flags.line ? lineSink(output) : tableSink(output);
  try {
    const outcome = await runner.run(sql, sink, {
      milliseconds: positive(flags.timeout, '--timeout') * 1000,
      memoryBytes: positive(flags.memory, '--memory') * MEGABYTE,
      rows: positive(flags.rows, '--rows'),
    });
    await sink.end();
    return report(outcome, output);
  } finally {
    runner.close();
  }
}

function report({ error, stats }: QueryOutcome, output: Output): number {
  for (const warning of stats.warnings) output.error(`warning: ${warning}\n`);
  if (error === null) return 0;
  output.error(`muster agent sql: ${error}\n`);
  return EXIT_FAILED;
}

function parse(args: readonly string[]): { sql: string; flags: Flags } {
  const command = new Command('muster agent sql')
    .description("Asks this host's tables, as a live query would.")
    .argument('<query>', 'one SELECT, over the tables in docs/tables.md')
    .option('--json', 'a list of objects, every value a string')
    .option('--line', 'one line per column')
    .option('--timeout <seconds>', 'stop it after this long', String(DEFAULT_LIMITS.milliseconds / 1000))
    .option(
      '--memory <megabytes>',
      'stop it when it needs more',
      String(DEFAULT_LIMITS.memoryBytes / MEGABYTE),
    )
    .option('--rows <number>', 'stop it when it answers more', String(DEFAULT_LIMITS.rows))
    .option('--osquery <path>', 'ask this osqueryi or osqueryd instead')
    .addHelpText('after', EXAMPLE);
  parseCommandLine(command, args);
  return { sql: command.args[0] ?? '', flags: command.opts<Flags>() };
}

function positive(text: string, name: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0)
    throw new UsageError(`${name} "${text}" is no number above 0`);
  return value;
}
