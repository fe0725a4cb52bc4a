import { type Command } from 'commander';
import { type Context } from '../connect.js';
import { example, server, statementDigest } from '../definition.js';
import { type SigningOptions } from '../signing/options.js';
import { type AddKeyOptions, type KeysOptions } from './keys.command.js';

/** `muster keys …`, as it can be typed. */
export function addKeys(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./keys.command.js');
  const keys = program
    .command('keys')
    .description('keys to sign with what hosts are to run')
    .helpCommand(false)
    .addHelpText(
      'after',
      example('muster keys add laptop', 'muster exec --target web-1 --sign laptop -- uptime'),
    );

  server(keys.command('list', { isDefault: true }).description('your own; for administrators all'))
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster keys list'))
    .action(async (options: KeysOptions) => done(await (await code()).listKeys(context, options)));

  server(keys.command('add').description('make a key, and register its public half'))
    .argument('<name>', 'what to call it')
    .option('--file <file>', 'take this private key (PEM, Ed25519) instead of a new one')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nThe private half stays in ~/.config/muster/keys, for you alone (0600).')
    .addHelpText('after', example('muster keys add laptop'))
    .action(async (name: string, options: AddKeyOptions) =>
      done(await (await code()).addKey(context, name, options)),
    );

  server(keys.command('show').description('one key'))
    .argument('<key>', 'name or id')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster keys show laptop'))
    .action(async (key: string, options: KeysOptions) =>
      done(await (await code()).showKey(context, key, options)),
    );

  keys
    .command('sign')
    .description('sign, too, what somebody else has signed into a file')
    .argument('<file>', 'as --sign-to has written it')
    .option('--sign <key>', 'with this key (default: the only one)')
    .addOption(statementDigest())
    .addHelpText('after', '\nShows all that would run, asks, and adds a signature; no server is asked.')
    .addHelpText(
      'after',
      example(
        'muster exec --target web-1 --sign-to job.json -- systemctl restart db',
        'muster keys sign job.json',
        'muster exec --target web-1 --signed job.json -- systemctl restart db',
      ),
    )
    .action(async (file: string, options: SigningOptions) =>
      done(await (await code()).signFile(context, file, options)),
    );

  server(keys.command('revoke').description('have the server take no more signatures of it'))
    .argument('<key>', 'name or id')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nHosts believe what their own policy names: take it out there, too.')
    .addHelpText('after', example('muster keys revoke laptop'))
    .action(async (key: string, options: KeysOptions) =>
      done(await (await code()).revokeKey(context, key, options)),
    );
}
