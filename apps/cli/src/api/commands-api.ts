import { randomUUID } from 'node:crypto';
import { type SignedStatement } from '#libs/protocol/index';
import { type HttpClient, UnreachableError } from '../http/http-client.js';
import {
  type Job,
  type JobList,
  type Preview,
  readJob,
  readJobList,
  readPreview,
  readStartedCommand,
  type StartedCommand,
} from './command-shapes.js';
import { readAnswer, record, string } from './read.js';

/** A number of hosts, or a share of them such as `10%`. */
export type Share = number | string;

/** A command for the hosts that `target` stands for. */
export interface CommandRequest {
  readonly target: string;
  /** A shell's line; otherwise a program and its arguments. */
  readonly shell: boolean;
  readonly command: string;
  readonly args?: readonly string[];
  readonly cwd?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly user?: string;
  readonly queue?: boolean;
  /** Seconds. */
  readonly expiresIn?: number;
  readonly batch?: Share;
  readonly ramp?: readonly Share[];
  readonly maxFailures?: Share;
  /** Seconds. */
  readonly pauseBetween?: number;
  /** A preview's: refused where other hosts would run it by now. */
  readonly digest?: string;
  readonly statement?: SignedStatement;
}

export interface JobFilter {
  readonly status?: string;
  readonly limit?: number;
  readonly offset?: number;
}

/** The server resolves the hosts and queues the command on each before it answers: thousands of them take a moment. */
const START_TIMEOUT_MS = 120_000;

const node = '/api/node';
const job = '/api/job';

/** The parts of the API that run commands on hosts, in osapi's dialect. */
export class CommandsApi {
  constructor(private readonly http: HttpClient) {}

  /** Does not wait for hosts. Whatever becomes of the connection, it starts once. */
  async start(request: CommandRequest): Promise<StartedCommand> {
    const { target, shell, command, args } = request;
    const path = `${node}/${encodeURIComponent(target)}/command/${shell ? 'shell' : 'exec'}`;
    const call = {
      body: {
        command,
        args: shell || !args?.length ? undefined : args,
        cwd: request.cwd,
        timeout: request.timeout,
        env: request.env,
        stdin: request.stdin,
        user: request.user,
        queue: request.queue,
        expires_in: request.expiresIn,
        batch: request.batch,
        ramp: request.ramp,
        max_failures: request.maxFailures,
        pause_between: request.pauseBetween,
        preview: request.digest,
        statement: request.statement,
        wait: 0,
      },
      headers: { 'idempotency-key': randomUUID() },
      timeoutMs: START_TIMEOUT_MS,
    };
    let answer: unknown;
    try {
      answer = await this.http.json('POST', path, call);
    } catch (error) {
      // The request may have arrived, its answer not: the key makes a second one harmless.
      if (!(error instanceof UnreachableError)) throw error;
      answer = await this.http.json('POST', path, call);
    }
    return this.read(() => readStartedCommand(answer, 'answer'));
  }

  /** Who would run it; nothing is run. */
  async preview({ target, shell, command, args = [] }: CommandRequest): Promise<Preview> {
    const answer = await this.http.json('POST', '/api/v1/targets/preview', {
      body: {
        target,
        kind: shell ? 'shell' : 'command',
        command: shell ? command : [command, ...args],
      },
      timeoutMs: START_TIMEOUT_MS,
    });
    return this.read(() => readPreview(answer, 'preview'));
  }

  /** Whom a live query would ask; nothing is asked. */
  async previewQuery(selected: {
    readonly hosts: readonly number[];
    readonly labels: readonly number[];
    readonly teams: readonly number[];
  }): Promise<Preview> {
    const answer = await this.http.json('POST', '/api/v1/targets/preview', {
      body: { selected, kind: 'query' },
      timeoutMs: START_TIMEOUT_MS,
    });
    return this.read(() => readPreview(answer, 'preview'));
  }

  /** Newest first. */
  async jobs({ status, limit, offset }: JobFilter): Promise<JobList> {
    const query = { status, limit: limit?.toString(), offset: offset?.toString() };
    const answer = await this.http.json('GET', job, { query });
    return this.read(() => readJobList(answer, 'answer'));
  }

  async job(id: string): Promise<Job> {
    const answer = await this.http.json('GET', `${job}/${encodeURIComponent(id)}`);
    return this.read(() => readJob(answer, 'job'));
  }

  /** Once more, on the same hosts or on those where it failed. @returns the new job's id */
  async retryJob(id: string, failedOnly: boolean): Promise<string> {
    const answer = await this.http.json('POST', `${job}/${encodeURIComponent(id)}/retry`, {
      body: failedOnly ? { failed_only: true } : {},
    });
    return this.read(() => string(record(answer, 'answer')['job_id'], 'job_id'));
  }

  async deleteJob(id: string): Promise<void> {
    await this.http.json('DELETE', `${job}/${encodeURIComponent(id)}`);
  }

  /** Sends nothing more to a host, or does so again. @returns what the server says about it */
  async drain(host: string, on: boolean): Promise<string> {
    const answer = await this.http.json(
      'POST',
      `/api/agent/${encodeURIComponent(host)}/${on ? 'drain' : 'undrain'}`,
    );
    return this.read(() => string(record(answer, 'answer')['message'], 'message'));
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.http.url, reading);
  }
}
