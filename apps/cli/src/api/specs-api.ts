import { type HttpClient } from '../http/http-client.js';
import { list, number, optional, readAnswer, record, string } from './read.js';

type Raw = Record<string, unknown>;

/** What the API calls the kinds that it takes many of at once. */
export type SpecList = 'queries' | 'labels' | 'packs' | 'teams' | 'policies' | 'script_instances';

export interface ApplyOptions {
  /** Check everything, change nothing. */
  readonly dryRun: boolean;
  /** Of teams: keep agent options whose keys are not known. */
  readonly force: boolean;
}

/** Specs by kind. */
export type SpecSet = Partial<Record<SpecList, readonly unknown[]>> & { readonly enroll_secret?: unknown };

/** What applying one spec would do. */
export interface SpecChange {
  readonly change: 'added' | 'changed' | 'unchanged';
  /** Names of the fields that would become something else. */
  readonly fields: readonly string[];
}

/** The same of the object that it is about. */
export interface NamedChange extends SpecChange {
  readonly kind: string;
  /** Empty: there is only one of its kind. */
  readonly name: string;
  /** Empty: of none. */
  readonly team: string;
}

export interface TeamRow {
  readonly id: number;
  readonly name: string;
  readonly raw: Raw;
}

const fleet = '/api/v1/fleet';
/** Large sets are one transaction each. */
const APPLY_TIMEOUT_MS = 600_000;
const CHANGES = ['added', 'changed', 'unchanged'] as const;

/** The parts of the API that give and take the fleet as files. */
export class SpecsApi {
  constructor(private readonly http: HttpClient) {}

  /**
   * What applying these would do; nothing is changed. They are checked as if they were applied, and may name each other.
   * @throws CliError naming what the server would refuse: `queries[2].interval`
   */
  async diff(specs: SpecSet, force: boolean): Promise<NamedChange[]> {
    const answer = await this.http.json('POST', `${fleet}/spec/diff`, {
      body: specs,
      query: { force: force ? 'true' : undefined },
      timeoutMs: APPLY_TIMEOUT_MS,
    });
    return this.read(() => list(record(answer, 'answer')['changes'], readChange, 'changes'));
  }

  /** As documents. @param teamId of scripts of this team; absent: of no team */
  async scriptInstances(teamId: number | undefined): Promise<Raw[]> {
    const query = { team_id: teamId?.toString() };
    const answer = await this.http.json('GET', `${fleet}/spec/script_instances`, { query });
    return this.read(() => list(record(answer, 'answer')['specs'], record, 'specs'));
  }

  /** All of them, or none. */
  async apply(called: SpecList, specs: readonly unknown[], options: ApplyOptions): Promise<void> {
    const query = { ...dryRun(options), force: called === 'teams' && options.force ? 'true' : undefined };
    await this.http.json('POST', `${fleet}/spec/${called}`, {
      body: { specs },
      query,
      timeoutMs: APPLY_TIMEOUT_MS,
    });
  }

  /** @param spec `{ secrets: [{ secret }] }`: the enroll secrets of hosts of no team, instead of those that there are */
  async applyEnrollSecret(spec: unknown, options: ApplyOptions): Promise<void> {
    await this.http.json('POST', `${fleet}/spec/enroll_secret`, { body: { spec }, query: dryRun(options) });
  }

  /** @param patch what is absent stays as it is */
  async applyConfig(patch: unknown, options: ApplyOptions): Promise<void> {
    await this.http.json('PATCH', `${fleet}/config`, { body: patch, query: dryRun(options) });
  }

  /** @param roles `{ global_role, teams: [{ team, role }] }` by e-mail */
  async applyRoles(roles: Raw, options: ApplyOptions): Promise<void> {
    await this.http.json('POST', `${fleet}/users/roles/spec`, {
      body: { spec: { roles } },
      query: dryRun(options),
    });
  }

  async config(): Promise<Raw> {
    const answer = await this.http.json('GET', `${fleet}/config`);
    return this.read(() => record(answer, 'answer'));
  }

  /** @param kind of those with a spec of their own: `{ specs: […] }` */
  specs(kind: 'labels' | 'packs'): Promise<Raw[]> {
    return this.rows(`spec/${kind}`, 'specs');
  }

  /** @param teamId absent: queries for all hosts */
  queries(teamId?: number): Promise<Raw[]> {
    return this.rows('queries', 'queries', { team_id: teamId?.toString() });
  }

  /** @param teamId absent: policies for all hosts; 0: for hosts of no team */
  policies(teamId?: number): Promise<Raw[]> {
    const path = teamId === undefined ? 'global/policies' : `teams/${teamId}/policies`;
    return this.rows(path, 'policies');
  }

  /** The enroll secrets of hosts of no team. */
  async enrollSecrets(): Promise<Raw[]> {
    const answer = await this.http.json('GET', `${fleet}/spec/enroll_secret`);
    return this.read(() => {
      const spec = record(record(answer, 'answer')['spec'], 'spec');
      return list(spec['secrets'] ?? [], record, 'spec.secrets');
    });
  }

  /** Those on which the caller has a role. */
  async teams(): Promise<TeamRow[]> {
    const rows = await this.rows('teams', 'teams');
    return this.read(() =>
      rows.map((raw, index) => ({
        id: number(raw['id'], `teams[${index}].id`),
        name: string(raw['name'], `teams[${index}].name`),
        raw,
      })),
    );
  }

  users(): Promise<Raw[]> {
    return this.rows('users', 'users');
  }

  private async rows(path: string, key: string, query?: Record<string, string | undefined>): Promise<Raw[]> {
    const answer = await this.http.json('GET', `${fleet}/${path}`, { ...(query && { query }) });
    return this.read(() => list(record(answer, 'answer')[key] ?? [], record, key));
  }

  private read<T>(reading: () => T): T {
    return readAnswer(this.http.url, reading);
  }
}

function dryRun(options: ApplyOptions): Record<string, string | undefined> {
  return { dry_run: options.dryRun ? 'true' : undefined };
}

function readChange(value: unknown, at: string): NamedChange {
  const raw = record(value, at);
  const change = string(raw['change'], `${at}.change`);
  const kind = string(raw['kind'], `${at}.kind`);
  return {
    kind,
    name: kind === 'enroll_secret' ? '' : string(raw['name'], `${at}.name`),
    team: optional(raw['team'], string, `${at}.team`) ?? '',
    // What a newer server calls otherwise is at least no reason to leave it out.
    change: CHANGES.find((each) => each === change) ?? 'changed',
    fields: Object.keys(optional(raw['fields'], record, `${at}.fields`) ?? {}),
  };
}
