import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Context } from '../connect.js';
import { collect, example, names, seconds, server, wholeNumber } from '../definition.js';
import {
  type FactsOptions,
  type HistoryOptions,
  type InstanceOptions,
  type ListInstancesOptions,
  type SaveInstanceOptions,
  type StartOptions,
} from './instances.command.js';

const STATES = ['running', 'terminating', 'finished', 'killed'];

/** `muster instances …`, `start`, `stop`, `history` and `facts`, as they can be typed. */
export function addInstances(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./instances.command.js');
  const instances = program
    .command('instances')
    .description('scripts with triggers of their own')
    .helpCommand(false)
    .addHelpText(
      'after',
      `\nAlso: muster start, stop SCRIPT INSTANCE; muster history; muster facts HOST.\n${example('muster instances list --host web-1', 'muster instances get backup nightly')}`,
    );

  server(instances.command('list', { isDefault: true }).description('each with its last run'))
    .option('--host <host>', 'those of this host: id, uuid or hostname')
    .option('--team <id>', 'of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster instances list --host web-1'))
    .action(async (options: ListInstancesOptions) =>
      done(await (await code()).listInstances(context, options)),
    );

  server(instances.command('get').description('one of them, as a document'))
    .argument('<script>', 'its name, with or without the extension')
    .argument('<instance>')
    .option('--team <id>', 'of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster instances get backup nightly'))
    .action(async (script: string, name: string, options: InstanceOptions) =>
      done(await (await code()).getInstance(context, script, name, options)),
    );

  server(instances.command('save').description('add one, or replace it as a whole'))
    .argument('<script>', 'its name, with or without the extension')
    .argument('<instance>', 'letters, digits, dot, dash, underscore')
    .option('--host <hosts>', 'for these hosts; with commas, or several times', names)
    .option('--label <labels>', 'for hosts with one of these labels', names)
    .option('--arg <arg>', 'argument for the script; several times, too', collect)
    .addOption(
      new Option('--start-xpath <expression>', 'start when it fires on the host').conflicts('schedule'),
    )
    .option('--stop-xpath <expression>', 'stop when it fires on the host')
    .option('--schedule <cron>', 'start by a cron line')
    .option('--timezone <zone>', "of the cron line (default: the host's)")
    .addOption(
      new Option('--missed <what>', 'about times the host was down (default: skip)').choices([
        'skip',
        'once',
        'all',
      ]),
    )
    .option('--timeout <seconds>', 'stop it after so long', seconds)
    .option('--disabled', 'its triggers start nothing')
    .option('--team <id>', 'of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      example(
        `muster instances save failover eth --host web-1 --start-xpath "/networking/eth0/state='down'"`,
        'muster instances save backup nightly --label db --schedule "30 4 * * *"',
      ),
    )
    .action(async (script: string, name: string, options: SaveInstanceOptions) =>
      done(await (await code()).saveInstance(context, script, name, options)),
    );

  server(instances.command('rm').description('delete one; what runs goes on'))
    .argument('<script>', 'its name, with or without the extension')
    .argument('<instance>')
    .option('--team <id>', 'of this team (default: of no team)', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster instances rm backup nightly'))
    .action(async (script: string, name: string, options: InstanceOptions) =>
      done(await (await code()).removeInstance(context, script, name, options)),
    );

  for (const what of ['start', 'stop'] as const) {
    server(program.command(what, { hidden: true }).description(`${what} a script instance`))
      .argument('<script>', 'its name, with or without the extension')
      .argument('<instance>')
      .option('--host <host>', 'on this host alone: id, uuid or hostname')
      .option('--team <id>', 'of this team (default: of no team)', wholeNumber)
      .option('--json', 'one JSON document')
      .addHelpText('after', example(`muster ${what} backup nightly --host web-1`))
      .action(async (script: string, instance: string, options: StartOptions) =>
        done(await (await code()).startOrStop(context, what, script, instance, options)),
      );
  }

  server(
    program.command('history', { hidden: true }).description('runs of script instances, the newest last'),
  )
    .option('--script <script>', 'of this script')
    .option('--instance <instances>', 'of these instances of it', names)
    .addOption(
      new Option('--state <state>', 'in this state; several times, too').argParser(
        (value, previous: string[] | undefined) => {
          if (!STATES.includes(value)) throw new InvalidArgumentError(`${STATES.join(', ')} are meant.`);
          return collect(value, previous);
        },
      ),
    )
    .option('--exit-code <codes>', 'with these exit codes: 0, -9', exitCodes)
    .option('--outdated', 'those of contents that have changed since, too')
    .option('--all-kinds', 'scripts, commands and sessions, too')
    .option('--host <host>', 'on this host: id, uuid or hostname')
    .option('--team <id>', 'the script is of this team (default: of none)', wholeNumber)
    .option('--limit <number>', 'at most so many (default: 20)', wholeNumber)
    .addOption(new Option('--before <id>', 'those before this one').argParser(wholeNumber).conflicts('after'))
    .option('--after <id>', 'those after this one', wholeNumber)
    .option('-f, --follow', 'go on with what comes')
    .option('--json', 'one JSON document; followed: one per line')
    .addHelpText(
      'after',
      example('muster history --script backup --state killed', 'muster history --host web-1 --follow'),
    )
    .action(async (options: HistoryOptions) => done(await (await code()).history(context, options)));

  server(program.command('facts', { hidden: true }).description("a host's tree of facts, to try triggers on"))
    .argument('<host>', 'id, uuid or hostname')
    .option('--xpath <expression>', 'what it selects, or says (default: the whole tree)')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster facts web-1 --xpath /networking/eth0'))
    .action(async (host: string, options: FactsOptions) =>
      done(await (await code()).facts(context, host, options)),
    );
}

function exitCodes(value: string, previous: number[] | undefined): number[] {
  const codes = value.split(',').map((code) => code.trim());
  if (!codes.every((code) => /^-?\d{1,10}$/.test(code)))
    throw new InvalidArgumentError('whole numbers are meant.');
  return [...(previous ?? []), ...codes.map(Number)];
}
