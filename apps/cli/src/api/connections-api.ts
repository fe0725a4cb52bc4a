import { ApiError } from '../http/api-error.js';
import { type HttpClient } from '../http/http-client.js';
import { list, optional, readAnswer, record, string } from './read.js';

type Raw = Record<string, unknown>;

/** A named recipe for sessions. */
export interface Connection {
  name: string;
  type: string;
  subtype: string;
  command: string[];
  agent: string;
  /** `online` or `offline`; undefined: the server did not look. */
  status: string | undefined;
  reviewers: string[];
  raw: Raw;
}

function readConnection(value: unknown, at: string): Connection {
  const raw = record(value, at);
  return {
    name: string(raw['name'], `${at}.name`),
    type: string(raw['type'], `${at}.type`),
    subtype: optional(raw['subtype'], string, `${at}.subtype`) ?? '',
    command: list(raw['command'] ?? [], string, `${at}.command`),
    agent: optional(raw['agent_id'], string, `${at}.agent_id`) ?? '',
    status: optional(raw['status'], string, `${at}.status`),
    reviewers: list(raw['reviewers'] ?? [], string, `${at}.reviewers`),
    raw,
  };
}

export interface ConnectionFilter {
  /** Part of a name or type. */
  readonly search?: string;
  readonly type?: string;
  readonly agent?: string;
}

const connections = '/api/connections';
const path = (name: string): string => `${connections}/${encodeURIComponent(name)}`;

/** What is run to test one may take 15 s. */
const TEST_TIMEOUT_MS = 60_000;

export class ConnectionsApi {
  constructor(private readonly http: HttpClient) {}

  /** By name. */
  async list({ search, type, agent }: ConnectionFilter): Promise<Connection[]> {
    const answer = await this.http.json('GET', connections, { query: { search, type, agent_id: agent } });
    return readAnswer(this.http.url, () => list(answer, readConnection, 'answer'));
  }

  async get(name: string): Promise<Connection> {
    const answer = await this.http.json('GET', path(name));
    return readAnswer(this.http.url, () => readConnection(answer, 'connection'));
  }

  /** Makes it what the fields say, or makes one. */
  async put(name: string, fields: Readonly<Raw>): Promise<{ created: boolean; connection: Connection }> {
    let created = false;
    let answer: unknown;
    try {
      answer = await this.http.json('PUT', path(name), { body: { ...fields, name } });
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      created = true;
      answer = await this.http.json('POST', connections, { body: { ...fields, name } });
    }
    return { created, connection: readAnswer(this.http.url, () => readConnection(answer, 'connection')) };
  }

  async remove(name: string): Promise<void> {
    await this.http.json('DELETE', path(name));
  }

  /** @throws ApiError that says why none of its sessions would work */
  async test(name: string): Promise<void> {
    await this.http.json('GET', `${path(name)}/test`, { timeoutMs: TEST_TIMEOUT_MS });
  }
}
