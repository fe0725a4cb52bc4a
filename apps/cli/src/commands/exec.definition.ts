import { type Command } from 'commander';
import { type Context } from '../connect.js';
import { example, seconds, server, signing } from '../definition.js';
import { behindDashes, share, shareOrNone, shares, variable } from '../exec/command-options.js';
import { type ExecOptions } from './exec.command.js';

/**
 * `muster exec`, as it can be typed.
 * @param typed what was
 */
export function addExec(
  program: Command,
  context: Context,
  done: (exitCode: number) => void,
  typed: readonly string[],
): void {
  signing(server(program.command('exec').description('run a command on one host, or on many')))
    .usage('--target <hosts> [options] -- command [args…]')
    .argument('[command...]')
    .requiredOption('--target <hosts>', 'hostname, id, _any, _all, key:value or a selector')
    .option('--shell', "what stands behind -- is a shell's line")
    .option('--batch <hosts>', 'on so many at a time: 20, 10%', share)
    .option('--ramp <list>', 'first on few: 1,5%,25%,100%', shares)
    .option('--max-failures <hosts>', 'halt once more than so many failed: 2, 5%', shareOrNone)
    .option('--pause-between <seconds>', 'rest between two waves', seconds)
    .option('--timeout <seconds>', 'stop it on a host after so long (default: 30)', seconds)
    .option('--cwd <directory>', 'where it runs')
    .option('--env <KEY=value>', 'a variable; may be given several times', variable)
    .option('--user <name>', 'as whom it runs')
    .option('--stdin', 'give it our standard input')
    .option('--queue', 'offline hosts run it when they are back')
    .option('--expires-in <seconds>', 'what has not begun by then never does', seconds)
    .option('--preview', 'show who would run it, and run nothing')
    .option('--digest <digest>', 'only on the very hosts that a preview showed')
    .option('--async', "print the execution's id and do not wait")
    .option('--json', 'one JSON document, with the output, at the end')
    .addHelpText('after', example('muster exec --target group:web --batch 10% --max-failures 2 -- uptime'))
    .addHelpText('after', "Exit code: the worst host's, as with run-script; 1 halted.")
    .action(async (words: string[], options: ExecOptions) => {
      const command = behindDashes(typed, words);
      const { exec } = await import('./exec.command.js');
      done(await exec(context, command, options));
    });
}
