import { type IncomingMessage } from 'node:http';
import { formWith } from '../http/form.js';
import { type HttpClient } from '../http/http-client.js';
import { socketMessages, type SocketMessagesOptions } from '../http/socket-messages.js';
import { AuditApi } from './audit-api.js';
import {
  type Campaign,
  type CampaignHost,
  type LiveEvent,
  readCampaign,
  readCampaignHost,
  readLiveEvent,
  readSavedQuery,
  readStartedCampaign,
  type SavedQuery,
  type StartedCampaign,
} from './campaign-shapes.js';
import { CommandsApi, type Share } from './commands-api.js';
import { type SignedStatement } from '#libs/protocol/index';
import { InstancesApi } from './instances-api.js';
import { ConnectionsApi } from './connections-api.js';
import { KeysApi } from './keys-api.js';
import { list, number, readAnswer, record, string } from './read.js';
import { ReviewsApi } from './reviews-api.js';
import { SessionsApi } from './sessions-api.js';
import {
  type Execution,
  type Host,
  type OutputPage,
  readExecution,
  readHost,
  readOutputPage,
  readScript,
  readUser,
  type Script,
  type User,
} from './shapes.js';
import { SpecsApi } from './specs-api.js';

export interface ScriptRequest {
  readonly hostId: number;
  readonly contents: string;
  readonly arguments?: readonly string[];
  readonly timeoutSeconds?: number;
  readonly statement?: SignedStatement;
}

/** A live query to be started: either SQL or a saved query. */
export interface LiveQueryRequest {
  readonly sql?: string;
  readonly queryId?: number;
  /** Names, as people know them. */
  readonly hosts: readonly string[];
  readonly labels: readonly string[];
  readonly teams: readonly string[];
  readonly aggregate?: string;
  readonly hostSeconds?: number;
  readonly hostRows?: number;
  readonly statement?: SignedStatement;
}

export interface HostFilter {
  /** 0: of no team. */
  readonly teamId?: number;
  readonly status?: 'online' | 'offline';
}

export interface Name {
  readonly type: 'host' | 'label' | 'team';
  readonly identifier: string;
}

const fleet = '/api/v1/fleet';
const executions = '/api/v1/executions';
const campaigns = '/api/v1/campaigns';

/** The server's API as far as the commands use it. */
export class MusterApi {
  constructor(private readonly http: HttpClient) {}

  get url(): string {
    return this.http.url;
  }

  /** Script instances and their history. */
  get instances(): InstancesApi {
    return new InstancesApi(this.http);
  }

  /** The fleet as files. */
  get specs(): SpecsApi {
    return new SpecsApi(this.http);
  }

  /** Commands on hosts, and the jobs that they are. */
  get commands(): CommandsApi {
    return new CommandsApi(this.http);
  }

  /** Sessions through connections. */
  get sessions(): SessionsApi {
    return new SessionsApi(this.http);
  }

  /** What waits for approval. */
  get reviews(): ReviewsApi {
    return new ReviewsApi(this.http);
  }

  /** Who did what. */
  get audit(): AuditApi {
    return new AuditApi(this.http);
  }

  /** Keys of people who sign. */
  get keys(): KeysApi {
    return new KeysApi(this.http);
  }

  /** Recipes for sessions. */
  get connections(): ConnectionsApi {
    return new ConnectionsApi(this.http);
  }

  async ready(signal?: AbortSignal): Promise<void> {
    const response = await this.http.send('GET', '/readyz', { signal });
    response.resume();
  }

  async login(email: string, password: string): Promise<{ token: string; user: User }> {
    const answer = await this.http.json('POST', `${fleet}/login`, { body: { email, password } });
    return this.read(() => {
      const login = record(answer, 'answer');
      return { token: string(login['token'], 'token'), user: readUser(login['user'], 'user') };
    });
  }

  async logout(): Promise<void> {
    await this.http.json('POST', `${fleet}/logout`, { body: {} });
  }

