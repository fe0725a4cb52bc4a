import { type Command, Option } from 'commander';
import { type ConnectionOptions, type Context } from '../connect.js';
import { example, seconds, server } from '../definition.js';
import { type HostsOptions, type ReenrollOptions, type TransferOptions } from './hosts.command.js';

/** `hosts` alone lists; what is done with hosts are its own commands. */
export function addHosts(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./hosts.command.js');
  const hosts = server(program.command('hosts').description('the hosts and which of them are online'))
    // Its own options come before `transfer`, those of `transfer` after it.
    .enablePositionalOptions()
    .option('--team <team>', 'of this team only; none: of no team')
    .addOption(new Option('--status <status>', 'of this status only').choices(['online', 'offline']))
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      example(
        'muster hosts --status online --team Web',
        "muster hosts --json | jq '.hosts[].hostname'",
        'muster hosts transfer web-1 web-2 --team Web',
      ),
    )
    .action(async (options: HostsOptions) => done(await (await code()).hosts(context, options)));

  server(hosts.command('transfer').description('move hosts to a team: all of them, or none'))
    .argument('<host...>', 'id, uuid or hostname')
    .requiredOption('--team <team>', 'where to; none: to no team')
    .addHelpText('after', example('muster hosts transfer web-1 web-2 --team Web'))
    .action(async (names: string[], options: TransferOptions) =>
      done(await (await code()).transferHosts(context, names, options)),
    );

  server(hosts.command('drain').description('send nothing more to a host'))
    .argument('<host>', 'uuid or hostname')
    .addHelpText('after', example('muster hosts drain web-1'))
    .action(async (name: string, options: ConnectionOptions) =>
      done(await (await code()).drainHost(context, name, true, options)),
    );

  server(hosts.command('undrain').description('send to a host again'))
    .argument('<host>', 'uuid or hostname')
    .addHelpText('after', example('muster hosts undrain web-1'))
    .action(async (name: string, options: ConnectionOptions) =>
      done(await (await code()).drainHost(context, name, false, options)),
    );

  server(hosts.command('reenroll').description("let a machine that lost its host's key enroll again"))
    .argument('<host>', 'id, uuid or hostname')
    .option('--for <seconds>', 'how long it may (default: a day)', seconds)
    .option('--withdraw', 'allow it no longer')
    .addHelpText(
      'after',
      `${example('muster hosts reenroll web-1', 'muster hosts reenroll web-1 --for 3600')}
For a machine that was installed anew, or whose agent lost its state directory: it keeps
the host, and what waits for it. Once; whoever has an enroll secret and says that they
are this machine is let in, so look whether it is.`,
    )
    .action(async (name: string, options: ReenrollOptions) =>
      done(await (await code()).reenrollHost(context, name, options)),
    );
}
