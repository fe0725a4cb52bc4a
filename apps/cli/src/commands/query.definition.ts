import { type Command } from 'commander';
import { type Context } from '../connect.js';
import { example, names, seconds, server, signing, wholeNumber } from '../definition.js';
import { type QueryOptions } from './query.command.js';

/** `muster query`, as it can be typed. */
export function addQuery(program: Command, context: Context, done: (exitCode: number) => void): void {
  signing(server(program.command('query').description('ask hosts in SQL, now')))
    .argument('[sql]', 'what is asked; or --query-name')
    .option('--query-name <name>', 'a saved query instead')
    .option('--hosts <names>', 'hostname, uuid or id; a,b,c, as all lists here', names)
    .option('--labels <names>', 'hosts in one of these labels', names)
    .option('--teams <names>', 'hosts of one of these teams', names)
    .option('--all', 'every host')
    .option('--aggregate <sql>', 'show this over all answers, a table `results`')
    .option('--json', 'one JSON object per host and line')
    .option('--csv', 'comma-separated values')
    .option('--timeout <seconds>', 'end after so long, whoever has answered', seconds)
    .option('--exit', 'end when all online hosts answered (default)')
    .option('--wait-offline', 'wait for offline hosts too')
    .option('--host-seconds <seconds>', 'stop on a host after so long', seconds)
    .option('--host-rows <rows>', 'stop on a host after so many rows', wholeNumber)
    .addHelpText(
      'after',
      `${example(
        `muster query 'select version from os_version' --all \\`,
        `    --aggregate 'select version, count(*) n from results group by version'`,
      )}
Exit code: 0 who was online answered; 1 errors, no answers; 2 usage; 130 Ctrl-C.`,
    )
    .action(async (sql: string | undefined, options: QueryOptions) => {
      const { query } = await import('./query.command.js');
      done(await query(context, sql, options));
    });
}
