import { boolean, list, number, optional, record, string } from './read.js';

/*
 * The parts of answers about commands and jobs that the commands here look at; `raw` as in shapes.ts.
 */

type Raw = Record<string, unknown>;

/** A command that was asked for. */
export interface StartedCommand {
  /** The execution's id. */
  jobId: string;
  raw: Raw;
}

export function readStartedCommand(value: unknown, at: string): StartedCommand {
  const raw = record(value, at);
  return { jobId: string(raw['job_id'], `${at}.job_id`), raw };
}

export interface PreviewedHost {
  id: number;
  uuid: string;
  hostname: string;
  online: boolean;
  allowed: boolean;
  /** What refuses it, for people. */
  rule: string | undefined;
}

/** Who would run something. */
export interface Preview {
  hosts: PreviewedHost[];
  /** Names the hosts that would run it: another set has another one. */
  digest: string;
  raw: Raw;
}

function readPreviewedHost(value: unknown, at: string): PreviewedHost {
  const raw = record(value, at);
  return {
    id: number(raw['id'], `${at}.id`),
    uuid: optional(raw['uuid'], string, `${at}.uuid`) ?? '',
    hostname: string(raw['hostname'], `${at}.hostname`),
    online: boolean(raw['online'], `${at}.online`),
    allowed: boolean(raw['allowed'], `${at}.allowed`),
    rule: optional(raw['rule'], string, `${at}.rule`) || undefined,
  };
}

export function readPreview(value: unknown, at: string): Preview {
  const raw = record(value, at);
  return {
    hosts: list(raw['hosts'], readPreviewedHost, `${at}.hosts`),
    digest: string(raw['digest'], `${at}.digest`),
    raw,
  };
}

/** How a job went on one host. */
export interface JobHost {
  hostname: string;
  status: string;
  exitCode: number | undefined;
  error: string | undefined;
}

export interface Job {
  id: string;
  status: string;
  created: string;
  /** What it was asked for; empty: the server does not say. */
  target: string;
  /** What it runs, as one line. */
  command: string;
  error: string | undefined;
  /** Empty in lists. */
  hosts: JobHost[];
  raw: Raw;
}

export function readJob(value: unknown, at: string): Job {
  const raw = record(value, at);
  const operation = optional(raw['operation'], record, `${at}.operation`) ?? {};
  const data = optional(operation['data'], record, `${at}.operation.data`) ?? {};
  const args =
    optional(data['args'], (v, where) => list(v, string, where), `${at}.operation.data.args`) ?? [];
  const responses = optional(raw['responses'], record, `${at}.responses`) ?? {};
  // Who has not answered yet stands among the states alone.
  const states = optional(raw['agent_states'], record, `${at}.agent_states`) ?? {};
  const hosts = { ...states, ...responses };
  return {
    id: string(raw['id'], `${at}.id`),
    status: string(raw['status'], `${at}.status`),
    created: optional(raw['created'], string, `${at}.created`) ?? '',
    target: optional(raw['target'], string, `${at}.target`) ?? '',
    command: [optional(data['command'], string, `${at}.operation.data.command`) ?? '', ...args].join(' '),
    error: optional(raw['error'], string, `${at}.error`) || undefined,
    hosts: Object.entries(hosts).map(([name, each]) => readJobHost(name, each, `${at} of ${name}`)),
    raw,
  };
}

function readJobHost(name: string, value: unknown, at: string): JobHost {
  const raw = record(value, at);
  // Without a result there is no data.
  const data = optional(raw['data'], record, `${at}.data`) ?? {};
  return {
    hostname: optional(raw['hostname'], string, `${at}.hostname`) || name,
    status: optional(raw['status'], string, `${at}.status`) ?? '',
    exitCode: optional(data['exit_code'], number, `${at}.data.exit_code`),
    error: optional(raw['error'], string, `${at}.error`) || undefined,
  };
}

export interface JobList {
  jobs: Job[];
  total: number;
  raw: Raw;
}

export function readJobList(value: unknown, at: string): JobList {
  const raw = record(value, at);
  return {
    jobs: list(raw['items'] ?? [], readJob, `${at}.items`),
    total: number(raw['total_items'], `${at}.total_items`),
    raw,
  };
}
