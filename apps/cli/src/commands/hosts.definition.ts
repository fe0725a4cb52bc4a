import { type Command, Option } from 'commander';
import { type ConnectionOptions, type Context } from '../connect.js';
import { example, server } from '../definition.js';
import { type HostsOptions, type TransferOptions } from './hosts.command.js';

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
}
