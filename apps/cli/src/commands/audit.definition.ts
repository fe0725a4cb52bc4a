import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ConnectionOptions, type Context } from '../connect.js';
import { collect, example, server, wholeNumber } from '../definition.js';
import { type AuditListOptions, type AuditExportOptions, type AuditVerifyOptions } from './audit.command.js';

/** `muster audit …`, as it can be typed. */
export function addAudit(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./audit.command.js');
  const audit = program
    .command('audit')
    .description('who did what; whether the record is whole')
    .helpCommand(false)
    .addHelpText('after', example('muster audit list --user me@example.com', 'muster audit verify'));

  server(audit.command('list', { isDefault: true }).description('the newest first'))
    .option('--user <email>', 'what this user did')
    .option('--host <id>', 'what was done to this host', wholeNumber)
    .option('--act <act>', 'such as ran_script')
    .addOption(new Option('--outcome <outcome>', 'how it went').choices(['done', 'denied', 'failed']))
    .option('--execution <id>', 'what was about this execution')
    .option('--since <time>', 'at or after this time (ISO 8601)')
    .option('--until <time>', 'before this time')
    .option('--limit <number>', 'at most so many (default: 50)', wholeNumber)
    .option('--json', 'newline JSON, one row a line')
    .addHelpText('after', example('muster audit list --outcome denied --since 2026-01-31'))
    .action(async (options: AuditListOptions) => done(await (await code()).listAudit(context, options)));

  server(audit.command('verify').description('compare all of it with its seals; name the first bad row'))
    .option('--from <file>', 'an export instead of the server; - for standard input')
    .option('--public-key <key>', 'trust this key (or a file with it); several times, too', collect)
    .option('--head <seal:digest>', 'a place that must be in it, from `audit head`', place)
    .option('--json', 'one JSON document')
    .addHelpText(
      'after',
      `${example('muster audit verify', 'muster audit verify --from audit.ndjson --public-key "$KEY"')}
Without --public-key an export is compared with the keys of the server that you
are signed in to. Exit code: 0 all is as it was sealed; 1 it is not; 2 usage.`,
    )
    .action(async (options: AuditVerifyOptions) => done(await (await code()).verifyAudit(context, options)));

  server(audit.command('export').description('the record with its seals, as newline JSON'))
    .option('--after <seal>', 'only what was sealed after this seal', wholeNumber)
    .option('--output <file>', 'write it there (default: standard output)')
    .addHelpText('after', example('muster audit export > audit.ndjson', 'muster audit export --after 57'))
    .action(async (options: AuditExportOptions) => done(await (await code()).exportAudit(context, options)));

  server(audit.command('head').description('where it ends, to be noted elsewhere; and the keys'))
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster audit head'))
    .action(async (options: ConnectionOptions & { json?: boolean }) =>
      done(await (await code()).auditHead(context, options)),
    );
}

function place(value: string): string {
  if (!/^\d{1,15}:[0-9a-f]{64}$/.test(value))
    throw new InvalidArgumentError('the number of a seal and its digest are meant: 57:3f2a…');
  return value;
}
