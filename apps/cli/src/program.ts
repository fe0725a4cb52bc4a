import { Command, CommanderError } from 'commander';
import { addAudit } from './commands/audit.definition.js';
import { type CancelOptions } from './commands/cancel.command.js';
import { addConnections } from './commands/connections.definition.js';
import { addExec } from './commands/exec.definition.js';
import { addHosts } from './commands/hosts.definition.js';
import { addInstances } from './commands/instances.definition.js';
import { addJobs } from './commands/jobs.definition.js';
import { addKeys } from './commands/keys.definition.js';
import { type LoginOptions } from './commands/login.command.js';
import { type LogsOptions } from './commands/logs.command.js';
import { addQuery } from './commands/query.definition.js';
import { addReviews } from './commands/reviews.definition.js';
import { type RunScriptOptions } from './commands/run-script.command.js';
import { type GetScriptOptions, type ScriptsOptions } from './commands/scripts.command.js';
import { addConnect, addSessions } from './commands/sessions.definition.js';
import { addSpecs } from './commands/specs.definition.js';
import { type UpOptions } from './commands/up.command.js';
import { type WhoamiOptions } from './commands/whoami.command.js';
import { type ConnectionOptions, type Context } from './connect.js';
import { collect, example, seconds, server, signing, wholeNumber } from './definition.js';
import { CliError, ExitCode } from './errors.js';
import { line, printable, styled } from './terminal/io.js';

/*
 * What can be typed. Each command's code is loaded when it is called, so that none pays for the others.
 */

/** @returns the process's exit code */
export async function run(args: readonly string[], context: Context, version: string): Promise<number> {
  let exitCode: number = ExitCode.ok;
  const program = buildProgram(args, context, version, (code) => (exitCode = code));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    return tell(error, context);
  }
}

function tell(error: unknown, { io }: Context): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
  const text =
    error instanceof CliError
      ? error.message
      : `unexpected: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  const prefix = styled(io, io.stderr, 'red', 'muster:');
  line(io.stderr, `${prefix} ${error instanceof CliError ? printable(text) : text}`);
  return error instanceof CliError ? error.exitCode : ExitCode.failure;
}

function buildProgram(
  args: readonly string[],
  context: Context,
  version: string,
  done: (exitCode: number) => void,
): Command {
  const { io } = context;
  const program = new Command('muster')
    .description('Runs scripts on every host you own, and hears every answer.')
    .usage('<command> [--help], or --version')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'print this, or the help of a command')
    .helpCommand(false)
    // What stands behind a command is the command's own.
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text.replace(/^error: /, 'muster: ')),
      getOutHelpWidth: () => io.stdout.columns || 80,
      getErrHelpWidth: () => io.stderr.columns || 80,
    });

  program.commandsGroup('On the server, on a host:');
  // `server`, `agent` and `swarm` never come here: bin/muster starts them by itself. They are listed for the help.
  program
    .command('server')
    .description('the API server alone')
    .addHelpText('after', settingsHelp)
    .addHelpText(
      'after',
      example('MUSTER_HOST=0.0.0.0 MUSTER_DATABASE_URL=postgres://me@db/muster muster server'),
    );
  program
    .command('up')
    .description('database, server and an agent, right here')
    .option('--verbose', "print the server's and the agent's logs")
    .addHelpText('after', '\nCtrl-C stops everything. Settings: see `muster server --help`.')
    .addHelpText('after', example('muster up', 'MUSTER_PORT=9000 MUSTER_DATA_DIR=/var/lib/muster muster up'))
    .action(async (options: UpOptions) => {
      const { up } = await import('./commands/up.command.js');
      done(await up(context, options));
    });

  program.command('agent').description('the agent of this host; see its own --help');

  program.commandsGroup('Every day:');
  server(program.command('login').description('sign in and remember it'))
    .option('--email <email>', 'who signs in (default: ask)')
    .option('--password-stdin', 'read the password from standard input instead of asking')
    .addHelpText(
      'after',
      example(
        'muster login --url https://muster.example.com',
        'muster login --email me@example.com --password-stdin < file',
      ),
    )
    .action(async (options: LoginOptions) => {
      const { login } = await import('./commands/login.command.js');
      done(await login(context, options));
    });

  server(program.command('logout').description('sign out and forget the token'))
    .addHelpText('after', example('muster logout'))
    .action(async (options: ConnectionOptions) => {
      const { logout } = await import('./commands/logout.command.js');
      done(await logout(context, options));
    });

  server(program.command('whoami').description('who is signed in, where, and with which role'))
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster whoami'))
    .action(async (options: WhoamiOptions) => {
      const { whoami } = await import('./commands/whoami.command.js');
      done(await whoami(context, options));
    });

  addHosts(program, context, done);

  signing(server(program.command('run-script').description('run a script on a host, as if it ran here')))
    .argument('[script...]', 'the script itself, after --')
    .requiredOption('--host <host>', 'id, uuid or hostname')
    .option('--file <file>', 'the script as a file; - for standard input')
    .option('--contents <text>', 'the script as one argument')
    .option('--arg <arg>', 'argument for the script; may be given several times', collect)
    .option('--timeout <seconds>', 'stop it after so long', seconds)
    .option('--async', 'print the execution id and do not wait')
    .option('--json', 'one JSON document, with the output, when it has ended')
    .option('--quiet', 'the output and nothing else')
    .addHelpText(
      'after',
      `${example('muster run-script --host web-1 -- uptime', 'muster run-script --host web-1 --file deploy.sh --arg v2 --timeout 600')}
