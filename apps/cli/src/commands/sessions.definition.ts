import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Context } from '../connect.js';
import { example, seconds, server, signing, wholeNumber } from '../definition.js';
import { UsageError } from '../errors.js';
import { variable } from '../exec/command-options.js';
import { type ConnectOptions } from './connect.command.js';
import {
  type DownloadOptions,
  type GetSessionOptions,
  type ListSessionsOptions,
  type ReplayOptions,
  type RunSessionOptions,
  type SessionsOptions,
} from './sessions.command.js';

const SESSION = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

type Add = (program: Command, context: Context, done: (exitCode: number) => void) => void;

/**
 * `muster connect`, as it can be typed.
 * @param typed what was
 */
export function addConnect(
  program: Command,
  context: Context,
  done: (exitCode: number) => void,
  typed: readonly string[],
): void {
  signing(server(program.command('connect').description('run standard input through a connection')))
    .usage('[options] <connection> [-- client args…] < script')
    .argument('<connection>', 'its name or id')
    .argument('[args...]', "appended to the connection's command")
    .option('-e, --env <NAME=value>', 'a variable; may be given several times', variable)
    .option('--file <NAME=path>', 'a file of yours; NAME holds its path there', variable)
    .option('--metadata <key=value>', 'kept with the session; several times, too', variable)
    .option('--timeout <seconds>', 'stop it after so long', seconds)
    .option('--wait <seconds>', 'watch it for so long; 0: print its id', wholeNumber)
    .option('--follow-review', 'wait until it is approved, then run it')
    .option('--json', 'one JSON document, with the output, at the end')
    .addHelpText(
      'after',
      `${example("echo 'select now()' | muster connect orders-db", 'muster connect bash-prod -e LANG=C -- -x < check.sh')}
Exit code: the session's own; 75 it waits for approval, or goes on after --wait;
124 timed out, 125 did not run, was rejected, or outcome unknown, 126 not
executable, 127 not found, 130 killed, 128+n ended by signal n; 1 refused,
server or network, 2 usage.`,
    )
    .action(async (name: string, words: string[], options: ConnectOptions) => {
      const args = clientArgs(typed, words);
      const { connectTo } = await import('./connect.command.js');
      done(await connectTo(context, name, args, options));
    });
}

/** What stands behind `--`, so that no argument of the connection's command is taken for one of ours. */
function clientArgs(typed: readonly string[], words: readonly string[]): readonly string[] {
  const dashes = typed.indexOf('--');
  if (words.length > 0 && (dashes === -1 || typed.length - dashes - 1 !== words.length))
    throw new UsageError('client args stand behind --, after all options: muster connect bash-prod -- -x');
  return words;
}

/** `muster sessions …`, as it can be typed. */
export const addSessions: Add = (program, context, done) => {
  const code = () => import('./sessions.command.js');
  const sessions = program
    .command('sessions')
    .description('what ran through connections, or waits')
    .helpCommand(false)
    .addHelpText(
      'after',
      example('muster sessions list --connection orders-db', `muster sessions replay ${SESSION}`),
    );

  server(sessions.command('list', { isDefault: true }).description('the newest first'))
    .option('--connection <name>', 'through this connection only')
    .option('--user <user>', 'asked for by this one only: e-mail or id')
    .option('--since <time>', 'not older: 2026-01-31, 2026-01-31T12:00:00Z', time)
    .option('--until <time>', 'not newer', time)
    .option('--limit <number>', 'at most so many (default: 20)', wholeNumber)
    .option('--offset <number>', 'without so many of the newest', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster sessions list --connection orders-db'))
    .action(async (options: ListSessionsOptions) =>
      done(await (await code()).listSessions(context, options)),
    );

  server(sessions.command('get').description('what it was given, and how it went'))
    .argument('<session-id>')
    .option('--script', 'what it was given, and nothing else')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster sessions get ${SESSION}`))
    .action(async (id: string, options: GetSessionOptions) =>
      done(await (await code()).getSession(context, id, options)),
    );

  server(sessions.command('replay').description('show its output once more, as it came'))
    .argument('<session-id>')
    .option('--speed <number>', 'so many times as fast: 2, 0.5', speed)
    .option('--no-delay', 'all at once')
    .addHelpText('after', '\nOne that still runs is followed to its end.')
    .addHelpText('after', example(`muster sessions replay ${SESSION} --speed 4`))
    .action(async (id: string, options: ReplayOptions) =>
      done(await (await code()).replaySession(context, id, options)),
    );

  server(sessions.command('kill').description('end it, and wait until that is certain'))
    .argument('<session-id>')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster sessions kill ${SESSION}`))
    .action(async (id: string, options: SessionsOptions) =>
      done(await (await code()).killSession(context, id, options)),
    );

  server(sessions.command('run').description('run one that was approved'))
    .argument('<session-id>')
    .option('--wait <seconds>', 'watch it for so long; 0: print its id', wholeNumber)
    .option('--json', 'one JSON document, with the output, at the end')
    .addHelpText('after', example(`muster sessions run ${SESSION}`))
    .addHelpText('after', "Exit code: the session's, as with connect.")
    .action(async (id: string, options: RunSessionOptions) =>
      done(await (await code()).runSession(context, id, options)),
    );

  server(sessions.command('download').description('its output, or its script, as a file'))
    .argument('<session-id>')
    .addOption(
      new Option('--format <format>', 'csv: tabs become commas; json: events with times')
        .choices(['txt', 'csv', 'json', 'script'])
        .default('txt'),
    )
    .option('-o, --output <file>', 'where to (default: standard output)')
    .addHelpText('after', example(`muster sessions download ${SESSION} --format csv`))
    .action(async (id: string, options: DownloadOptions) =>
      done(await (await code()).downloadSession(context, id, options)),
    );
};

/** An option's value: a day or a moment. */
function time(value: string): string {
  const at = /^\d{4}-\d\d-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?$/.test(value) ? new Date(value) : new Date(NaN);
  if (Number.isNaN(at.getTime()))
    throw new InvalidArgumentError('a day or a moment is meant: 2026-01-31, 2026-01-31T12:00:00Z.');
  return at.toISOString();
}

/** An option's value. */
function speed(value: string): number {
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(value) || Number(value) === 0)
    throw new InvalidArgumentError('a number above 0 is meant: 2, 0.5.');
  return Number(value);
}
