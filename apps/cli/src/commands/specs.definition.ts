import { type Command } from 'commander';
import { type Context } from '../connect.js';
import { collect, example, server } from '../definition.js';
import { type ApplyOptions } from './apply.command.js';
import { type GetOptions } from './get.command.js';

/** `muster apply` and `muster get`, as they can be typed: the fleet as files. */
export function addSpecs(program: Command, context: Context, done: (exitCode: number) => void): void {
  server(program.command('apply').description('make the fleet what YAML files say'))
    .requiredOption(
      '-f, --file <file>',
      'a file, a directory, or - for standard input; several times, too',
      collect,
    )
    .option('--dry-run', 'check everything, change nothing')
    .option('--force', 'keep agent options of teams that are not known')
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `${example('muster get queries --yaml > fleet/queries.yml', 'muster apply -f fleet --dry-run')}
Documents: query, label, pack, config, enroll_secret, team, policy,
script_instance, user_roles.
What files do not name stays. Exit code: 1 refused, with what was applied
before it; 2 the files are wrong, nothing was sent.`,
    )
    .action(async (options: ApplyOptions) => {
      const { apply } = await import('./apply.command.js');
      done(await apply(context, options));
    });

  server(program.command('get').description('the fleet as a table, or as files for apply'))
    .argument(
      '<kind>',
      'queries, labels, packs, policies, script_instances, teams, enroll_secrets, config, user_roles or hosts',
    )
    .argument('[name]', 'only this one; of a host: id, uuid or hostname')
    .option('--team <team>', 'queries, policies and hosts: of this team only')
    .option('--yaml', 'YAML documents, as apply takes them')
    .option('--json', 'the same as one JSON object per line')
    .addHelpText('after', example('muster get queries', 'muster get policies --team Web --yaml > web.yml'))
    .action(async (kind: string, name: string | undefined, options: GetOptions) => {
      const { get } = await import('./get.command.js');
      done(await get(context, kind, name, options));
    });
}