Exit code: the script's own; 124 timed out, 125 did not run or outcome unknown,
126 not executable, 127 not found, 130 cancelled or killed, 128+n ended by
signal n; 1 server or network, 2 usage.`,
    )
    .action(async (words: string[], options: RunScriptOptions) => {
      const { runScript } = await import('./commands/run-script.command.js');
      done(await runScript(context, words, options));
    });

  addExec(program, context, done, args);
  addConnect(program, context, done, args);
  addScripts(program, context, done);
  addQuery(program, context, done);
  addSpecs(program, context, done);

  addInstances(program, context, done);
  addJobs(program, context, done);
  addSessions(program, context, done);
  addReviews(program, context, done);
  addKeys(program, context, done);
  addConnections(program, context, done);
  addAudit(program, context, done);

  server(program.command('logs').description('the output of an execution'))
    .argument('<execution-id>')
    .option('-f, --follow', 'go on until it has ended')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster logs 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --follow'))
    .action(async (id: string, options: LogsOptions) => {
      const { logs } = await import('./commands/logs.command.js');
      done(await logs(context, id, options));
    });

  server(program.command('cancel').description('end an execution, or keep it from starting'))
    .argument('<execution-id>')
    .option('--host <host>', 'on this host only: id, uuid or hostname')
    .addHelpText('after', example('muster cancel 6f9619ff-8b86-4d01-b42d-00cf4fc964ff --host web-1'))
    .action(async (id: string, options: CancelOptions) => {
      const { cancel } = await import('./commands/cancel.command.js');
      done(await cancel(context, id, options));
    });

  program.addHelpText('after', example('muster login && muster exec --target web-1 -- uptime'));
  // Commands have much to say, and do so themselves: here their names are enough. Set last, so that none inherits it.
  program.configureHelp({ subcommandTerm: (command) => command.name(), visibleOptions: () => [] });
  return program;
}

/** `scripts` alone lists; what is done with one script are its own commands. */
function addScripts(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./commands/scripts.command.js');
  const scripts = server(program.command('scripts').description('the saved scripts'))
    .option('--team <id>', 'those of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster scripts --team 3', 'muster scripts add deploy.sh'))
    .action(async (options: ScriptsOptions) => done(await (await code()).listScripts(context, options)));

  // Options that `scripts` has too are taken by it, wherever they stand.
  server(scripts.command('add').description('save a script under the name of its file'))
    .argument('<file>', 'a text file that ends in .sh or .ps1')
    .option('--team <id>', 'for hosts of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster scripts add deploy.sh --team 3'))
    .action(async (file: string, _: ScriptsOptions, command: Command) =>
      done(await (await code()).addScript(context, file, command.optsWithGlobals())),
    );

  server(scripts.command('get').description('a saved script, or its contents'))
    .argument('<id>', 'as `muster scripts` shows it', wholeNumber)
    .option('--contents', 'its contents and nothing else')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster scripts get 12', 'muster scripts get 12 --contents > deploy.sh'))
    .action(async (id: number, _: GetScriptOptions, command: Command) =>
      done(await (await code()).getScript(context, id, command.optsWithGlobals())),
    );

  server(scripts.command('rm').description('delete a saved script; runs that wait are cancelled'))
    .argument('<id>', 'as `muster scripts` shows it', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster scripts rm 12'))
    .action(async (id: number, _: ScriptsOptions, command: Command) =>
      done(await (await code()).removeScript(context, id, command.optsWithGlobals())),
    );
}

const settingsHelp = `
Settings come from the environment:
  MUSTER_HOST, MUSTER_PORT         where it listens (127.0.0.1, 8420)
  MUSTER_DATA_DIR                  embedded database, keys, secrets (.muster)
  MUSTER_DATABASE_URL              PostgreSQL; unset: an embedded one
  MUSTER_ADMIN_EMAIL, _PASSWORD    the first admin; unset: POST /api/v1/setup
  MUSTER_ENROLL_SECRET             the first enroll secret; unset: generated
  MUSTER_SECRETS_KEY               key for secrets, base64; unset: generated
  MUSTER_SIGNING_KEY               the server's own key; unset: generated
  MUSTER_TLS_CERT, MUSTER_TLS_KEY  PEM files; set: HTTPS and WSS
  MUSTER_LOG_LEVEL                 error, warn, info, debug (info)`;
