import { type Command } from 'commander';
import { type Context } from '../connect.js';
import { collect, example, server } from '../definition.js';
import {
  type ApplyConnectionsOptions,
  type ConnectionsOptions,
  type GetConnectionOptions,
  type ListConnectionsOptions,
} from './connections.command.js';

/** `muster connections …`, as it can be typed. */
export function addConnections(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./connections.command.js');
  const connections = program
    .command('connections')
    .description('recipes for sessions')
    .helpCommand(false)
    .addHelpText('after', example('muster connections list', 'muster connections apply -f orders-db.yml'));

  server(connections.command('list', { isDefault: true }).description('those that you may see'))
    .option('--search <text>', 'with it in name or type')
    .option('--type <type>', 'of this type only: custom, database, application')
    .option('--agent <agent>', 'of this host, label or selector only')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster connections list --search orders'))
    .action(async (options: ListConnectionsOptions) =>
      done(await (await code()).listConnections(context, options)),
    );

  server(connections.command('get').description('what it says; of secrets their names'))
    .argument('<name>', 'or id')
    .option('--yaml', 'a document that apply takes; secrets stay as they are')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster connections get orders-db --yaml > orders-db.yml'))
    .action(async (name: string, options: GetConnectionOptions) =>
      done(await (await code()).getConnection(context, name, options)),
    );

  server(connections.command('apply').description('make connections what YAML or JSON files say'))
    .requiredOption(
      '-f, --file <file>',
      'a file, a directory, or - for standard input; several times, too',
      collect,
    )
    .option('--dry-run', 'read and check the files, send nothing')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `${example('PGPW=… muster connections apply -f orders-db.yml')}
  name: orders-db
  type: database
  subtype: postgres
  agent_id: db-1              # hostname, id, key:value or a selector
  env: { HOST: 127.0.0.1, USER: orders, DB: orders }
  secret:
    envvar:PASS: { env: PGPW }                  # a variable here
    filesystem:PGSSLROOTCERT: { file: ca.pem }  # beside this file
  reviewers: [dba]
What is left out has its default; secrets that are left out stay, null removes
one. Exit code: 1 refused, what stands before it was applied; 2 files are wrong.`,
    )
    .action(async (options: ApplyConnectionsOptions) =>
      done(await (await code()).applyConnections(context, options)),
    );

  server(connections.command('delete').description('delete it and its secrets'))
    .argument('<name>', 'or id')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster connections delete orders-db'))
    .action(async (name: string, options: ConnectionsOptions) =>
      done(await (await code()).deleteConnection(context, name, options)),
    );

  server(connections.command('test').description('whether a session through it would work'))
    .argument('<name>', 'or id')
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster connections test orders-db'))
    .action(async (name: string, options: ConnectionsOptions) =>
      done(await (await code()).testConnection(context, name, options)),
    );
}
