import { randomUUID } from 'node:crypto';
import { type IncomingMessage } from 'node:http';
import { type SignedStatement } from '#libs/protocol/index';
import { type HttpClient, UnreachableError } from '../http/http-client.js';
import { readAnswer, record, string } from './read.js';
import {
  readSession,
  readSessionList,
  readStartedSession,
  type Session,
  type SessionList,
  type StartedSession,
} from './session-shapes.js';

/** A session through a connection. */
export interface SessionRequest {
  readonly connection: string;
  /** Its standard input. */
  readonly script: string;
  /** Appended to the connection's command. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Each becomes a file there, whose path its variable holds. */
  readonly files?: Readonly<Record<string, Buffer>>;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Seconds. */
  readonly timeout?: number;
  /** What people have signed of it. */
  readonly statement?: SignedStatement;
}

export interface SessionFilter {
  readonly connection?: string;
  /** E-mail or id. */
  readonly user?: string;
  /** RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly offset?: number;
}

const sessions = '/api/sessions';
const path = (id: string): string => `${sessions}/${encodeURIComponent(id)}`;

/** The server waits up to 30 s for the end's confirmation. */
const KILL_TIMEOUT_MS = 60_000;

export class SessionsApi {
  constructor(private readonly http: HttpClient) {}

  get url(): string {
    return this.http.url;
  }

  /** Does not wait for its end. */
  async start(request: SessionRequest): Promise<StartedSession> {
    const call = {
      body: bodyOf(request),
      query: { wait: '0' },
      headers: { 'idempotency-key': randomUUID() },
    };
    let answer: unknown;
    try {
      answer = await this.http.json('POST', sessions, call);
    } catch (error) {
      // The request may have arrived, its answer not: the key makes a second one harmless.
      if (!(error instanceof UnreachableError)) throw error;
      answer = await this.http.json('POST', sessions, call);
    }
    return this.read(() => readStartedSession(answer, 'answer'));
  }

  /** All that would run, in the words of statements, as it came; nothing is started. */
  async statement(request: SessionRequest): Promise<Record<string, unknown>> {
    const answer = await this.http.json('POST', `${sessions}/statement`, { body: bodyOf(request) });
    return this.read(() => record(answer, 'statement'));
  }

  /** Runs one that is approved; does not wait for its end. */
  async run(id: string): Promise<void> {
    await this.http.json('POST', `${path(id)}/exec`, { query: { wait: '0' } });
  }

  async get(id: string, signal?: AbortSignal): Promise<Session> {
    const answer = await this.http.json('GET', path(id), { signal });
    return this.read(() => readSession(answer, 'session'));
  }

  /** Newest first. */
  async list({ connection, user, since, until, limit, offset }: SessionFilter): Promise<SessionList> {
    const query = {
      connection,
      user,
      start_date: since,
      end_date: until,
      limit: limit?.toString(),
      offset: offset?.toString(),
    };
    const answer = await this.http.json('GET', sessions, { query });
    return this.read(() => readSessionList(answer, 'answer'));
  }

  /** @returns whether its end is confirmed; an agent that is away confirms it later */
  async kill(id: string): Promise<boolean> {
    const response = await this.http.send('POST', `${path(id)}/kill`, { timeoutMs: KILL_TIMEOUT_MS });
    response.resume();
    return response.statusCode !== 202;
  }

  /** What happens to it, from the beginning or after an event, as server-sent events. */
  events(id: string, lastEventId: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.http.send('GET', `${path(id)}/stream`, {
      headers: { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
      signal,
    });
  }

  /** As a file. @param extension `txt`, `csv` or `json`; `script`: what it was given */
  async download(id: string, extension: string): Promise<IncomingMessage> {
    const query = extension === 'script' ? { extension: 'txt', 'blob-type': 'session_input' } : { extension };
    const answer = await this.http.json('GET', path(id), { query });
    const link = this.read(() => string(record(answer, 'answer')['download_url'], 'download_url'));
    const { pathname, searchParams } = new URL(link);
    // By our own way to the server, whatever it is called there.
    const file = pathname.endsWith('/input') ? '/download/input' : '/download';
    return this.http.send('GET', `${path(id)}${file}`, { query: Object.fromEntries(searchParams) });
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.http.url, reading);
  }
}

function bodyOf(request: SessionRequest): object {
  const { connection, script, args, env = {}, files = {}, metadata, timeout, statement } = request;
  const base64 = (kind: string, of: Readonly<Record<string, string | Buffer>>) =>
    Object.entries(of).map(([name, value]) => [`${kind}:${name}`, Buffer.from(value).toString('base64')]);
  const variables = [...base64('envvar', env), ...base64('filesystem', files)];
  return {
    connection,
    script,
    client_args: args.length > 0 ? args : undefined,
    metadata,
    env_vars: variables.length > 0 ? (Object.fromEntries(variables) as object) : undefined,
    timeout,
    statement,
  };
}
