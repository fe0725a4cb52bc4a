import { type HttpClient } from '../http/http-client.js';
import { list, number, optional, readAnswer, record, string } from './read.js';

type Raw = Record<string, unknown>;

/** A run of an instance, as RipEX2's methods tell of it. */
export interface Run {
  readonly id: number;
  /** Empty: its host is gone. */
  readonly host: string;
  readonly script: string;
  readonly instance: string;
  readonly state: string;
  /** Seconds since 1970. */
  readonly startedAt: number;
  /** What started it: `manual by me@example.com`, `xpath /networking/eth0`. */
  readonly trigger: string;
  /** Milliseconds. */
  readonly duration?: number;
  readonly exitCode?: number;
  readonly raw: Raw;
}

/** One instance in an overview. */
export interface OverviewRow {
  readonly script: string;
  readonly instance: string;
  readonly last?: Run;
}

/** What became of a start or a stop on one host. */
export interface HostResult {
  readonly host: string;
  readonly state?: string;
  readonly error?: string;
}

export interface RunFilter {
  readonly script?: string;
  readonly instances?: readonly string[];
  readonly states?: readonly string[];
  readonly exitCodes?: readonly number[];
  readonly outdated?: boolean;
  readonly allKinds?: boolean;
  readonly host?: string;
  readonly team?: number;
}

const fleet = '/api/v1/fleet';
/** Hosts have their time to answer. */
const START_TIMEOUT_MS = 120_000;

/** The parts of the API around script instances. */
export class InstancesApi {
  constructor(private readonly http: HttpClient) {}

  async overview(
    host: string | undefined,
    team: number | undefined,
  ): Promise<{ rows: OverviewRow[]; raw: unknown }> {
    const raw = await this.method('script_overview_get', { host, team_id: team });
    const rows = this.read(() =>
      list(record(raw, 'answer')['scripts'], record, 'scripts').flatMap((script) =>
        list(script['instances'], record, 'instances').map((instance) => {
          const name = string(instance['name'], 'name');
          const named = {
            script: string(script['name'], 'name'),
            instance: name,
          };
          const last = optional(instance['last_execution'], record, 'last_execution');
          return {
            ...named,
            ...(last && {
              last: readRun({ ...last, script_name: named.script, instance_name: name }, 'run'),
            }),
          };
        }),
      ),
    );
    return { rows, raw };
  }

  async save(scriptId: number, name: string, body: Raw): Promise<Raw> {
    const path = `${fleet}/scripts/${scriptId}/instances/${encodeURIComponent(name)}`;
    return record(await this.http.json('PUT', path, { body }), 'answer');
  }

  async remove(scriptId: number, name: string): Promise<void> {
    await this.http.json('DELETE', `${fleet}/scripts/${scriptId}/instances/${encodeURIComponent(name)}`);
  }

  async start(
    what: 'script_start' | 'script_stop',
    names: { script: string; instance: string; host?: string | undefined; team?: number | undefined },
  ): Promise<{ last?: Run; hosts: HostResult[]; raw: unknown }> {
    const { script, instance, host, team } = names;
    const raw = await this.method(what, {
      script_name: script,
      instance_name: instance,
      host,
      team_id: team,
    });
    return this.read(() => {
      const answer = record(raw, 'answer');
      const hosts = list(answer['hosts'] ?? [], record, 'hosts').map((each) => {
        const error = optional(each['error'], record, 'error');
        const last = optional(each['last_execution'], record, 'last_execution');
        return {
          host: string(each['host'], 'host'),
          ...(last && { state: string(last['state'], 'state') }),
          ...(error && { error: string(error['message'], 'message') }),
        };
      });
      const [first] = list(answer['scripts'], record, 'scripts');
      const [one] = list(first?.['instances'] ?? [], record, 'instances');
      const last = optional(one?.['last_execution'], record, 'last_execution');
      return {
        hosts,
        raw,
        ...(last && { last: readRun({ ...last, script_name: script, instance_name: instance }, 'run') }),
      };
    });
  }

  /** The highest id first. @param limit negative: the newest, or those before `id` */
  async history(filter: RunFilter, limit: number, id?: number): Promise<{ runs: Run[]; raw: unknown }> {
    const { script, instances, states, exitCodes } = filter;
    const raw = await this.method('script_execution_get', {
      filter: {
        ...(script !== undefined && {
          instances: [{ script_name: script, ...(instances && { instance_names: instances }) }],
        }),
        ...(states && { states }),
        ...(exitCodes && { exit_codes: exitCodes }),
        include_outdated: filter.outdated,
      },
      pagination: { limit, id_exclusive: id },
      host: filter.host,
      team_id: filter.team,
      include_all_kinds: filter.allKinds,
    });
    const runs = this.read(() => list(record(raw, 'answer')['executions'], readRun, 'executions'));
    return { runs, raw };
  }

  /** XML, or the value of an expression that selects no nodes. */
  async facts(hostId: number, xpath: string | undefined): Promise<{ text: string; raw: unknown }> {
    const raw = await this.http.json('GET', `${fleet}/hosts/${hostId}/facts`, {
      query: { xpath },
      timeoutMs: START_TIMEOUT_MS,
    });
    const { xml, value } = record(raw, 'answer');
    return { text: typeof xml === 'string' ? xml : String(value), raw };
  }

  private method(name: string, params: object): Promise<unknown> {
    return this.http.json('POST', `/api/rpc/${name}`, { body: params, timeoutMs: START_TIMEOUT_MS });
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.http.url, reading);
  }
}

function readRun(value: unknown, at: string): Run {
  const raw = record(value, at);
  const trigger = record(raw['start_trigger'], `${at}.start_trigger`);
  const username = optional(trigger['username'], string, `${at}.start_trigger.username`);
  const duration = optional(raw['duration'], number, `${at}.duration`);
  const exitCode = optional(raw['exit_code'], number, `${at}.exit_code`);
  return {
    id: number(raw['id'], `${at}.id`),
    host: optional(raw['host'], string, `${at}.host`) ?? '',
    script: string(raw['script_name'], `${at}.script_name`),
    instance: string(raw['instance_name'], `${at}.instance_name`),
    state: string(raw['state'], `${at}.state`),
    startedAt: number(raw['start_timestamp'], `${at}.start_timestamp`),
    trigger: [
      string(trigger['type'], `${at}.start_trigger.type`),
      optional(trigger['setting'], string, `${at}.start_trigger.setting`) ??
        (username === undefined ? undefined : `by ${username}`),
    ]
      .filter((part) => part !== undefined)
      .join(' '),
    ...(duration !== undefined && { duration }),
    ...(exitCode !== undefined && { exitCode }),
    raw,
  };
}