  async me(): Promise<User> {
    const answer = await this.http.json('GET', `${fleet}/me`);
    return this.read(() => readUser(record(answer, 'answer')['user'], 'user'));
  }

  async hosts(filter: HostFilter = {}, signal?: AbortSignal): Promise<Host[]> {
    const query = { team_id: filter.teamId?.toString(), status: filter.status };
    const answer = await this.http.json('GET', `${fleet}/hosts`, { query, signal });
    return this.read(() => list(record(answer, 'answer')['hosts'] ?? [], readHost, 'hosts'));
  }

  /** @param identifier id, uuid or hostname */
  async host(identifier: string): Promise<Host> {
    const answer = await this.http.json('GET', `${fleet}/hosts/identifier/${encodeURIComponent(identifier)}`);
    return this.read(() => readHost(record(answer, 'answer')['host'], 'host'));
  }

  /** All of them, or none; null: to no team. */
  async transferHosts(teamId: number | null, hostIds: readonly number[]): Promise<void> {
    await this.http.json('POST', `${fleet}/hosts/transfer`, { body: { team_id: teamId, hosts: hostIds } });
  }

  /** Its machine may enroll again without the host's key, once. @returns until when, as text */
  async allowReenrolment(hostId: number, seconds: number | undefined): Promise<string> {
    const answer = await this.http.json('POST', `${fleet}/hosts/${hostId}/reenroll`, {
      body: { expires_in: seconds },
    });
    return this.read(() => string(record(answer, 'answer')['expires_at'], 'expires_at'));
  }

  /** It may not any more. */
  async withdrawReenrolment(hostId: number): Promise<void> {
    await this.http.json('DELETE', `${fleet}/hosts/${hostId}/reenroll`);
  }

  /** The ids of what is known by name, in the same order. */
  async idsOf(names: readonly Name[]): Promise<number[]> {
    if (names.length === 0) return [];
    const body = { list: names.map(({ type, identifier }) => ({ type, payload: { identifier } })) };
    const answer = await this.http.json('POST', `${fleet}/translate`, { body });
    return this.read(() =>
      list(
        record(answer, 'answer')['list'],
        (item, at) => number(record(record(item, at)['payload'], `${at}.payload`)['id'], `${at}.payload.id`),
        'list',
      ),
    );
  }

  /** @returns the execution's id */
  async runScript(script: ScriptRequest): Promise<string> {
    const answer = await this.http.json('POST', `${fleet}/scripts/run`, {
      body: {
        host_id: script.hostId,
        script_contents: script.contents,
        arguments: script.arguments?.length ? script.arguments : undefined,
        timeout: script.timeoutSeconds,
        statement: script.statement,
      },
    });
    return this.read(() => string(record(answer, 'answer')['execution_id'], 'execution_id'));
  }

  /** Saved scripts of a team, or of no team. */
  async scripts(team: number | undefined): Promise<Script[]> {
    const answer = await this.http.json('GET', `${fleet}/scripts`, { query: { team_id: team?.toString() } });
    return this.read(() => list(record(answer, 'answer')['scripts'] ?? [], readScript, 'scripts'));
  }

  async script(id: number): Promise<Script> {
    const answer = await this.http.json('GET', `${fleet}/scripts/${id}`);
    return this.read(() => readScript(answer, 'script'));
  }

  /** What it stands for now, as it comes. */
  scriptContents(id: number): Promise<IncomingMessage> {
    return this.http.send('GET', `${fleet}/scripts/${id}`, { query: { alt: 'media' } });
  }

  /** @returns the script's id */
  async addScript(name: string, contents: Buffer, team: number | undefined): Promise<number> {
    const raw = formWith({ team_id: team?.toString() }, 'script', { name, contents });
    const answer = await this.http.json('POST', `${fleet}/scripts`, { raw });
    return this.read(() => number(record(answer, 'answer')['script_id'], 'script_id'));
  }

  async removeScript(id: number): Promise<void> {
    await this.http.json('DELETE', `${fleet}/scripts/${id}`);
  }

