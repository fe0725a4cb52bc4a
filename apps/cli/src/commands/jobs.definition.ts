import { type Command, Option } from 'commander';
import { type Context } from '../connect.js';
import { example, server, wholeNumber } from '../definition.js';
import { shareOrNone } from '../exec/command-options.js';
import { type JobsOptions, type ListJobsOptions, type RetryJobOptions } from './jobs.command.js';
import { type ResumeOptions } from './resume.command.js';

const STATUSES = ['submitted', 'processing', 'completed', 'failed', 'partial_failure', 'skipped'];
const JOB = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';

/** `muster jobs …` and `muster resume`, as they can be typed. */
export function addJobs(program: Command, context: Context, done: (exitCode: number) => void): void {
  const code = () => import('./jobs.command.js');
  const jobs = program
    .command('jobs')
    .description('commands that ran, or will')
    .helpCommand(false)
    .addHelpText(
      'after',
      example('muster jobs list --status failed', `muster jobs retry ${JOB} --failed-only`),
    );

  server(jobs.command('list', { isDefault: true }).description('the newest first'))
    .addOption(new Option('--status <status>', 'of this status only').choices(STATUSES))
    .option('--limit <number>', 'at most so many (default: 10)', wholeNumber)
    .option('--offset <number>', 'without so many of the newest', wholeNumber)
    .option('--json', 'one JSON document')
    .addHelpText('after', example('muster jobs list --status failed'))
    .action(async (options: ListJobsOptions) => done(await (await code()).listJobs(context, options)));

  server(jobs.command('get').description('what it runs, and how it went on each host'))
    .argument('<job-id>')
    .option('--json', 'one JSON document, with the output')
    .addHelpText('after', example(`muster jobs get ${JOB}`))
    .action(async (id: string, options: JobsOptions) =>
      done(await (await code()).getJob(context, id, options)),
    );

  server(jobs.command('retry').description('once more, and print the id of the new job'))
    .argument('<job-id>')
    .option('--failed-only', 'only where it failed')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster jobs retry ${JOB} --failed-only`))
    .action(async (id: string, options: RetryJobOptions) =>
      done(await (await code()).retryJob(context, id, options)),
    );

  server(jobs.command('delete').description('take it out of the list'))
    .argument('<job-id>')
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster jobs delete ${JOB}`))
    .action(async (id: string, options: JobsOptions) =>
      done(await (await code()).deleteJob(context, id, options)),
    );

  server(program.command('resume').description('go on with an execution that was halted'))
    .argument('<execution-id>')
    .option('--max-failures <hosts>', 'halt again once more than so many failed: 2, 5%', shareOrNone)
    .option('--json', 'one JSON document')
    .addHelpText('after', example(`muster resume ${JOB}`))
    .action(async (id: string, options: ResumeOptions) => {
      const { resume } = await import('./resume.command.js');
      done(await resume(context, id, options));
    });
}
