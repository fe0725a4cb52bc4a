import { type Job, type JobHost } from '../api/command-shapes.js';
import { type ConnectionOptions, type Context, withApi } from '../connect.js';
import { ExitCode } from '../errors.js';
import { type Io, line, printable } from '../terminal/io.js';
import { type Column, renderTable } from '../terminal/table.js';

export interface JobsOptions extends ConnectionOptions {
  readonly json?: boolean;
}

export interface ListJobsOptions extends JobsOptions {
  readonly status?: string;
  readonly limit?: number;
  readonly offset?: number;
}

export interface RetryJobOptions extends JobsOptions {
  readonly failedOnly?: boolean;
}

const listColumns: readonly Column[] = [
  { title: 'ID' },
  { title: 'STATUS' },
  { title: 'CREATED', least: 10 },
  { title: 'TARGET', least: 6 },
  { title: 'COMMAND', least: 8 },
];

const hostColumns: readonly Column[] = [
  { title: 'HOST', least: 12 },
  { title: 'STATUS' },
  { title: 'EXIT' },
  { title: 'ERROR', least: 10 },
];

/** Newest first. */
export function listJobs(context: Context, options: ListJobsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const { io } = context;
    const { jobs, total, raw } = await api.commands.jobs(options);
    if (options.json) {
      line(io.stdout, JSON.stringify(raw, null, 2));
    } else if (jobs.length === 0) {
      line(io.stderr, total === 0 ? 'no job' : `no job there: there are ${total}`);
    } else {
      const rows = jobs.map(({ id, status, created, target, command }) => [
        id,
        status.replaceAll('_', ' '),
        created,
        target,
        command,
      ]);
      line(io.stdout, renderTable(io, listColumns, rows));
      if (total > jobs.length)
        line(io.stderr, `${jobs.length} of ${total}; --limit and --offset show others`);
    }
    return ExitCode.ok;
  });
}

export function getJob(context: Context, id: string, options: JobsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const job = await api.commands.job(id);
    if (options.json) line(context.io.stdout, JSON.stringify(job.raw, null, 2));
    else tellJob(context.io, job);
    return ExitCode.ok;
  });
}

function tellJob(io: Io, { id, status, created, target, command, error, hosts }: Job): void {
  line(
    io.stdout,
    printable(`${id}: ${status.replaceAll('_', ' ')}, asked for at ${created}${target && ` on ${target}`}`),
  );
  line(io.stdout, printable(command));
  if (error !== undefined) line(io.stdout, printable(error));
  if (hosts.length > 0) line(io.stdout, renderTable(io, hostColumns, hosts.map(hostRow)));
}

function hostRow({ hostname, status, exitCode, error }: JobHost): string[] {
  return [hostname, status, exitCode === undefined ? '' : String(exitCode), error ?? ''];
}

export function retryJob(context: Context, id: string, options: RetryJobOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    const jobId = await api.commands.retryJob(id, options.failedOnly === true);
    const text = options.json ? JSON.stringify({ job_id: jobId }, null, 2) : printable(jobId);
    line(context.io.stdout, text);
    return ExitCode.ok;
  });
}

export function deleteJob(context: Context, id: string, options: JobsOptions): Promise<number> {
  return withApi(context, options, async (api) => {
    await api.commands.deleteJob(id);
    line(context.io.stdout, options.json ? '{}' : printable(`deleted job ${id}`));
    return ExitCode.ok;
  });
}