  async execution(id: string, signal?: AbortSignal): Promise<Execution> {
    const answer = await this.http.json('GET', `${executions}/${encodeURIComponent(id)}`, { signal });
    return this.read(() => readExecution(answer, 'execution'));
  }

  async output(id: string, after: string | undefined): Promise<OutputPage> {
    const answer = await this.http.json('GET', `${executions}/${encodeURIComponent(id)}/output`, {
      query: { after },
    });
    return this.read(() => readOutputPage(answer, 'output'));
  }

  /** The same as it grows, as server-sent events. */
  outputEvents(id: string, lastEventId: string, signal: AbortSignal): Promise<IncomingMessage> {
    return this.http.send('GET', `${executions}/${encodeURIComponent(id)}/output`, {
      headers: { accept: 'text/event-stream', ...(lastEventId ? { 'last-event-id': lastEventId } : {}) },
      signal,
    });
  }

  async cancel(id: string, target?: string): Promise<void> {
    await this.http.json('POST', `${executions}/${encodeURIComponent(id)}/cancel`, { query: { target } });
  }

  /** Goes on with one that was halted. @param maxFailures from now on; absent: as before */
  async resume(id: string, maxFailures: Share | undefined): Promise<Execution> {
    const answer = await this.http.json('POST', `${executions}/${encodeURIComponent(id)}/resume`, {
      body: { max_failures: maxFailures },
    });
    return this.read(() => readExecution(answer, 'execution'));
  }

  /** Saved queries of a team, or of no team, with this text in their names. */
  async savedQueries(text: string, team: number | undefined): Promise<SavedQuery[]> {
    const query = { query: text, team_id: team?.toString() };
    const answer = await this.http.json('GET', `${fleet}/queries`, { query });
    return this.read(() => list(record(answer, 'answer')['queries'] ?? [], readSavedQuery, 'queries'));
  }

  async runQuery(request: LiveQueryRequest): Promise<StartedCampaign> {
    const { sql, queryId, hosts, labels, teams, aggregate, hostSeconds, hostRows, statement } = request;
    const answer = await this.http.json('POST', `${fleet}/queries/run_by_names`, {
      body: {
        query: sql,
        query_id: queryId,
        selected: { hosts, labels, teams },
        aggregate,
        limits: { host_seconds: hostSeconds, host_rows: hostRows },
        statement,
      },
    });
    return this.read(() => readStartedCampaign(record(answer, 'answer')['campaign'], 'campaign'));
  }

  /** What happens to a live query after the cursor, over one connection, until that ends. */
  async *liveEvents(
    campaignId: number,
    after: number,
    options: Omit<SocketMessagesOptions, 'greeting'>,
  ): AsyncGenerator<LiveEvent, void> {
    const socket = await this.http.webSocket(`${fleet}/results/websocket`);
    const greeting = [
      { type: 'auth', data: { token: this.http.token } },
      { type: 'select_campaign', data: { campaign_id: campaignId, after } },
    ].map((message) => JSON.stringify(message));
    for await (const text of socketMessages(socket, { ...options, greeting })) {
      const event = this.read(() => readLiveEvent(text, 'message'));
      if (event) yield event;
    }
  }

  async campaign(id: number): Promise<Campaign> {
    const answer = await this.http.json('GET', `${campaigns}/${id}`);
    return this.read(() => readCampaign(answer, 'campaign'));
  }

  async campaignHosts(id: number): Promise<CampaignHost[]> {
    const answer = await this.http.json('GET', `${campaigns}/${id}/hosts`);
    return this.read(() => list(record(answer, 'answer')['hosts'], readCampaignHost, 'hosts'));
  }

  /** One that is over stays as it is. */
  async cancelCampaign(id: number): Promise<void> {
    await this.http.json('POST', `${campaigns}/${id}/cancel`);
  }

  close(): void {
    this.http.close();
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.url, reading);
  }
}
